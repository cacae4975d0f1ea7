//! A mapping as TOML says it: under `[fields]` a line for each field.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::TimeUnit;
use datafusion::common::ScalarValue;
use toml::de::DeValue;

use super::super::functions::Values;
use super::super::sheet::{self, Sheet, Value, span};
use super::{Mapping, Origin, What};
use crate::error::Result;

const KEYS: [&str; 9] = ["all", "else", "from", "map", "missing", "text", "unit", "value", "when"];
const HELP: &str = "expected a field's name, a list of them, or a table with one of `from`, `value`, `all` and `text`";

impl Mapping {
    /// The mapping of a file named `name`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        sheet::read(name, text, |file| {
            file.only(&["fields"]);
            if file.value("fields").is_none() {
                file.wrong(file.span, "expected a table `[fields]`, found none", HELP);
            }
            file.sheet("fields").map(|fields| Self::read(&fields)).unwrap_or_default()
        })
    }

    /// The mapping of a table of fields.
    pub(in crate::lake) fn read(fields: &Sheet<'_>) -> Self {
        let mut targets = BTreeMap::new();
        for (name, at, value) in fields.entries() {
            let origins = match value.get_ref() {
                DeValue::Array(items) => items.iter().filter_map(|item| origin(fields, name, item)).collect(),
                _ => origin(fields, name, value).into_iter().collect::<Vec<_>>(),
            };
            if name.is_empty() {
                fields.wrong(at, "expected the name of a field, found an empty one", HELP);
            }
            targets.insert(name.to_owned(), origins);
        }
        Self { targets }
    }
}

fn origin<'a>(fields: &Sheet<'a>, name: &str, value: &'a Value<'a>) -> Option<Origin> {
    if let DeValue::String(path) = value.get_ref() {
        return Some(Origin { value: What::Field(path.to_string(), None), when: Vec::new() });
    }
    if !value.get_ref().is_table() {
        fields.mistyped(name, value, "a field's name, a list of ways, or a table");
        return None;
    }
    let way = fields.below(name, span(value), value)?;
    way.only(&KEYS);
    let value = what(&way)?;
    let when = way.sheet("when").map(|when| conditions(&when)).unwrap_or_default();
    Some(Origin { value, when })
}

fn what(way: &Sheet<'_>) -> Option<What> {
    let given: Vec<&str> =
        ["all", "from", "text", "value"].into_iter().filter(|key| way.value(key).is_some()).collect();
    if given.len() != 1 {
        let found = if given.is_empty() { "none".to_owned() } else { given.join(" and ") };
        way.wrong(way.span, format!("expected one of `from`, `value`, `all` and `text`, found {found}"), HELP);
        return None;
    }
    for key in ["map", "else", "missing", "unit"] {
        if let (Some(value), None) = (way.value(key), way.value("from")) {
            way.wrong(span(value), format!("`{key}` goes with `from` alone"), HELP);
        }
    }
    if let Some(value) = way.value("value") {
        return Some(constant(way, value));
    }
    if way.value("all").is_some() {
        return Some(What::All(way.texts("all").into_iter().map(|(text, _)| text.to_owned()).collect()));
    }
    if let Some((text, _)) = way.text("text") {
        return Some(What::Text(text.to_owned()));
    }
    let from = way.text("from")?.0.to_owned();
    let unit = match way.text("unit") {
        None => None,
        Some(("s", _)) => Some(TimeUnit::Second),
        Some(("ms", _)) => Some(TimeUnit::Millisecond),
        Some(("us", _)) => Some(TimeUnit::Microsecond),
        Some(("ns", _)) => Some(TimeUnit::Nanosecond),
        Some((other, at)) => {
            way.wrong(at, format!("expected a unit, found `{other}`"), "expected one of s, ms, us, ns");
            None
        }
    };
    let told = |key: &str| way.text(key).map(|(text, _)| text.to_owned());
    let (other, missing) = (told("else"), told("missing"));
    if way.value("map").is_none() && other.is_none() && missing.is_none() {
        return Some(What::Field(from, unit));
    }
    let mut named = BTreeMap::new();
    for (key, _, value) in way.sheet("map").iter().flat_map(Sheet::entries) {
        match value.get_ref().as_str() {
            Some(text) => _ = named.insert(key.to_owned(), text.to_owned()),
            None => way.mistyped(key, value, "a text"),
        }
    }
    Some(What::Mapped(from, Arc::new(Values { named, other, missing })))
}

/// The conditions of `when`: fields, each with a value or a list of values.
fn conditions(when: &Sheet<'_>) -> Vec<(String, Vec<String>)> {
    let one = |item: &Value<'_>| match scalar(item.get_ref()) {
        Some(ScalarValue::Utf8View(Some(text))) => Some(text),
        Some(other) => Some(other.to_string()),
        None => None,
    };
    let mut conditions = Vec::new();
    for (name, _, value) in when.entries() {
        let items: Vec<&Value<'_>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut values = Vec::new();
        for item in items {
            match one(item) {
                Some(text) => values.push(text),
                None => when.mistyped(name, item, "a text, a whole number, `true` or `false`"),
            }
        }
        conditions.push((name.to_owned(), values));
    }
    conditions
}

fn constant(way: &Sheet<'_>, value: &Value<'_>) -> What {
    let items: Vec<&Value<'_>> = match value.get_ref() {
        DeValue::Array(items) => items.iter().collect(),
        _ => vec![value],
    };
    let mut values: Vec<ScalarValue> = Vec::new();
    for item in items {
        match scalar(item.get_ref()) {
            Some(made) if values.first().is_none_or(|first| first.data_type() == made.data_type()) => values.push(made),
            Some(_) => way.mistyped("value", item, "values of one type"),
            None => way.mistyped("value", item, "a text, a whole number, `true` or `false`"),
        }
    }
    What::Constant(values, value.get_ref().is_array())
}

fn scalar(value: &DeValue<'_>) -> Option<ScalarValue> {
    match value {
        DeValue::String(text) => Some(ScalarValue::Utf8View(Some(text.to_string()))),
        DeValue::Boolean(flag) => Some(ScalarValue::Boolean(Some(*flag))),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| ScalarValue::Int64(Some(n)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let text = "[fields]\n\"a\" = { fom = \"x\" }\n\"b\" = 1\n\"c\" = { from = \"x\", unit = \"days\" }\n\"d\" = { value = [1, \"x\"] }\n";
        let error = Mapping::parse("own.toml", text).unwrap_err();
        let told = error.reports()[0].render(false);
        for part in [
            "own.toml:2:",
            "no key `fom`",
            "the nearest key is `from`",
            "own.toml:3:",
            "found the number 1",
            "own.toml:4:",
            "found `days`",
            "own.toml:5:",
            "values of one type",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        assert!(Mapping::parse("own.toml", "[fields").unwrap_err().reports()[0].render(false).contains("own.toml:1:"));
        assert!(Mapping::parse("own.toml", "").is_err());
    }
}
