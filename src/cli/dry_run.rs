//! `--dry-run`: what a run or a replay would read, and what is ruled out by what.

use std::fmt::Write as _;

use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use super::args::{FormatArg, OutputArgs};
use super::report::print;
use super::summary::instant;
use crate::engine::outlook::at_most;
use crate::engine::refusal::refused;
use crate::engine::{Engine, TimeField};
use crate::error::Result;
use crate::lake::{Amount, Outlook};
use crate::rule::{Execution, Rule};
use crate::sql::lowered::Lowered;

/// What one rule would read.
#[derive(Debug, Serialize)]
pub(super) struct Dry {
    /// The rule's name.
    rule: String,
    /// How many executions it stands for.
    executions: usize,
    /// Start of what they look at, inclusive, RFC 3339; null where they look at everything.
    from: Option<String>,
    /// The end, inclusive.
    to: Option<String>,
    /// The tables of the rule.
    tables: Vec<Outlook>,
    /// The files that the scan reads, and the bytes of the columns and row groups that it wants of them.
    at_most: Amount,
}

impl Dry {
    /// What an execution of a compiled rule reads, which stands for `executions`.
    pub(super) async fn of(
        engine: &Engine,
        rule: &Rule,
        lowered: Lowered,
        time: &TimeField,
        execution: &Execution,
        executions: usize,
    ) -> Result<Self> {
        let prepared = engine.prepare(lowered.clone(), time, execution, None).await;
        let prepared = prepared.map_err(|error| refused(rule, error))?;
        // Footers of Delta tables were read for that, as far as they are wanted.
        let tables = engine.outlook(&lowered, time, execution);
        let window = execution.window;
        Ok(Self {
            rule: rule.name.clone(),
            executions,
            from: window.map(|window| instant(window.from)),
            to: window.map(|window| instant(window.to)),
            tables,
            at_most: at_most(&prepared),
        })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let window = match (&self.from, &self.to) {
            (Some(from), Some(to)) => format!("{from} to {to}"),
            _ => "all events".to_owned(),
        };
        let plural = if self.executions == 1 { "" } else { "s" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {} execution{plural}, {window}", self.rule, HumanCount(self.executions as u64));
        for table in &self.tables {
            let _ = writeln!(text, "  {} at {}", table.table, table.location);
            let mut line = |what: &str, amount: String| _ = writeln!(text, "    {what:<32}{amount}");
            if table.folders_skipped > 0 {
                let folders = HumanCount(table.folders_skipped as u64);
                line("not looked into", format!("{folders} folders of other times"));
            }
            line("found", told(table.found));
            line("ruled out by folders' times", told(table.by_folders));
            if table.delta_tables > 0 {
                line("ruled out by the Delta log", told(table.by_log));
            }
            let groups = format!(
                "{}, and {} of {} row groups of the others",
                told(table.by_footers),
                HumanCount(table.row_groups_by_footers),
                HumanCount(table.row_groups)
            );
            line("ruled out by footers", groups);
            line("left", told(table.left));
        }
        let Amount { files, bytes } = self.at_most;
        let _ = writeln!(text, "  reads at most {} of {} files", HumanBytes(bytes), HumanCount(files));
        text
    }
}

/// Prints what rules would read: lines for people, or JSON where a format of rows is asked for that is none.
pub(super) fn tell(found: &[Dry], args: &OutputArgs) -> Result<()> {
    let mut text = String::new();
    for dry in found {
        match args.format {
            Some(FormatArg::Ndjson | FormatArg::Json) => {
                text.push_str(&serde_json::to_string(dry).unwrap_or_default());
                text.push('\n');
            }
            _ => text.push_str(&dry.text()),
        }
    }
    print(&text)
}

fn told(amount: Amount) -> String {
    let plural = if amount.files == 1 { "" } else { "s" };
    format!("{} file{plural}, {}", HumanCount(amount.files), HumanBytes(amount.bytes))
}
