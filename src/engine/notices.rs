//! What a run met on its way and its user should know: bad lines, values that read as null, fields in no document.

use std::collections::BTreeMap;

use super::Engine;
use super::plan::Prepared;
use super::shared::issues;
use crate::lake::ecs;
use crate::lake::ndjson::{Issues, Tally};
use crate::sql::lowered::TableUse;

/// What a run met, since the last call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notices {
    /// Lines or documents that could not be read and were skipped.
    pub bad_lines: u64,
    /// One text each, most important first.
    pub texts: Vec<String>,
}

/// What one of several runs at the same time meets.
#[derive(Debug, Default)]
pub struct Met {
    used: Vec<TableUse>,
    /// The tables that its scans read, and what they meet there.
    scans: Vec<(String, Issues)>,
}

impl Met {
    /// What the run of a plan is going to meet.
    pub fn by(prepared: &Prepared) -> Self {
        Self { used: prepared.lowered.tables.clone(), scans: issues(&prepared.physical) }
    }

    fn tally(&self, table: &str) -> Tally {
        let sum = Issues::default();
        self.scans.iter().filter(|(name, _)| name == table).for_each(|(_, issues)| sum.add(issues.tally()));
        sum.take()
    }
}

impl Engine {
    /// What runs of a query over `used` met since the last call.
    pub fn take_notices(&self, used: &[TableUse]) -> Notices {
        let common = self.take_common();
        let tallies = self.lake().tables().iter().map(|table| (table.name(), table.issues().take())).collect();
        self.notices(used, &tallies, &common)
    }

    /// What each of several runs at the same time met. What functions met is told of each, since they do not know for
    /// whom they worked.
    pub fn take_notices_of_each(&self, runs: &[Met]) -> Vec<Notices> {
        let common = self.take_common();
        let of = |met: &Met| {
            let tallies = self.lake().tables().iter().map(|table| (table.name(), met.tally(table.name()))).collect();
            self.notices(&met.used, &tallies, &common)
        };
        runs.iter().map(of).collect()
    }

    fn notices(&self, used: &[TableUse], tallies: &BTreeMap<&str, Tally>, common: &[String]) -> Notices {
        let mut notices = Notices::default();
        notices.texts.extend(used.iter().flat_map(|used| self.in_no_event(used, tallies)));
        for table in self.lake().tables() {
            let Some(tally) = tallies.get(table.name()) else { continue };
            notices.bad_lines += tally.bad_lines;
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
        }
        notices.texts.extend_from_slice(common);
        notices
    }

    /// What was met that no scan of JSON tells.
    fn take_common(&self) -> Vec<String> {
        let unparsed = self.lake().tables().iter().flat_map(|table| table.take_unparsed());
        let warnings = self.session().warnings().take().into_iter().map(|warning| {
            format!(
                "`{}`: {} ({} times), such as `{}`",
                warning.subject, warning.message, warning.count, warning.example
            )
        });
        unparsed.chain(warnings).collect()
    }

    /// One text for each field that a query reads and no JSON document held, as far as they were parsed. Where the lake
    /// lists its fields (Parquet) the compiler says so before the run.
    fn in_no_event(&self, used: &TableUse, tallies: &BTreeMap<&str, Tally>) -> Vec<String> {
        let selected = self.lake().select(&used.patterns);
        let met: Vec<_> =
            selected.tables.iter().filter_map(|table| Some((table, tallies.get(table.name())?))).collect();
        if met.iter().all(|(_, tally)| tally.documents + tally.skipped == 0) {
            return Vec::new();
        }
        // A document that was not parsed may hold any field, but for a table whose fields are all known.
        let unseen: u64 =
            met.iter().filter(|(table, _)| !table.lists_every_field()).map(|(_, tally)| tally.skipped).sum();
        let absent = |name: &str| {
            let mut asked = met.iter().filter_map(|(_, tally)| tally.fields.get(name)).peekable();
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
