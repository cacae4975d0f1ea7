//! The times that partition columns are named after, where the table's schema says what they are generated from.

use chrono::TimeDelta;

use super::super::folders::{Dated, Folders, Pattern};

/// Writers generate days of instants in the time zone of their session, which the log does not keep: these are the
/// farthest there are.
const EAST: TimeDelta = TimeDelta::hours(14);
const WEST: TimeDelta = TimeDelta::hours(12);

/// The folders that partition columns would have: names, and the expressions that generate the columns. `None` where the
/// expressions do not tell a part of time of one field.
pub(crate) fn folders(partition: &[(&str, Option<&str>)]) -> Option<Folders> {
    let parts: Vec<_> = partition.iter().map(|(_, expression)| expression.and_then(part)).collect();
    let field = parts.iter().flatten().next().map(|(field, _)| field.clone())?;
    let folder = |(name, part): (&str, &Option<(String, String)>)| match part {
        Some((of, format)) if *of == field && !name.contains(['%', '*', '/', '=']) => format!("{name}={format}"),
        _ => "*".to_owned(),
    };
    let names = partition.iter().map(|(name, _)| *name);
    let pattern = names.zip(&parts).map(folder).collect::<Vec<_>>().join("/");
    Some(Folders { field, pattern: Pattern::parse(&pattern).ok()? })
}

/// The part of time in UTC that a part of time in an unknown zone lies in.
pub(crate) fn anywhere(dated: Dated) -> Option<Dated> {
    Some(Dated { from: dated.from.checked_sub_signed(EAST)?, until: dated.until.checked_add_signed(WEST)? })
}

/// The field that an expression takes a part of time of, and how values spell that part.
fn part(expression: &str) -> Option<(String, String)> {
    let (function, rest) = expression.trim().split_once('(')?;
    let arguments = rest.trim_end().strip_suffix(')')?;
    let plain = |format: &str| Some((name(arguments)?, format.to_owned()));
    match function.trim().to_ascii_lowercase().as_str() {
        "cast" => {
            let (value, target) = arguments.trim().rsplit_once(char::is_whitespace)?;
            let value = value.trim_end();
            let (value, word) = value.rsplit_once(char::is_whitespace)?;
            let day = target.eq_ignore_ascii_case("date") && word.eq_ignore_ascii_case("as");
            day.then(|| Some((name(value)?, "%Y-%m-%d".to_owned()))).flatten()
        }
        "date" | "to_date" => plain("%Y-%m-%d"),
        "year" => plain("%Y"),
        "month" => plain("%m"),
        "day" | "dayofmonth" => plain("%d"),
        "hour" => plain("%H"),
        "date_format" => {
            let (value, format) = arguments.rsplit_once(',')?;
            let quoted = format.trim();
            let inside = |quote| quoted.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
            let format = inside('\'').or_else(|| inside('"'))?;
            let mut text = format.to_owned();
            for (java, ours) in [("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H")] {
                text = text.replacen(java, ours, 1);
            }
            let rest = text.replace("%Y", "").replace("%m", "").replace("%d", "").replace("%H", "");
            let known = rest.chars().all(|c| matches!(c, '-' | '_' | '.' | ' '));
            known.then(|| Some((name(value)?, text))).flatten()
        }
        _ => None,
    }
}

/// The field that a text names, its parts perhaps in backticks.
fn name(text: &str) -> Option<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let quoted = rest.strip_prefix('`');
        let (part, after) = if let Some(quoted) = quoted {
            quoted.split_once('`')?
        } else {
            rest.split_at(rest.find('.').unwrap_or(rest.len()))
        };
        let is_name = quoted.is_some() || part.chars().all(|c| c.is_alphanumeric() || c == '_');
        if part.is_empty() || !is_name {
            return None;
        }
        parts.push(part);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None => return after.is_empty().then(|| parts.join(".")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use super::*;

    #[test]
    fn expressions_of_a_part_of_time() {
        for (expression, expected) in [
            ("CAST(`@timestamp` AS DATE)", Some(("@timestamp", "%Y-%m-%d"))),
            ("cast( ts  as date )", Some(("ts", "%Y-%m-%d"))),
            ("DATE(`event`.`ingested`)", Some(("event.ingested", "%Y-%m-%d"))),
            ("to_date(a.b)", Some(("a.b", "%Y-%m-%d"))),
            ("YEAR(ts)", Some(("ts", "%Y"))),
            ("dayofmonth(`a b`)", Some(("a b", "%d"))),
            ("DATE_FORMAT(ts, 'yyyy-MM-dd-HH')", Some(("ts", "%Y-%m-%d-%H"))),
            ("date_format(ts, \"yyyyMM\")", Some(("ts", "%Y%m"))),
            ("date_format(ts, 'EEE')", None),
            ("CAST(ts AS STRING)", None),
            ("YEAR(ts) + 1", None),
            ("YEAR(ADD_MONTHS(ts, 1))", None),
            ("DATE(ts, 1)", None),
            ("lower(x)", None),
            ("ts", None),
        ] {
            let expected = expected.map(|(field, format)| (field.to_owned(), format.to_owned()));
            assert_eq!(part(expression), expected, "{expression}");
        }
    }

    #[test]
    fn columns_make_one_pattern() {
        let dated = |partition: &[(&str, Option<&str>)], path: &str| {
            let folders = folders(partition)?;
            let dated = folders.dated(path).and_then(anywhere)?;
            Some((folders.field, dated.from.to_rfc3339(), dated.until.to_rfc3339()))
        };
        let day = [("region", None), ("date", Some("CAST(ts AS DATE)"))];
        let told = |from: &str, until: &str| {
            Some(("ts".to_owned(), format!("{from}:00:00+00:00"), format!("{until}:00:00+00:00")))
        };
        assert_eq!(dated(&day, "region=eu/date=2026-10-02/f"), told("2026-10-01T10", "2026-10-03T12"));
        assert_eq!(dated(&day, "region=eu/date=__HIVE_DEFAULT_PARTITION__/f"), None);
        let parts = [("y", Some("YEAR(ts)")), ("m", Some("MONTH(ts)")), ("d", Some("DAY(ts)"))];
        assert_eq!(dated(&parts, "y=2026/m=1/d=31/f"), told("2026-01-30T10", "2026-02-01T12"));
        // The day of another field says nothing of this one.
        let mixed = [("y", Some("YEAR(ts)")), ("d", Some("CAST(other AS DATE)"))];
        assert_eq!(folders(&mixed).unwrap().pattern, Pattern::parse("y=%Y/*").unwrap());
        assert_eq!(folders(&[("m", Some("MONTH(ts)"))]), None);
        assert_eq!(folders(&[("a", None)]), None);
        assert_eq!(folders(&[]), None);
    }
}
