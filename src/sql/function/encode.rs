//! Text in other spellings: base64, URLs, digests, JSON.

use datafusion::sql::sqlparser::ast::Expr as Sql;

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;

use super::{Call, Function, scalar};

/// A function of one text that SQL knows under the same name.
macro_rules! of_text {
    ($name:literal, $summary:literal, $example:literal, $gives:literal) => {
        scalar(
            ($name, concat!($name, "(text) -> keyword")),
            (1, 1),
            $summary,
            (concat!($name, "(\"", $example, "\")"), concat!("\"", $gives, "\"")),
            |lowering, call, _| lowering.of_texts(call, $name, Type::Keyword),
        )
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    scalar(
        ("to_base64", "to_base64(text) -> keyword"),
        (1, 1),
        "the text in base64",
        ("to_base64(\"egret\")", "\"ZWdyZXQ=\""),
        |lowering, call, _| through(lowering, call, |text| build::call("encode", [text, build::text("base64pad")])),
    ),
    of_text!("from_base64", "the text that base64 encodes", "ZWdyZXQ=", "egret"),
    of_text!("url_encode", "the text in the encoding of URLs, blanks as plus signs", "a/b c", "a%2Fb+c"),
    of_text!("url_encode_component", "the text in the encoding of URLs, blanks as %20", "a/b c", "a%2Fb%20c"),
    of_text!("url_decode", "the text without the encoding of URLs", "a%2Fb+c", "a/b c"),
    scalar(
        ("md5", "md5(text) -> keyword"),
        (1, 1),
        "the MD5 digest of a text, in hexadecimal digits",
        ("md5(\"egret\")", "\"fe4b74fa1cace8f51710b47b6561993d\""),
        |lowering, call, _| through(lowering, call, |text| build::call("md5", [text])),
    ),
    scalar(
        ("sha1", "sha1(text) -> keyword"),
        (1, 1),
        "the SHA-1 digest of a text, in hexadecimal digits",
        ("sha1(\"egret\")", "\"ec9eee9daa4e7923d7753cad30c4b01273928e9f\""),
        |lowering, call, _| through(lowering, call, |text| build::call("hash", [build::text("sha-1"), text])),
    ),
    scalar(
        ("sha256", "sha256(text) -> keyword"),
        (1, 1),
        "the SHA-256 digest of a text, in hexadecimal digits",
        ("sha256(\"egret\")", "\"4e2bc035c007a3f6f3613e26d7ee4b15806b2fb847dda069c7080b0a9bdd2b64\""),
        |lowering, call, _| {
            let hex = |text| build::call("encode", [build::call("sha256", [text]), build::text("hex")]);
            through(lowering, call, hex)
        },
    ),
    scalar(
        ("hash", "hash(algorithm, text) -> keyword"),
        (2, 2),
        "the digest of a text, in hexadecimal digits: md5, sha-1, sha-224, sha-256, sha-384 or sha-512",
        ("hash(\"md5\", \"egret\")", "\"fe4b74fa1cace8f51710b47b6561993d\""),
        |lowering, call, _| lowering.of_texts(call, "hash", Type::Keyword),
    ),
    scalar(
        ("json_extract", "json_extract(text, path) -> keyword"),
        (2, 2),
        "what stands at a place of a JSON text, as text",
        ("json_extract(\"\"\"{\"user\": {\"ids\": [7, 9]}}\"\"\", \"user.ids[1]\")", "\"9\""),
        |lowering, call, _| lowering.of_texts(call, "json_extract", Type::Keyword),
    ),
];

fn through(lowering: &mut Lowering<'_>, call: &Call<'_>, make: impl FnOnce(Sql) -> Sql) -> Option<Typed> {
    let text = lowering.text_argument(call, call.args.first()?)?;
    Some(Typed::single(make(text), Type::Keyword))
}
