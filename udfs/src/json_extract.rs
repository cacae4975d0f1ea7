//! `json_extract(x, path)`: what stands at a place of a JSON text, as text.
//!
//! A path names keys between dots and places of arrays in brackets; a key that holds a dot stands in brackets and
//! quotes: `user.ids[0]`, `$['user.name']`. Of equal keys the first one counts.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let sql = r#"SELECT json_extract('{"user": {"ids": [7, 9]}}', 'user.ids[1]') AS id"#;
//! let rows = context.sql(sql).await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("| 9 "));
//! # Ok(())
//! # }
//! ```

use std::fmt;

use datafusion::logical_expr::{Documentation, ScalarUDF};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::documentation::documentation;
use crate::row::{Each, Gives, Made, RowFunction, Shape, Takes};
use crate::warnings::Warnings;

/// Returns the function `json_extract`, reporting to `warnings`.
pub(crate) fn json_extract(warnings: &Warnings) -> ScalarUDF {
    let shape = Shape {
        name: "json_extract",
        takes: &[Takes::Text, Takes::Text],
        optional: 0,
        gives: Gives::Text,
        each,
        check: Some((1, |path| parse(path).map(drop))),
        documentation: describe,
    };
    RowFunction::udf(shape, warnings)
}

fn each() -> Each {
    let mut last: Option<(String, Vec<Step>)> = None;
    Box::new(move |values| {
        let [json, path] = values else { return Ok(Made::Null) };
        if last.as_ref().is_none_or(|(known, _)| known != path.text()) {
            let steps = parse(path.text()).map_err(|_| "no path of JSON, taken as null")?;
            last = Some((path.text().to_owned(), steps));
        }
        let steps = last.as_ref().map_or(&[][..], |(_, steps)| steps);
        Ok(match extract(json.text(), steps)? {
            Value::Null => Made::Null,
            Value::String(text) => Made::Text(text),
            other => Made::Text(other.to_string()),
        })
    })
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    At(usize),
}

fn parse(path: &str) -> Result<Vec<Step>, String> {
    let wrong = |why: &str| Err(format!("'{path}' is no path of JSON: {why}"));
    let mut rest = path;
    if let Some(behind) = path.strip_prefix('$')
        && (behind.is_empty() || behind.starts_with(['.', '[']))
    {
        rest = behind.strip_prefix('.').unwrap_or(behind);
    }
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(bracketed) = rest.strip_prefix('[') {
            let quote = bracketed.chars().next().filter(|c| matches!(c, '\'' | '"'));
            let (step, behind) = if let Some(quote) = quote {
                let Some((key, behind)) = quoted(bracketed, quote) else { return wrong("a quote is not closed") };
                (Step::Key(key), behind)
            } else {
                let end = bracketed.find(']').unwrap_or(bracketed.len());
                let (digits, behind) = bracketed.split_at(end);
                let Ok(at) = digits.parse() else {
                    return wrong("expected a number or a key in quotes behind `[`");
                };
                (Step::At(at), behind)
            };
            let Some(behind) = behind.strip_prefix(']') else { return wrong("a bracket is not closed") };
            steps.push(step);
            rest = match behind.strip_prefix('.') {
                Some("") => return wrong("nothing follows the last dot"),
                Some(next) => next,
                None if behind.is_empty() || behind.starts_with('[') => behind,
                None => return wrong("expected `.` or `[` behind `]`"),
            };
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, behind) = rest.split_at(end);
            if key.is_empty() {
                return wrong("a key is empty");
            }
            steps.push(Step::Key(key.to_owned()));
            rest = match behind.strip_prefix('.') {
                Some("") => return wrong("nothing follows the last dot"),
                Some(next) => next,
                None => behind,
            };
        }
    }
    Ok(steps)
}

/// The key that stands in quotes at the start of a text, and what follows; a backslash escapes.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => key.push(chars.next()?.1),
            c if c == quote => return Some((key, text.get(at + 1..)?)),
            c => key.push(c),
        }
    }
    None
}

const INVALID: &str = "invalid JSON input, taken as null";

fn extract(json: &str, steps: &[Step]) -> Result<Value, &'static str> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let found = Find(steps).deserialize(&mut reader).map_err(|_| INVALID)?;
    reader.end().map_err(|_| INVALID)?;
    found.map_err(|missing| match missing {
        Missing::Key => "path does not exist in JSON input, taken as null",
        Missing::Place => "array index out of bounds in JSON input, taken as null",
    })
}

/// What a path does not find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Key,
    Place,
}

/// Reads a value to its end and gives what the path finds in it.
struct Find<'p>(&'p [Step]);

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = Result<Value, Missing>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() {
            return serde::Deserialize::deserialize(reader).map(Ok);
        }
        reader.deserialize_any(self)
    }
}

macro_rules! scalars {
    ($($visit:ident: $ty:ty),*) => {
        $(fn $visit<E>(self, _: $ty) -> Result<Self::Value, E> {
            Ok(Err(Missing::Key))
        })*
    };
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Result<Value, Missing>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    scalars!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Err(Missing::Key))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            match self.0.split_first() {
                Some((Step::Key(wanted), rest)) if found.is_none() && *wanted == key => {
                    found = Some(map.next_value_seed(Find(rest))?);
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(found.unwrap_or(Err(Missing::Key)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let Some((Step::At(wanted), rest)) = self.0.split_first() else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Err(Missing::Key));
        };
        for _ in 0..*wanted {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(Err(Missing::Place));
            }
        }
        let found = seq.next_element_seed(Find(rest))?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found.unwrap_or(Err(Missing::Place)))
    }
}

fn describe() -> Documentation {
    documentation(
        "Returns what stands at a place of a JSON text: text as it is, anything else as JSON; null, with a warning, if \
         there is nothing or the text is no JSON.",
        "json_extract(json, path)",
        r#"SELECT json_extract('{"user": {"name": "ann"}}', 'user.name');"#,
    )
    .with_argument("json", "Text.")
    .with_argument("path", "Text: keys between dots, places of arrays in brackets.")
    .build()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn at(json: &str, path: &str) -> Result<Value, &'static str> {
        extract(json, &parse(path).unwrap())
    }

    #[test]
    fn paths_have_keys_and_places() {
        let key = |key: &str| Step::Key(key.to_owned());
        assert_eq!(parse("a.b[2].c"), Ok(vec![key("a"), key("b"), Step::At(2), key("c")]));
        assert_eq!(parse("$['a.b'][\"c\\\"\"]"), Ok(vec![key("a.b"), key("c\"")]));
        assert_eq!(parse("$.a"), Ok(vec![key("a")]));
        assert_eq!(parse("$"), Ok(Vec::new()));
        for wrong in [".a", "a.", "a..b", "a[x]", "a[1", "['a", "[1]a", "a[-1]"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn finds_what_stands_there() {
        let json = r#" {"a": {"b": [1, {"c": "x"}, null]}, "a": 2, "d.e": {"f": true, "g": [1, 2]}} "#;
        assert_eq!(at(json, "a.b[0]"), Ok(1.into()));
        assert_eq!(at(json, "a.b[1].c"), Ok("x".into()));
        assert_eq!(at(json, "a.b[2]"), Ok(Value::Null));
        assert_eq!(at(json, "['d.e']").unwrap().to_string(), r#"{"f":true,"g":[1,2]}"#);
        assert!(at(json, "a.b[3]").unwrap_err().starts_with("array index"));
        assert!(at(json, "a.b.c").unwrap_err().starts_with("path"));
        assert!(at(json, "a.b[0].c").unwrap_err().starts_with("path"));
        assert_eq!(at("not json", "a"), Err(INVALID));
        assert_eq!(at("{\"a\": 1} x", "a"), Err(INVALID));
    }
}
