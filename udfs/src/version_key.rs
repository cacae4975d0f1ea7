//! `version_key(x)`: the bytes by which versions of software order.
//!
//! Numbers between dots compare as numbers, what stands behind a hyphen comes before the version without it, and what is
//! no version comes behind all that are, as text.

use datafusion::logical_expr::{Documentation, ScalarUDF};

use crate::documentation::documentation;
use crate::row::{Each, Gives, Made, RowFunction, Shape, Takes};
use crate::warnings::Warnings;

/// Returns the function `version_key`.
pub(crate) fn version_key(warnings: &Warnings) -> ScalarUDF {
    let shape = Shape {
        name: "version_key",
        takes: &[Takes::Text],
        optional: 0,
        gives: Gives::Bytes,
        each,
        check: None,
        documentation: describe,
    };
    RowFunction::udf(shape, warnings)
}

fn each() -> Each {
    Box::new(|values| {
        let [text] = values else { return Ok(Made::Null) };
        Ok(Made::Bytes(key(text.text())))
    })
}

const VALID: u8 = 1;
const INVALID: u8 = 2;
/// What ends a list of parts sorts below every part.
const END: u8 = 0;
const NUMBER: u8 = 1;
const WORD: u8 = 2;
const PRERELEASE: u8 = 1;
const RELEASE: u8 = 2;

/// The bytes that order a version.
pub(crate) fn key(text: &str) -> Vec<u8> {
    valid_key(text).unwrap_or_else(|| {
        let mut key = vec![INVALID];
        key.extend_from_slice(text.as_bytes());
        key
    })
}

fn valid_key(text: &str) -> Option<Vec<u8>> {
    let (rest, build) = text.split_once('+').map_or((text, ""), |(rest, build)| (rest, build));
    let (main, prerelease) = match rest.split_once('-') {
        Some((main, prerelease)) => (main, Some(prerelease)),
        None => (rest, None),
    };
    let mut key = vec![VALID];
    let number = |key: &mut Vec<u8>, digits: &str| {
        // A longer number without leading zeros is a larger one.
        let digits = digits.trim_start_matches('0');
        key.extend([NUMBER, u8::try_from(digits.len()).ok()?]);
        key.extend_from_slice(digits.as_bytes());
        Some(())
    };
    for part in main.split('.') {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        number(&mut key, part)?;
    }
    key.push(END);
    let Some(prerelease) = prerelease else {
        key.push(RELEASE);
        key.extend_from_slice(build.as_bytes());
        return Some(key);
    };
    key.push(PRERELEASE);
    for part in prerelease.split('.') {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return None;
        }
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            number(&mut key, part)?;
        } else {
            key.push(WORD);
            key.extend_from_slice(part.as_bytes());
            key.push(END);
        }
    }
    key.push(END);
    key.extend_from_slice(build.as_bytes());
    Some(key)
}

fn describe() -> Documentation {
    documentation(
        "Returns the bytes by which versions of software order: numbers as numbers, a pre-release before its release.",
        "version_key(text)",
        "SELECT version_key('1.9.0') < version_key('1.10.0');",
    )
    .with_argument("text", "Text.")
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_an_order() {
        let ascending = [
            "0.9",
            "1",
            "1.0",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-rc.2",
            "1.0.0-rc.11",
            "1.0.0",
            "1.0.0+build",
            "1.2.0",
            "1.10.0",
            "1.10.0.1",
            "11.0.0",
            "",
            "alpha",
            "v1.0",
        ];
        for pair in ascending.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
        assert_eq!(key("1.02"), key("1.2"));
    }
}
