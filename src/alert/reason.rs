//! Why there is an alert, as a sentence.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;

use super::value::texts;

/// The sentence of one row, with the severity and the name of its alert.
///
/// `[category ]event[ with][ process X,][ parent process X,][ file X,][ source ip[:port],][ destination ip[:port],]
/// [ by user][ on host] created severity alert name.`, each part only where the row has its field.
pub(super) fn reason(rows: &RecordBatch, row: usize, severity: &str, name: &str) -> Result<String, ArrowError> {
    let field = |names: &[&str]| {
        for name in names {
            if let Some(column) = rows.column_by_name(name) {
                let values = texts(column, row)?;
                if !values.is_empty() {
                    return Ok(Some(values.join(", ")));
                }
            }
        }
        Ok::<_, ArrowError>(None)
    };
    let mut sentence = String::new();
    if let Some(category) = field(&["event.category"])? {
        sentence += &category;
        sentence.push(' ');
    }
    sentence += "event";
    let mut things = Vec::new();
    for (what, names) in [
        ("process", ["process.name", "process.executable"].as_slice()),
        ("parent process", &["process.parent.name", "process.parent.executable"]),
        ("file", &["file.name", "file.path"]),
    ] {
        things.extend(field(names)?.map(|value| format!(" {what} {value},")));
    }
    for (what, address, port) in [
        ("source", ["source.ip", "source.address"], "source.port"),
        ("destination", ["destination.ip", "destination.address"], "destination.port"),
    ] {
        if let Some(address) = field(&address)? {
            let port = field(&[port])?.map(|port| format!(":{port}")).unwrap_or_default();
            things.push(format!(" {what} {address}{port},"));
        }
    }
    if !things.is_empty() {
        sentence += " with";
        sentence += &things.concat();
    }
    for (preposition, name) in [("by", "user.name"), ("on", "host.name")] {
        if let Some(value) = field(&[name])? {
            sentence.extend([" ", preposition, " ", value.as_str()]);
        }
    }
    Ok(format!("{sentence} created {severity} alert {name}."))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, ListBuilder, StringArray, StringBuilder};

    use super::*;

    fn text(value: &str) -> ArrayRef {
        Arc::new(StringArray::from(vec![value]))
    }

    #[test]
    fn every_part() {
        let mut hosts = ListBuilder::new(StringBuilder::new());
        hosts.append_value([Some("a"), Some("b")]);
        let rows = RecordBatch::try_from_iter([
            ("event.category", text("network")),
            ("process.name", text("curl")),
            ("process.parent.name", text("sh")),
            ("file.name", text("x")),
            ("source.ip", text("10.0.0.1")),
            ("source.port", Arc::new(Int64Array::from(vec![4711])) as ArrayRef),
            ("destination.ip", text("1.1.1.1")),
            ("user.name", text("root")),
            ("host.name", Arc::new(hosts.finish()) as ArrayRef),
        ])
        .unwrap();
        assert_eq!(
            reason(&rows, 0, "high", "Rule").unwrap(),
            "network event with process curl, parent process sh, file x, source 10.0.0.1:4711, destination 1.1.1.1, \
             by root on a, b created high alert Rule."
        );
    }

    #[test]
    fn no_part() {
        let rows = RecordBatch::try_from_iter([("cc", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
        assert_eq!(reason(&rows, 0, "low", "Rule").unwrap(), "event created low alert Rule.");
    }
}
