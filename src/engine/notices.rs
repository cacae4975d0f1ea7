//! What a run met on its way and its user should know: bad lines, values that read as null, fields in no document.

use super::Engine;
use crate::lake::ecs;
use crate::lake::ndjson::Tally;
use crate::sql::lowered::TableUse;

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
    /// What runs of a query over `used` met since the last call.
    pub fn take_notices(&self, used: &[TableUse]) -> Notices {
        self.take_notices_of_each(&[used]).pop().unwrap_or_default()
    }

    /// What runs at the same time met since the last call, of which each used these tables: what tables met is told of
    /// each, what their queries ask for only of its own.
    pub fn take_notices_of_each(&self, runs: &[&[TableUse]]) -> Vec<Notices> {
        let tallies: Vec<_> = self.lake().tables().iter().map(|table| (table.name(), table.issues().take())).collect();
        let common = self.common_notices(&tallies);
        let of = |used: &&[TableUse]| {
            let mut notices = common.clone();
            let own: Vec<_> = used.iter().flat_map(|used| self.in_no_event(used, &tallies)).collect();
            notices.texts.splice(0..0, own);
            notices
        };
        runs.iter().map(of).collect()
    }

    fn common_notices(&self, tallies: &[(&str, Tally)]) -> Notices {
        let mut notices = Notices::default();
        for (table, (_, tally)) in self.lake().tables().iter().zip(tallies) {
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
                    notices.texts.push(match field.not_coerced {
                        1 => format!("`{name}`: 1 value does not go with {kind} and reads as null: `{example}`"),
                        more => {
                            format!("`{name}`: {more} values do not go with {kind} and read as null, first `{example}`")
                        }
                    });
                }
                if field.several > 0 {
                    notices
                        .texts
                        .push(format!("`{name}`: {} documents hold several values, read as null", field.several));
                }
            }
            notices.texts.extend(table.take_unparsed());
        }
        for warning in self.session().warnings().take() {
            notices.texts.push(format!(
                "`{}`: {} ({} times), such as `{}`",
                warning.subject, warning.message, warning.count, warning.example
            ));
        }
        notices
    }

    /// One text for each field that a query reads and no JSON document held, as far as they were parsed. Where the lake lists its fields (Parquet)
    /// the compiler says so before the run.
    fn in_no_event(&self, used: &TableUse, tallies: &[(&str, Tally)]) -> Vec<String> {
        let selected = self.lake().select(&used.patterns);
        let tallies: Vec<_> =
            tallies.iter().filter(|(name, _)| selected.tables.iter().any(|t| t.name() == *name)).collect();
        if tallies.iter().all(|(_, tally)| tally.documents + tally.skipped == 0) {
            return Vec::new();
        }
        // A document that was not parsed may hold any field, but for a table whose fields are all known.
        let unseen: u64 = selected.tables.iter().filter(|table| !table.lists_every_field()).fold(0, |sum, table| {
            sum + tallies.iter().filter(|(name, _)| *name == table.name()).map(|(_, tally)| tally.skipped).sum::<u64>()
        });
        let absent = |name: &str| {
            let mut asked = tallies.iter().filter_map(|(_, tally)| tally.fields.get(name)).peekable();
            asked.peek().is_some() && asked.all(|field| field.present == 0 && field.not_coerced == 0)
        };
        let near = |name: &str| {
            let listed = selected.tables.iter().flat_map(|table| table.fields()).map(|field| field.name.as_str());
            ecs::near(name, listed).map_or_else(String::new, |near| format!("; the nearest field is `{near}`"))
        };
        let names = used.wanted.iter().map(|field| field.name.as_str()).filter(|name| absent(name));
        let told = |name: &str| match unseen {
            0 => format!("no event of {} has the field `{name}`, so it is null{}", used.name, near(name)),
            _ => format!(
                "no event of {} that was parsed has the field `{name}`; {unseen} were not parsed, since their bytes tell \
                 that they do not matter{}",
                used.name,
                near(name)
            ),
        };
        names.map(told).collect()
    }
}
