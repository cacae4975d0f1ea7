//! Which version of a Delta table a location means: `PATH@v12`, `PATH@2026-10-01T00:00:00Z`.

use std::fmt::{self, Display, Formatter};

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};

/// A version of a Delta table, by its number or by a time at which it was the latest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// This version.
    Version(u64),
    /// The latest version that was committed up to this time.
    Instant(DateTime<Utc>),
}

impl AsOf {
    /// The version that a text such as `v12`, `2026-10-01T00:00:00Z` or `2026-10-01` (midnight in UTC) means.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(number) = text.strip_prefix('v') {
            return Self::number(number).map(Self::Version);
        }
        Self::instant(text).map(Self::Instant)
    }

    /// The time that a text spells.
    pub(crate) fn instant(text: &str) -> Option<DateTime<Utc>> {
        let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
        DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc)).or_else(day)
    }

    fn number(text: &str) -> Option<u64> {
        text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
    }
}

impl Display for AsOf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "version {version}"),
            Self::Instant(at) => write!(f, "version as of {}", at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        }
    }
}

/// A location without the version that it ends in, and that version; `None` where it ends in none.
pub(crate) fn split(location: &str) -> Option<(&str, AsOf)> {
    let (path, version) = location.rsplit_once('@')?;
    // The query of a URL is no part of its path.
    let in_query = path.contains("://") && path.contains('?');
    Some((path, AsOf::parse(version)?)).filter(|_| !path.is_empty() && !in_query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_with_and_without_a_version() {
        let at = |text: &str| text.parse().map(AsOf::Instant).ok();
        for (location, expected) in [
            ("lake/t@v12", Some(("lake/t", AsOf::Version(12)))),
            ("s3://b/t/@v0", Some(("s3://b/t/", AsOf::Version(0)))),
            ("t@2026-10-01T00:00:00Z", at("2026-10-01T00:00:00Z").map(|at| ("t", at))),
            ("t@2026-10-01T02:00:00.5+02:00", at("2026-10-01T00:00:00.5Z").map(|at| ("t", at))),
            ("t@2026-10-01", at("2026-10-01T00:00:00Z").map(|at| ("t", at))),
            ("abfss://c@a.dfs.core.windows.net/t@v3", Some(("abfss://c@a.dfs.core.windows.net/t", AsOf::Version(3)))),
            ("abfss://c@a.dfs.core.windows.net/t", None),
            ("https://h/x.parquet?user=a@v1", None),
            ("mail@host", None),
            ("t@v", None),
            ("t@v-1", None),
            ("t@12", None),
            ("@v1", None),
            ("t@2026-13-01", None),
        ] {
            assert_eq!(split(location), expected, "{location}");
        }
    }
}
