//! What a run met on its way and its user should know: bad lines, values that read as null, fields in no document.

use super::Engine;

/// What a run met, since the last call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notices {
    /// Lines or documents that could not be read and were skipped.
    pub bad_lines: u64,
    /// Bytes that JSON scans read.
    pub json_bytes: u64,
    /// One text each, most important first.
    pub texts: Vec<String>,
}

impl Engine {
    /// What runs met since the last call.
    pub fn take_notices(&self) -> Notices {
        let mut notices = Notices::default();
        for table in self.lake().tables() {
            let tally = table.issues().take();
            notices.bad_lines += tally.bad_lines;
            notices.json_bytes += tally.bytes_read;
            if tally.bad_lines > 0 {
                let lines = if tally.bad_lines == 1 { "line is" } else { "lines are" };
                notices.texts.push(format!("table `{}`: {} bad {lines} skipped", table.name(), tally.bad_lines));
            }
            for bad in &tally.sample {
                notices.texts.push(format!("{}: bad line at byte {}: {}", bad.file, bad.offset, bad.reason));
            }
            for (name, field) in &tally.fields {
                if field.not_coerced > 0 {
                    let example = field.example.as_deref().unwrap_or_default();
                    let kind = table.field(name).map_or("its type", |f| f.kind.name());
                    notices.texts.push(format!(
                        "`{name}`: {} values do not go with {kind} and read as null, first `{example}`",
                        field.not_coerced
                    ));
                }
                if field.several > 0 {
                    notices.texts.push(format!("`{name}`: {} documents hold several values, read as null", field.several));
                }
            }
            notices.texts.extend(table.take_unparsed());
        }
        for warning in self.session().warnings().take() {
            notices.texts.push(format!(
                "{} of `{}`: {} ({} times), such as `{}`",
                warning.function, warning.subject, warning.message, warning.count, warning.example
            ));
        }
        notices
    }
}
