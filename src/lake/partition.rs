//! Which files a window can do without, by the times that their folders are named after.
//!
//! A folder is named after one field. Nothing in a lake says how that field and another differ, and an event may be
//! ingested days after it was: a window over another field rules out files only where it is declared how late events
//! may be. A layout that nobody declared is taken to be of `@timestamp`, in UTC, and only where the lateness is declared.

use chrono::TimeDelta;

use super::folders::{Dated, Folders};
use super::window::Window;

pub(crate) const TIMESTAMP: &str = "@timestamp";
const INGESTED: &str = "event.ingested";

/// Whether a file, whose path says that its events are of `dated`, may hold events of the window, where none is
/// ingested later than `lateness` after it was.
pub(crate) fn may_hold(
    dated: Option<Dated>,
    declared: Option<&Folders>,
    window: Option<&Window>,
    lateness: Option<TimeDelta>,
) -> bool {
    let (Some(window), Some(dated)) = (window, dated) else { return true };
    let Some(slack) = slack(declared, window, lateness) else { return true };
    let first = window.from.checked_sub_signed(slack);
    let last = window.to.checked_add_signed(slack);
    first.is_none_or(|first| first < dated.until) && last.is_none_or(|last| dated.from <= last)
}

/// Whether folders can rule out files for a window.
pub(crate) fn judges(declared: Option<&Folders>, window: &Window, lateness: Option<TimeDelta>) -> bool {
    slack(declared, window, lateness).is_some()
}

/// How far from the window's ends the folders of its events may be named; `None` where nobody knows.
fn slack(declared: Option<&Folders>, window: &Window, lateness: Option<TimeDelta>) -> Option<TimeDelta> {
    let field = declared.map_or(TIMESTAMP, |folders| folders.field.as_str());
    let fields = || std::iter::once(&window.field).chain(&window.fallback).map(String::as_str);
    if fields().all(|name| name == field) {
        return if declared.is_some() || lateness.is_some() { Some(TimeDelta::zero()) } else { None };
    }
    let related = |name: &str| matches!(name, TIMESTAMP | INGESTED);
    // A clock that is ahead stamps an event later than it is ingested: both ways.
    lateness.filter(|_| related(field) && fields().all(related))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use super::super::folders::{Pattern, recognised};
    use super::*;

    fn holds(fields: &[&str], path: &str, declared: Option<&str>, lateness: Option<i64>) -> bool {
        let at = |text: &str| text.parse().unwrap_or_default();
        let (from, to) = (at("2026-10-02T23:00:00Z"), at("2026-10-03T01:00:00Z"));
        let fallback = fields.get(1).map(|&name| name.to_owned());
        let window = Window { field: fields[0].to_owned(), fallback, from, to, known: None };
        let pattern = || Pattern::parse("date=%Y-%m-%d").unwrap();
        let declared = declared.map(|field| Folders { field: field.to_owned(), pattern: pattern() });
        let dated = declared.as_ref().map_or_else(|| recognised(path), |folders| folders.dated(path));
        may_hold(dated, declared.as_ref(), Some(&window), lateness.map(TimeDelta::hours))
    }

    #[test]
    fn days_of_a_window() {
        let on = |day: &str, field: &str, lateness| holds(&[field], &format!("date={day}/f"), None, lateness);
        for (day, inside) in [("2026-10-01", false), ("2026-10-02", true), ("2026-10-03", true), ("2026-10-04", false)]
        {
            assert_eq!(on(day, "@timestamp", Some(1)), inside, "{day}");
            assert!(
                on(day, "@timestamp", None) && on(day, "event.ingested", None) && on(day, "event.created", Some(1))
            );
        }
        assert!(!on("2026-10-01", "event.ingested", Some(22)));
        assert!(on("2026-10-01", "event.ingested", Some(24)));
        assert!(on("2026-10-04", "event.ingested", Some(24)));
        assert!(!on("2026-10-05", "event.ingested", Some(24)));
        assert!(on("yesterday", "@timestamp", Some(1)));
    }

    #[test]
    fn declared_folders_prune_their_field_alone() {
        let on = |day: &str, fields: &[&str], declared, lateness| {
            holds(fields, &format!("date=2026-10-{day}/f"), Some(declared), lateness)
        };
        assert!(!on("01", &["@timestamp"], "@timestamp", None));
        assert!(on("01", &["event.ingested"], "@timestamp", None));
        assert!(!on("01", &["event.ingested"], "event.ingested", None));
        assert!(on("01", &["event.ingested", "@timestamp"], "event.ingested", None));
        assert!(!on("01", &["event.ingested", "@timestamp"], "event.ingested", Some(1)));
        assert!(on("01", &["event.ingested", "@timestamp"], "event.ingested", Some(24)));
        assert!(on("01", &["@timestamp"], "event.created", Some(1)));
        assert!(!on("01", &["event.created"], "event.created", None));
        assert!(on("02", &["@timestamp"], "@timestamp", None));
    }

    #[test]
    fn hours_and_folders_without_keys() {
        let on = |path: &str| holds(&["@timestamp"], path, None, Some(1));
        assert!(on("2026/10/02/23/f") && on("2026/10/03/01/f") && on("2026/10/02/f"));
        assert!(!on("2026/10/02/22/f") && !on("2026/10/03/02/f") && !on("2026/10/04/f"));
        assert!(!on("dt=20261001/f") && on("dt=20261002/f"));
        assert!(on("hour=20261001/f"));
    }
}
