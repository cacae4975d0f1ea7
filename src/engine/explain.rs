//! Which predicates of a plan prune, which run inside the scan, and which are left for later.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;

/// The predicates around one scan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Predicates {
    /// What is read: format and number of files.
    pub source: String,
    /// What the scan decides before it decodes other columns.
    pub in_scan: Option<String>,
    /// What rules out files, row groups and pages by statistics, or lines by their bytes.
    pub prunes: Option<String>,
    /// What is decided on rows that the scan gave on.
    pub after: Option<String>,
}

/// The predicates of every scan below `plan`.
pub fn predicates(plan: &Arc<dyn ExecutionPlan>) -> Vec<Predicates> {
    let mut found = Vec::new();
    collect(plan, None, &mut found);
    found
}

fn collect(plan: &Arc<dyn ExecutionPlan>, above: Option<String>, found: &mut Vec<Predicates>) {
    let filter = plan.downcast_ref::<FilterExec>().map(|filter| filter.predicate().to_string());
    // What changes rows ends the reach of a filter above it.
    let reaches =
        matches!(plan.name(), "ProjectionExec" | "RepartitionExec" | "CooperativeExec" | "CoalescePartitionsExec");
    let above = filter.or_else(|| above.filter(|_| reaches || plan.children().is_empty()));
    if plan.children().is_empty() {
        let line = DisplayableExecutionPlan::new(plan.as_ref()).one_line().to_string();
        found.push(Predicates {
            source: source(&line),
            in_scan: part(&line, "predicate="),
            prunes: part(&line, "pruning_predicate=")
                .or_else(|| part(&line, "line_holds=").map(|need| format!("lines that do not hold {need}"))),
            after: above,
        });
        return;
    }
    for child in plan.children() {
        collect(child, above.clone(), found);
    }
}

/// What a scan reads, as its line tells.
fn source(line: &str) -> String {
    let kind = part(line, "file_type=").unwrap_or_else(|| line.trim().split(':').next().unwrap_or("").to_owned());
    let files = line.matches(".parquet").count() + line.matches("json").count();
    if files > 0 { format!("{kind} files") } else { kind }
}

/// The value of `key` in a line of `key=value, key=value`, where values may hold commas inside brackets.
fn part(line: &str, key: &str) -> Option<String> {
    let at = line.match_indices(key).map(|(at, _)| at).find(|at| *at == 0 || line[..*at].ends_with(", "))?;
    let value = &line[at + key.len()..];
    // The next key begins behind a comma: a lower-case word and an equals sign that no operator follows.
    let end = value
        .match_indices(", ")
        .map(|(at, _)| at)
        .find(|at| {
            let next = &value[at + 2..];
            let word = next.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(next.len());
            word > 0 && next[word..].starts_with('=') && !next[word..].starts_with("==")
        })
        .unwrap_or(value.len());
    Some(value[..end].trim().to_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_scan() {
        let line = "DataSourceExec: file_groups={1 group: [[a.parquet]]}, projection=[a], file_type=parquet, \
                    predicate=a@0 = 1 AND f(b, c), pruning_predicate=a_min@0 <= 1, required_guarantees=[a in (1)]";
        assert_eq!(part(line, "predicate=").as_deref(), Some("a@0 = 1 AND f(b, c)"));
        assert_eq!(part(line, "pruning_predicate=").as_deref(), Some("a_min@0 <= 1"));
        assert_eq!(part(line, "file_type=").as_deref(), Some("parquet"));
        assert_eq!(source(line), "parquet files");
    }
}
