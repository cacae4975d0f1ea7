//! Builds the Arrow column of one field: values coerced to the field's kind, one or several a row.
//!
//! Coercion follows Elasticsearch's mapping (`coerce` on): `"443"` is the number 443, 443.7 is the whole number 443, a
//! number is kept as it is spelled where the field is text, an empty text is no number. What cannot be coerced is left
//! out and reported.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListArray, StringViewBuilder,
    TimestampMicrosecondBuilder, UInt64Builder,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field as ArrowField};
use datafusion::error::Result;

use super::document::{Shape, Slot};
use super::json::unescape;
use crate::lake::date;
use crate::lake::field::{Field, Kind};
use crate::lake::number::{double, scaled};

/// The Arrow type of a field's column.
pub(crate) fn column_type(field: &Field) -> DataType {
    if field.multi {
        DataType::List(Arc::new(ArrowField::new_list_field(field.data_type.clone(), true)))
    } else {
        field.data_type.clone()
    }
}

/// What became of a row's values.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    /// Whether the row has a value.
    pub(crate) present: bool,
    /// How many values could not be coerced, and the first of them.
    pub(crate) refused: u64,
    pub(crate) example: Option<Slot>,
    /// Whether several values stand where one is taken.
    pub(crate) several: bool,
}

/// One value, coerced.
#[derive(Debug, Clone, PartialEq)]
enum Value<'a> {
    Text(Cow<'a, str>),
    Boolean(bool),
    Long(i64),
    Unsigned(u64),
    Double(f64),
    Date(i64),
}

enum Coerced<'a> {
    Value(Value<'a>),
    Nothing,
    Refused,
}

/// The text of a slot.
pub(crate) fn slot_text<'a>(text: &'a str, slot: &Slot) -> Cow<'a, str> {
    unescape(text.get(slot.start..slot.end).unwrap_or(""), slot.shape == Shape::EscapedText)
}

fn coerce<'a>(kind: Kind, text: &'a str, slot: &Slot) -> Coerced<'a> {
    let is_text = matches!(slot.shape, Shape::Text | Shape::EscapedText);
    let is_boolean = matches!(slot.shape, Shape::True | Shape::False);
    let raw = slot_text(text, slot);
    let value = match kind {
        Kind::Keyword | Kind::Text | Kind::Version => Some(Value::Text(raw)),
        Kind::Ip | Kind::GeoPoint => is_text.then_some(Value::Text(raw)),
        Kind::Boolean => match (slot.shape, raw.as_ref()) {
            (Shape::Number, _) => None,
            (_, "true") => Some(Value::Boolean(true)),
            // Elasticsearch takes an empty text for false.
            (_, "false" | "") => Some(Value::Boolean(false)),
            _ => None,
        },
        Kind::Long | Kind::UnsignedLong | Kind::Double if is_text && raw.is_empty() => return Coerced::Nothing,
        _ if is_boolean => None,
        Kind::Long => scaled(&raw, 0).and_then(|n| i64::try_from(n.whole).ok()).map(Value::Long),
        Kind::UnsignedLong => {
            scaled(&raw, 0).filter(|n| n.exact).and_then(|n| u64::try_from(n.whole).ok()).map(Value::Unsigned)
        }
        Kind::Double => double(&raw).map(Value::Double),
        Kind::Date if is_text => date::micros(&raw).map(Value::Date),
        Kind::Date => date::epoch_millis(&raw).map(Value::Date),
    };
    value.map_or(Coerced::Refused, Coerced::Value)
}

enum Values {
    Text(StringViewBuilder),
    Boolean(BooleanBuilder),
    Long(Int64Builder),
    Unsigned(UInt64Builder),
    Double(Float64Builder),
    Date(TimestampMicrosecondBuilder),
}

impl Values {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Long => Self::Long(Int64Builder::new()),
            Kind::UnsignedLong => Self::Unsigned(UInt64Builder::new()),
            Kind::Double => Self::Double(Float64Builder::new()),
            Kind::Date => Self::Date(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            Kind::Keyword | Kind::Text | Kind::Ip | Kind::Version | Kind::GeoPoint => {
                Self::Text(StringViewBuilder::new())
            }
        }
    }

    fn push(&mut self, value: &Value<'_>) {
        match (self, value) {
            (Self::Text(builder), Value::Text(text)) => builder.append_value(text),
            (Self::Boolean(builder), Value::Boolean(value)) => builder.append_value(*value),
            (Self::Long(builder), Value::Long(value)) => builder.append_value(*value),
            (Self::Unsigned(builder), Value::Unsigned(value)) => builder.append_value(*value),
            (Self::Double(builder), Value::Double(value)) => builder.append_value(*value),
            (Self::Date(builder), Value::Date(value)) => builder.append_value(*value),
            // One kind makes one sort of value and one builder for it.
            (builder, _) => builder.push_null(),
        }
    }

    fn push_null(&mut self) {
        match self {
            Self::Text(builder) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
            Self::Long(builder) => builder.append_null(),
            Self::Unsigned(builder) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Long(builder) => Arc::new(builder.finish()),
            Self::Unsigned(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
        }
    }
}

/// The column of one field while a batch grows.
pub(crate) struct Column {
    pub(crate) field: Field,
    /// Whether the column is part of the batch, or its values are only checked for `_ignored`.
    built: bool,
    values: Values,
    count: i32,
    offsets: Vec<i32>,
    valid: Vec<bool>,
}

impl Column {
    pub(crate) fn new(field: Field, built: bool) -> Self {
        let values = Values::new(field.kind);
        Self { field, built, values, count: 0, offsets: vec![0], valid: Vec::new() }
    }

    /// Adds a row with the values at `slots` of the document `text`.
    pub(crate) fn push(&mut self, text: &str, slots: &[Slot]) -> Outcome {
        let mut outcome = Outcome::default();
        match slots {
            [] => self.end_row(&[]),
            [slot] => match coerce(self.field.kind, text, slot) {
                Coerced::Value(value) => {
                    outcome.present = true;
                    self.end_row(std::slice::from_ref(&value));
                }
                Coerced::Nothing => self.end_row(&[]),
                Coerced::Refused => {
                    outcome.refused = 1;
                    outcome.example = Some(*slot);
                    self.end_row(&[]);
                }
            },
            several => {
                let values = self.coerce_all(text, several, &mut outcome);
                outcome.present = !values.is_empty();
                outcome.several = !self.field.multi && values.len() > 1;
                self.end_row(if outcome.several { &[] } else { &values });
            }
        }
        outcome
    }

    fn coerce_all<'a>(&self, text: &'a str, slots: &[Slot], outcome: &mut Outcome) -> Vec<Value<'a>> {
        let mut values = Vec::with_capacity(slots.len());
        for slot in slots {
            match coerce(self.field.kind, text, slot) {
                Coerced::Value(value) => values.push(value),
                Coerced::Nothing => {}
                Coerced::Refused => {
                    outcome.refused += 1;
                    outcome.example.get_or_insert(*slot);
                }
            }
        }
        if matches!(self.values, Values::Text(_)) {
            keep_first_of_each(&mut values);
        }
        values
    }

    fn end_row(&mut self, values: &[Value<'_>]) {
        if !self.built {
            return;
        }
        if !self.field.multi {
            match values.first() {
                Some(value) => self.values.push(value),
                None => self.values.push_null(),
            }
            return;
        }
        for value in values {
            self.values.push(value);
            self.count += 1;
        }
        self.offsets.push(self.count);
        self.valid.push(!values.is_empty());
    }

    /// The column of the rows so far; the next batch begins.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef> {
        let values = self.values.finish();
        let array: ArrayRef = if self.field.multi {
            let item = Arc::new(ArrowField::new_list_field(values.data_type().clone(), true));
            let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut self.offsets, vec![0])));
            let nulls = NullBuffer::from(std::mem::take(&mut self.valid));
            self.count = 0;
            Arc::new(ListArray::try_new(item, offsets, values, Some(nulls).filter(|nulls| nulls.null_count() > 0))?)
        } else {
            values
        };
        let wanted = column_type(&self.field);
        Ok(if *array.data_type() == wanted { array } else { cast(&array, &wanted)? })
    }
}

/// Removes texts that came before.
fn keep_first_of_each(values: &mut Vec<Value<'_>>) {
    let text = |value: &Value<'_>| match value {
        Value::Text(text) => text.to_string(),
        _ => String::new(),
    };
    if values.len() <= 16 {
        let mut at = 1;
        while at < values.len() {
            let (before, rest) = values.split_at(at);
            if rest.first().is_some_and(|value| before.contains(value)) {
                values.remove(at);
            } else {
                at += 1;
            }
        }
        return;
    }
    let mut seen = HashSet::with_capacity(values.len());
    values.retain(|value| seen.insert(text(value)));
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;
    use crate::lake::ndjson::document::{Row, Trie, read};
    use datafusion::arrow::util::display::array_value_to_string;

    fn column(kind: Kind, multi: bool, json: &str) -> (Option<String>, Outcome) {
        let field = Field { name: "f".into(), kind, data_type: kind.data_type(), multi };
        let text = format!("{{\"f\":{json}}}");
        let mut row = Row::new(1);
        read(&Trie::new(["f"]), text.as_bytes(), &mut row).unwrap();
        let mut column = Column::new(field, true);
        let outcome = column.push(&text, &row.slots[0]);
        let array = column.finish().unwrap();
        ((!array.is_null(0)).then(|| array_value_to_string(&array, 0).unwrap()), outcome)
    }

    #[test]
    fn coercion_follows_the_mapping() {
        for (kind, json, expected) in [
            (Kind::Long, "443", Some("443")),
            (Kind::Long, "\"443\"", Some("443")),
            (Kind::Long, "443.0", Some("443")),
            (Kind::Long, "443.7", Some("443")),
            (Kind::Long, "-443.7", Some("-443")),
            (Kind::Long, "4.43e2", Some("443")),
            (Kind::Long, "9223372036854775807", Some("9223372036854775807")),
            (Kind::Long, "9223372036854775808", None),
            (Kind::Long, "true", None),
            (Kind::Long, "\"x\"", None),
            (Kind::Long, "\"\"", None),
            (Kind::UnsignedLong, "18446744073709551615", Some("18446744073709551615")),
            (Kind::UnsignedLong, "-1", None),
            (Kind::UnsignedLong, "1.5", None),
            (Kind::Keyword, "443", Some("443")),
            (Kind::Keyword, "4.430e2", Some("4.430e2")),
            (Kind::Keyword, "true", Some("true")),
            (Kind::Keyword, "\"\"", Some("")),
            (Kind::Keyword, "\"a\\u0062\\n\"", Some("ab\n")),
            (Kind::Boolean, "\"true\"", Some("true")),
            (Kind::Boolean, "false", Some("false")),
            (Kind::Boolean, "\"\"", Some("false")),
            (Kind::Boolean, "1", None),
            (Kind::Boolean, "\"yes\"", None),
            (Kind::Double, "1", Some("1.0")),
            (Kind::Double, "\"2.5\"", Some("2.5")),
            (Kind::Double, "1e999", None),
            (Kind::Double, "\"NaN\"", None),
            (Kind::Ip, "\"::1\"", Some("::1")),
            (Kind::Ip, "1", None),
            (Kind::Date, "1790856000000", Some("2026-10-01T12:00:00Z")),
            (Kind::Date, "\"1790856000000\"", Some("2026-10-01T12:00:00Z")),
            (Kind::Date, "\"2026-10-01T14:00:00+02:00\"", Some("2026-10-01T12:00:00Z")),
            (Kind::Date, "true", None),
            (Kind::Keyword, "{\"x\":1}", None),
            (Kind::Long, "{}", None),
            (Kind::Long, "null", None),
            (Kind::Long, "[]", None),
        ] {
            let (value, outcome) = column(kind, false, json);
            assert_eq!(value.as_deref(), expected, "{kind:?} {json}");
            let nothing = matches!(json, "\"\"" | "{\"x\":1}" | "{}" | "null" | "[]");
            assert_eq!(outcome.refused > 0, expected.is_none() && !nothing, "{kind:?} {json}");
        }
    }

    #[test]
    fn several_values() {
        let list = |kind, json| column(kind, true, json).0;
        assert_eq!(list(Kind::Keyword, "[\"a\",[\"b\",null],\"a\"]").as_deref(), Some("[a, b]"));
        assert_eq!(list(Kind::Keyword, "[443,\"443\"]").as_deref(), Some("[443]"));
        assert_eq!(list(Kind::Long, "[1,\"1\",\"x\",2]").as_deref(), Some("[1, 1, 2]"));
        assert_eq!(list(Kind::Long, "[\"x\"]"), None);
        assert_eq!(list(Kind::Long, "[]"), None);
        let many: Vec<_> = (0..40).map(|n| format!("\"v{}\"", n % 20)).collect();
        let distinct: Vec<_> = (0..20).map(|n| format!("v{n}")).collect();
        assert_eq!(list(Kind::Keyword, &format!("[{}]", many.join(","))), Some(format!("[{}]", distinct.join(", "))));
        let (value, outcome) = column(Kind::Long, false, "[1,2]");
        assert!(value.is_none() && outcome.several);
        let (value, outcome) = column(Kind::Keyword, false, "[\"a\",\"a\"]");
        assert!(value.as_deref() == Some("a") && !outcome.several);
        let (value, outcome) = column(Kind::Long, false, "[\"x\",7]");
        assert!(value.as_deref() == Some("7") && outcome.refused == 1);
    }

    #[test]
    fn another_storage_type_is_cast() {
        let field = Field { name: "f".into(), kind: Kind::Keyword, data_type: DataType::Utf8, multi: true };
        let mut column = Column::new(field.clone(), true);
        column.push("", &[]);
        assert_eq!(*column.finish().unwrap().data_type(), column_type(&field));
    }
}
