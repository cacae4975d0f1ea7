//! Text in other spellings: `from_base64`, `url_decode`, `url_encode`, `url_encode_component`, `hash`.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let rows = context.sql("SELECT url_decode('a%20b+c') AS text").await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("a b c"));
//! # Ok(())
//! # }
//! ```

use std::fmt::Write;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use datafusion::logical_expr::{Documentation, ScalarUDF};
use sha2::Digest;

use crate::documentation::documentation;
use crate::row::{Each, Gives, Made, RowFunction, Shape, Takes};
use crate::warnings::Warnings;

/// As Java decodes: padding may be missing, and the bits that no byte takes may be anything.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Returns the functions of this file, reporting to `warnings`.
pub(crate) fn functions(warnings: &Warnings) -> Vec<ScalarUDF> {
    let of_text = |name, each, documentation| Shape {
        name,
        takes: &[Takes::Text],
        optional: 0,
        gives: Gives::Text,
        each,
        check: None,
        documentation,
    };
    let hash = Shape {
        takes: &[Takes::Text, Takes::Text],
        check: Some((0, |algorithm| digest(algorithm, "").map(drop).ok_or_else(|| no_algorithm(algorithm)))),
        ..of_text("hash", hash, describe_hash)
    };
    let shapes = [
        of_text("from_base64", from_base64, describe_from_base64),
        of_text("url_decode", url_decode, describe_decode),
        of_text("url_encode", || url_encode("+"), describe_encode),
        of_text("url_encode_component", || url_encode("%20"), describe_component),
        hash,
    ];
    shapes.into_iter().map(|shape| RowFunction::udf(shape, warnings)).collect()
}

fn from_base64() -> Each {
    Box::new(|values| {
        let [text] = values else { return Ok(Made::Null) };
        let bytes = LENIENT.decode(text.text()).map_err(|_| "no base64, taken as null")?;
        Ok(Made::Text(String::from_utf8_lossy(&bytes).into_owned()))
    })
}

fn url_decode() -> Each {
    Box::new(|values| {
        let [text] = values else { return Ok(Made::Null) };
        decode(text.text()).map(Made::Text).ok_or("no encoded URL, taken as null")
    })
}

/// A percent sign stands before two hexadecimal digits, a plus for a blank.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn url_encode(blank: &'static str) -> Each {
    Box::new(move |values| {
        let [text] = values else { return Ok(Made::Null) };
        let mut made = String::with_capacity(text.text().len());
        for byte in text.text().bytes() {
            match byte {
                b' ' => made.push_str(blank),
                b'.' | b'*' | b'_' | b'-' => made.push(char::from(byte)),
                letter if letter.is_ascii_alphanumeric() => made.push(char::from(letter)),
                // Writing to a string cannot fail.
                other => _ = write!(made, "%{other:02X}"),
            }
        }
        Ok(Made::Text(made))
    })
}

fn hash() -> Each {
    Box::new(|values| {
        let [algorithm, text] = values else { return Ok(Made::Null) };
        digest(algorithm.text(), text.text()).map(Made::Text).ok_or("no algorithm of hashing, taken as null")
    })
}

/// The digest of a text in hexadecimal digits, by the name that Java gives its algorithm.
fn digest(algorithm: &str, text: &str) -> Option<String> {
    let bytes = match algorithm.to_ascii_uppercase().as_str() {
        "MD5" => md5::Md5::digest(text).to_vec(),
        "SHA" | "SHA1" | "SHA-1" => sha1_smol::Sha1::from(text).digest().bytes().to_vec(),
        "SHA-224" | "SHA224" => sha2::Sha224::digest(text).to_vec(),
        "SHA-256" | "SHA256" => sha2::Sha256::digest(text).to_vec(),
        "SHA-384" | "SHA384" => sha2::Sha384::digest(text).to_vec(),
        "SHA-512" | "SHA512" => sha2::Sha512::digest(text).to_vec(),
        _ => return None,
    };
    let mut made = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(made, "{byte:02x}");
    }
    Some(made)
}

fn no_algorithm(found: &str) -> String {
    format!("found '{found}' as the algorithm, expected md5, sha-1, sha-224, sha-256, sha-384 or sha-512")
}

fn describe_from_base64() -> Documentation {
    documentation(
        "Returns the text that base64 encodes; null, with a warning, if it is no base64. Bytes that are no UTF-8 are \
         replaced.",
        "from_base64(text)",
        "SELECT from_base64('ZWdyZXQ=');",
    )
    .with_argument("text", "Text.")
    .build()
}

fn describe_decode() -> Documentation {
    documentation(
        "Returns a text without the encoding of URLs; null, with a warning, if a percent sign stands before no two \
         hexadecimal digits.",
        "url_decode(text)",
        "SELECT url_decode('a%2Fb+c');",
    )
    .with_argument("text", "Text.")
    .build()
}

fn describe_encode() -> Documentation {
    documentation(
        "Returns a text in the encoding of URLs, blanks as plus signs.",
        "url_encode(text)",
        "SELECT url_encode('a/b c');",
    )
    .with_argument("text", "Text.")
    .build()
}

fn describe_component() -> Documentation {
    documentation(
        "Returns a text in the encoding of URLs, blanks as `%20`.",
        "url_encode_component(text)",
        "SELECT url_encode_component('a/b c');",
    )
    .with_argument("text", "Text.")
    .build()
}

fn describe_hash() -> Documentation {
    documentation(
        "Returns the digest of a text in hexadecimal digits.",
        "hash(algorithm, text)",
        "SELECT hash('sha-1', 'egret');",
    )
    .with_argument("algorithm", "Text: md5, sha-1, sha-224, sha-256, sha-384 or sha-512.")
    .with_argument("text", "Text.")
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_as_java_does() {
        assert_eq!(decode("a%20b+c%c3%a9").as_deref(), Some("a b cé"));
        assert_eq!(decode("%FF").as_deref(), Some("\u{fffd}"));
        for wrong in ["%", "%2", "100% sure", "%zz"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn digests_are_known() {
        assert_eq!(digest("md5", "").as_deref(), Some("d41d8cd98f00b204e9800998ecf8427e"));
        assert_eq!(digest("SHA-1", "abc").as_deref(), Some("a9993e364706816aba3e25717850c26c9cd0d89d"));
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest("sha-256", "abc").as_deref(), Some(sha256));
        assert_eq!(digest("crc32", "abc"), None);
    }
}
