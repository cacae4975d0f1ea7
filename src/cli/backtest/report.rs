//! Reports instead of rows: what an exclusion or another version of a rule changes, and what each threshold would give.

use std::io::Write as _;

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::BacktestArgs;
use crate::alert::Identity;
use crate::alert::sink::Staged;
use crate::backtest::{Change, Comparison, Executed, Replay, Sweep};
use crate::cli::open;
use crate::cli::report::{Console, stdout_error};
use crate::cli::stop::Stop;
use crate::cli::summary::instant;
use crate::engine::Engine;
use crate::engine::compile::excluding;
use crate::engine::refusal::refused;
use crate::error::{Error, Kind, Result};
use crate::rule::{Exceptions, Execution, Rule};
use crate::sql::lowered::TableUse;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    Table,
    Json,
    Markdown,
}

/// What a report needs.
pub(super) struct Reporter<'a> {
    pub(super) args: &'a BacktestArgs,
    pub(super) engine: &'a Engine,
    pub(super) exceptions: Option<&'a Exceptions>,
    pub(super) range: (DateTime<Utc>, DateTime<Utc>),
    pub(super) memory: usize,
    pub(super) console: Console,
    pub(super) stop: Stop,
    /// Whether input was skipped so far.
    pub(super) skipped: bool,
}

/// One side of a comparison.
struct Side<'a> {
    replay: Replay<'a>,
    identity: Identity,
    hidden: usize,
    tables: Vec<TableUse>,
}

impl<'a> Reporter<'a> {
    /// Writes what the flags ask for about the only rule; whether input was skipped.
    pub(super) async fn write(mut self, rule: &Rule) -> Result<bool> {
        let text = match (&self.args.sweep, &self.args.against) {
            (Some(sweep), _) => self.sweep(rule, &Sweep::parse(sweep)?).await?,
            (None, Some(path)) => {
                let other = open::only_rule(path, self.args.asked.language.into(), self.console)?;
                self.compare(rule, &other, &other.origin.name, ["added", "lost", "changed", "kept"]).await?
            }
            (None, None) => {
                let lowered = self.engine.compile(rule).await?;
                let other = excluding(rule, &lowered, &self.args.exclude)?;
                let name = format!("without {}", self.args.exclude.join(", "));
                self.compare(rule, &other, &name, ["added", "gone", "changed", "kept"]).await?
            }
        };
        match self.args.output.output.as_deref().filter(|path| *path != std::path::Path::new("-")) {
            None => std::io::stdout().write_all(text.as_bytes()).or_else(stdout_error)?,
            Some(path) => {
                let staged = Staged::create(path, self.args.output.force)?;
                staged.writer()?.write_all(text.as_bytes()).map_err(|e| {
                    Error::new(Kind::Output, format!("{}: cannot be written", path.display())).with_source(e)
                })?;
                staged.commit()?;
            }
        }
        Ok(self.skipped)
    }

    /// Tells what the replays of queries over these tables met.
    fn notice(&mut self, tables: &[TableUse]) {
        let notices = self.engine.take_notices(tables);
        for text in &notices.texts {
            self.console.warning(text);
        }
        self.skipped |= notices.bad_lines > 0;
    }

    async fn side(&self, rule: &Rule, executions: Vec<Execution>, limited: bool) -> Result<Side<'a>> {
        let (lowered, mut warnings) = open::compile(self.engine, rule, self.exceptions, self.console).await?;
        let time = self.args.visibility.time(rule);
        warnings.extend(self.engine.table_notices(&lowered));
        if let Some(first) = executions.first() {
            warnings.extend(self.engine.window_notices(&lowered, &time, first));
        }
        for warning in &warnings {
            self.console.warning(warning);
        }
        let limit = if limited { rule.limit(lowered.limit) } else { None };
        let tables = lowered.tables.clone();
        let (aggregating, hidden) = (lowered.aggregating, lowered.hidden);
        let (group_key, expanded) = (lowered.group_key.clone(), lowered.expanded.clone());
        let replay = Replay::start(self.engine, lowered, time, executions, limit, self.memory);
        let replay = self.args.way(Box::pin(replay).await.map_err(|error| refused(rule, error))?);
        let identity = Identity::new(aggregating, group_key, expanded, &replay.schema());
        Ok(Side { replay, identity, hidden, tables })
    }

    /// The next execution, unless somebody wants an end.
    async fn next(&mut self, replay: &mut Replay<'_>) -> Result<Option<Executed>> {
        tokio::select! {
            biased;
            why = self.stop.wanted("there is no report of a part") => Err(why),
            executed = replay.next() => executed,
        }
    }

    async fn compare(&mut self, rule: &Rule, other: &Rule, name: &str, words: [&str; 4]) -> Result<String> {
        let span = self.args.span(rule, self.range)?;
        let executions = span.executions();
        let schedule = self.args.span(other, self.range)?.schedule;
        if schedule.interval.length() != span.schedule.interval.length() {
            let (own, others) = (&span.schedule.interval, &schedule.interval);
            self.console.warning(&format!("{name} runs every {others}: it is replayed every {own}, as {}", rule.name));
        }
        let others = executions.iter().map(|execution| schedule.execution_at(execution.at)).collect();
        let mut before = self.side(rule, executions, true).await?;
        let mut after = self.side(other, others, true).await?;
        let visible = |side: &Side<'_>| {
            let schema = side.replay.schema();
            let shown: Vec<usize> = (0..schema.fields().len().saturating_sub(side.hidden)).collect();
            let failed = |e| Error::new(Kind::Engine, "columns").with_source(e);
            schema.project(&shown).map(std::sync::Arc::new).map_err(failed)
        };
        let shown = [visible(&before)?, visible(&after)?];
        let identities = [before.identity.clone(), after.identity.clone()];
        let comparison = Comparison::new(rule, identities, [&shown[0], &shown[1]]);
        let mut counts = [0_u64; 4];
        let mut alerts = Vec::new();
        while let Some(first) = self.next(&mut before.replay).await? {
            let Some(second) = self.next(&mut after.replay).await? else { break };
            for change in comparison.changes(&first, &second)? {
                let at = instant(first.execution.at);
                let (kind, then, now) = match change {
                    Change::Added(now) => (0, None, Some(now)),
                    Change::Lost(then) => (1, Some(then), None),
                    Change::Changed(then, now) => (2, Some(then), Some(now)),
                    Change::Kept => (3, None, None),
                };
                counts[kind] += 1;
                if kind < 3 {
                    alerts.push([words[kind].to_owned(), at, then.unwrap_or_default(), now.unwrap_or_default()]);
                }
            }
        }
        let mut tables = before.tables;
        tables.extend(after.tables.into_iter().filter(|used| !tables.contains(used)).collect::<Vec<_>>());
        self.notice(&tables);
        let [added, lost, changed, kept] = counts;
        let title = format!(
            "{} and {name}: {lost} alerts {}, {added} {}, {changed} {}, {kept} {}",
            rule.name, words[1], words[0], words[2], words[3]
        );
        let row = |text: &String| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
        let listed = alerts.iter().map(
            |[kind, at, then, now]| json!({ "change": kind, "execution": at, "before": row(then), "after": row(now) }),
        );
        let document = json!({
            "rule": rule.name, "other": name, words[0]: added, words[1]: lost, words[2]: changed, words[3]: kept,
            "alerts": listed.collect::<Vec<_>>(),
        });
        let head = ["change", "execution", "before", "after"].map(str::to_owned);
        Ok(self.shown(&title, &head, &alerts, &document))
    }

    async fn sweep(&mut self, rule: &Rule, sweep: &Sweep) -> Result<String> {
        let loosened = rule.with_query(sweep.loosened(&rule.query.text)?);
        let span = self.args.span(rule, self.range)?;
        let executions = span.executions();
        let lowered = self.engine.compile(&loosened).await?;
        let limit = rule.limit(lowered.limit);
        if let Some(first) = executions.first() {
            let prepared = self.engine.prepare(lowered, &self.args.visibility.time(rule), first, None).await;
            sweep.check(&prepared.map_err(|error| refused(rule, error))?.logical)?;
        }
        let Side { mut replay, tables, .. } = self.side(&loosened, executions, false).await?;
        let thresholds = sweep.thresholds();
        let mut sums = vec![(0_u64, 0_u64, 0_u64); thresholds.len()];
        while let Some(executed) = self.next(&mut replay).await? {
            for (sum, count) in sums.iter_mut().zip(sweep.count(&executed.batches)?) {
                let given = limit.map_or(count, |limit| count.min(limit));
                sum.0 += given;
                sum.1 += u64::from(given > 0);
                sum.2 += count - given;
            }
        }
        self.notice(&tables);
        let days = (span.to - span.from).as_seconds_f64() / 86_400.0;
        let mut rows = Vec::new();
        let mut listed = Vec::new();
        for (threshold, (alerts, executions, lost)) in thresholds.iter().zip(sums) {
            let a_day = alerts as f64 / days;
            rows.push([
                sweep.condition(*threshold),
                alerts.to_string(),
                format!("{a_day:.1}"),
                executions.to_string(),
                lost.to_string(),
            ]);
            listed.push(json!({
                "threshold": threshold, "alerts": alerts, "alerts_a_day": a_day,
                "executions_with_alerts": executions, "alerts_lost": lost,
            }));
        }
        let title = format!("{}: {} to {}", rule.name, instant(span.from), instant(span.to));
        let head = ["condition", "alerts", "a day", "executions with alerts", "lost to the limit"].map(str::to_owned);
        Ok(self.shown(&title, &head, &rows, &json!({ "rule": rule.name, "thresholds": listed })))
    }

    /// A report in the format that is asked for.
    fn shown<const N: usize>(&self, title: &str, head: &[String; N], rows: &[[String; N]], document: &Value) -> String {
        match self.args.report {
            ReportFormat::Json => format!("{document:#}\n"),
            ReportFormat::Markdown => {
                let line = |cells: &[String; N]| {
                    let cells = cells.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>();
                    format!("| {} |\n", cells.join(" | "))
                };
                let rule = format!("|{}\n", "---|".repeat(N));
                format!("{title}\n\n{}{rule}{}", line(head), rows.iter().map(line).collect::<String>())
            }
            ReportFormat::Table => {
                let width = |at: usize| rows.iter().chain([head]).map(|row| row[at].chars().count()).max().unwrap_or(0);
                let widths: Vec<usize> = (0..N).map(width).collect();
                let line = |cells: &[String; N]| {
                    let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
                    format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
                };
                format!("{title}\n\n{}{}", line(head), rows.iter().map(line).collect::<String>())
            }
        }
    }
}
