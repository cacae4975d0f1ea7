//! Folders that are named after times: what part of time a file's path says that its events are of.
//!
//! The layout is declared as a pattern (`region=*/%Y/%m/%d`), or recognised: `date=2026-10-01`, `dt=`, `day=`,
//! `year=2026/month=10/day=1`, each with `hour=07` below it, and folders without keys, `2026/10/01` and `2026/10/01/07`.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use super::hive;

/// A part of time, its end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dated {
    pub(crate) from: DateTime<Utc>,
    pub(crate) until: DateTime<Utc>,
}

/// How folders are named after times, as somebody declared it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// The field whose values the folders are named after.
    pub(crate) field: String,
    /// How their names spell them.
    pub(crate) pattern: Pattern,
}

impl Folders {
    /// What a path below the location says of the time of its events.
    pub(crate) fn dated(&self, relative: &str) -> Option<Dated> {
        self.pattern.read(relative)
    }

    /// What the path of a folder says of the time of everything below it.
    pub(crate) fn folder(&self, relative: &str) -> Option<Dated> {
        self.pattern.folder(relative)
    }
}

/// A pattern of the first folders of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    folders: Vec<Vec<Part>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Char(char),
    Any,
    Year,
    Month,
    Day,
    Hour,
}

impl Pattern {
    /// The pattern of a text: `%Y`, `%m`, `%d`, `%H`, and `*` for anything within a folder's name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut folders = vec![Vec::new()];
        let mut seen: Vec<Part> = Vec::new();
        let mut chars = text.trim_end_matches('/').chars();
        while let Some(c) = chars.next() {
            let part = match c {
                '/' => {
                    folders.push(Vec::new());
                    continue;
                }
                '*' => Part::Any,
                '%' => {
                    let part = match chars.next() {
                        Some('Y') => Part::Year,
                        Some('m') => Part::Month,
                        Some('d') => Part::Day,
                        Some('H') => Part::Hour,
                        other => {
                            let found = other.map_or_else(|| "%".to_owned(), |c| format!("%{c}"));
                            return Err(format!("expected %Y, %m, %d or %H, found `{found}`"));
                        }
                    };
                    if seen.contains(&part) {
                        return Err("expected each of %Y, %m, %d and %H once, found one twice".to_owned());
                    }
                    seen.push(part);
                    part
                }
                c => Part::Char(c),
            };
            if let Some(folder) = folders.last_mut() {
                folder.push(part);
            }
        }
        let finer = [Part::Year, Part::Month, Part::Day, Part::Hour];
        let deepest = finer.iter().rposition(|part| seen.contains(part));
        let whole = deepest.is_some_and(|deepest| finer.iter().take(deepest).all(|part| seen.contains(part)));
        if whole {
            Ok(Self { folders })
        } else {
            Err("expected at least %Y, and none of %m, %d, %H without those before it".to_owned())
        }
    }

    fn read(&self, relative: &str) -> Option<Dated> {
        let mut found = [None; 4];
        let mut names = relative.split('/');
        for folder in &self.folders {
            if !matches(folder, names.next()?, &mut found) {
                return None;
            }
        }
        // The file's own name is no folder.
        names.next()?;
        let [year, month, day, hour] = found;
        part_of_time(year?, month, day, hour)
    }

    /// What the first folders of a path say, as far as they go: of `2026/10` in a layout of days a month.
    fn folder(&self, relative: &str) -> Option<Dated> {
        let mut found = [None; 4];
        for (folder, name) in self.folders.iter().zip(relative.split('/')) {
            if !matches(folder, name, &mut found) {
                return None;
            }
        }
        let [year, month, day, hour] = found;
        let month = month.filter(|_| year.is_some());
        let day = day.filter(|_| month.is_some());
        part_of_time(year?, month, day, hour.filter(|_| day.is_some()))
    }
}

/// Whether a folder's name is as the parts say; the numbers in it go to `found`: year, month, day, hour.
fn matches(parts: &[Part], name: &str, found: &mut [Option<u32>; 4]) -> bool {
    let Some((first, rest)) = parts.split_first() else { return name.is_empty() };
    let at = match first {
        Part::Char(c) => return name.strip_prefix(*c).is_some_and(|name| matches(rest, name, found)),
        Part::Any => {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            return ends.into_iter().any(|at| name.get(at..).is_some_and(|name| matches(rest, name, found)));
        }
        Part::Year => 0,
        Part::Month => 1,
        Part::Day => 2,
        Part::Hour => 3,
    };
    let lengths: &[usize] = if at == 0 { &[4] } else { &[2, 1] };
    lengths.iter().any(|length| {
        let Some((digits, name)) = name.split_at_checked(*length) else { return false };
        let Some(number) = number(digits) else { return false };
        let fits = matches(rest, name, found);
        if let (true, Some(slot)) = (fits, found.get_mut(at)) {
            *slot = Some(number);
        }
        fits
    })
}

fn number(digits: &str) -> Option<u32> {
    digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The year, or the month, day, hour of it; `None` where the calendar has none such.
fn part_of_time(year: u32, month: Option<u32>, day: Option<u32>, hour: Option<u32>) -> Option<Dated> {
    let year = i32::try_from(year).ok()?;
    let first = NaiveDate::from_ymd_opt(year, month.unwrap_or(1), day.unwrap_or(1))?;
    let next = match (month, day) {
        (None, _) => NaiveDate::from_ymd_opt(year.checked_add(1)?, 1, 1)?,
        (Some(month), None) => first.checked_add_months(chrono::Months::new(1)).filter(|_| month <= 12)?,
        (Some(_), Some(_)) => first.checked_add_days(Days::new(1))?,
    };
    let (from, until) = match hour {
        Some(hour) => {
            let from = first.and_hms_opt(hour, 0, 0)?;
            (from, from.checked_add_signed(TimeDelta::hours(1))?)
        }
        None => (first.and_hms_opt(0, 0, 0)?, next.and_hms_opt(0, 0, 0)?),
    };
    Some(Dated { from: from.and_utc(), until: until.and_utc() })
}

/// What a path says where nobody declared how: see the module.
pub(crate) fn recognised(relative: &str) -> Option<Dated> {
    let columns = hive::columns(relative);
    let value = |name: &str| columns.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.as_deref());
    let hour = value("hour").and_then(number);
    if let (Some(year), Some(month), Some(day)) = (value("year"), value("month"), value("day")) {
        return part_of_time(number(year)?, Some(number(month)?), Some(number(day)?), hour);
    }
    for name in ["date", "dt", "day"] {
        let Some(text) = value(name) else { continue };
        let parsed = ["%Y-%m-%d", "%Y%m%d"].iter().find_map(|format| NaiveDate::parse_from_str(text, format).ok());
        if let Some(day) = parsed.filter(|_| text.len() >= 8) {
            use chrono::Datelike;
            let year = u32::try_from(day.year()).ok()?;
            return part_of_time(year, Some(day.month()), Some(day.day()), hour);
        }
    }
    let (folders, _) = relative.rsplit_once('/')?;
    let folders: Vec<&str> = folders.split('/').collect();
    // Only one place may look like a date: who knows which of two is.
    let mut dates = folders.windows(3).enumerate().filter_map(|(at, window)| {
        let [year, month, day] = window else { return None };
        if (year.len(), month.len(), day.len()) != (4, 2, 2) {
            return None;
        }
        let (year, month, day) = (number(year)?, number(month)?, number(day)?);
        let hour = folders.get(at + 3).filter(|text| text.len() == 2).and_then(|text| number(text));
        part_of_time(year, Some(month), Some(day), hour.filter(|hour| *hour < 24))
    });
    dates.next().filter(|_| dates.next().is_none())
}

/// What the path of a folder says of the time of everything below it, where nobody declared how: as [`recognised`] does of
/// a whole path, and of the years and months above such folders.
pub(crate) fn recognised_folder(relative: &str) -> Option<Dated> {
    if let Some(dated) = recognised(&format!("{relative}/file")) {
        return Some(dated);
    }
    let columns = hive::columns(&format!("{relative}/file"));
    let value = |name: &str| columns.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.as_deref());
    if let Some(year) = value("year") {
        return part_of_time(number(year)?, value("month").and_then(number), None, None);
    }
    // The last folders of the path, which a month and a day may follow. Not every number of four digits is a year.
    let mut last = relative.rsplit('/');
    let names = (last.next()?, last.next());
    let year = |name: &str| number(name).filter(|year| name.len() == 4 && (1970..2100).contains(year));
    match names {
        (name, _) if year(name).is_some() => part_of_time(year(name)?, None, None, None),
        (name, Some(above)) if name.len() == 2 => part_of_time(year(above)?, Some(number(name)?), None, None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use super::*;

    #[test]
    fn folders_above_dates_are_parts_of_time() {
        for (folder, expected) in [
            ("2026", Some("2026-01-01T00 8760")),
            ("eu/2026/10", Some("2026-10-01T00 744")),
            ("2026/10/01", Some("2026-10-01T00 24")),
            ("2026/10/01/07", Some("2026-10-01T07 1")),
            ("2026/13", None),
            ("1234", None),
            ("eu", None),
            ("10", None),
            ("year=2026", Some("2026-01-01T00 8760")),
            ("x=1/year=2026/month=2", Some("2026-02-01T00 672")),
            ("year=2026/month=2/day=3", Some("2026-02-03T00 24")),
            ("month=2", None),
            ("date=2026-10-01", Some("2026-10-01T00 24")),
            ("date=2026-10-01/region=eu", Some("2026-10-01T00 24")),
            ("date=yesterday", None),
        ] {
            assert_eq!(told(recognised_folder(folder)).as_deref(), expected, "{folder}");
        }
        let declared = |pattern: &str, folder: &str| told(Pattern::parse(pattern).unwrap().folder(folder));
        assert_eq!(declared("*/%Y/%m/%d", "eu"), None);
        assert_eq!(declared("*/%Y/%m/%d", "eu/2026").as_deref(), Some("2026-01-01T00 8760"));
        assert_eq!(declared("*/%Y/%m/%d", "eu/2026/10").as_deref(), Some("2026-10-01T00 744"));
        assert_eq!(declared("*/%Y/%m/%d", "eu/2026/10/01/x").as_deref(), Some("2026-10-01T00 24"));
        assert_eq!(declared("%d/%m/%Y", "01/10"), None);
        assert_eq!(declared("%Y/%m/%d", "2026/x"), None);
    }

    fn told(dated: Option<Dated>) -> Option<String> {
        dated.map(|d| format!("{} {}", d.from.format("%Y-%m-%dT%H"), (d.until - d.from).num_hours()))
    }

    #[test]
    fn declared_patterns() {
        let read = |pattern: &str, path: &str| told(Pattern::parse(pattern).unwrap().read(path));
        let day = Some("2026-10-01T00 24".to_owned());
        assert_eq!(read("%Y/%m/%d", "2026/10/01/a.parquet"), day);
        assert_eq!(read("%Y/%m/%d", "2026/10/1/deeper/a.parquet"), day);
        assert_eq!(read("*/CloudTrail/*/%Y/%m/%d/", "1234/CloudTrail/eu-west-1/2026/10/01/a.json.gz"), day);
        assert_eq!(read("date=%Y-%m-%d", "date=2026-10-01/a.parquet"), day);
        assert_eq!(read("region=*/eventday=%Y%m%d", "region=eu/eventday=20261001/a.parquet"), day);
        assert_eq!(read("%Y/%m/%d/%H", "2026/10/01/07/a"), Some("2026-10-01T07 1".to_owned()));
        assert_eq!(read("%Y/%m", "2026/12/a"), Some("2026-12-01T00 744".to_owned()));
        assert_eq!(read("%Y", "2026/a"), Some("2026-01-01T00 8760".to_owned()));
        for other in ["2026/13/01/a", "2026/10/a", "2026/10/01", "x/2026/10/01/a", "2026/02/30/a", "20261/10/01/a"] {
            assert_eq!(read("%Y/%m/%d", other), None, "{other}");
        }
        for wrong in ["%Y/%d", "date=*", "%Y/%q", "%Y/%Y", "%m", "%Y/%", ""] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn recognised_layouts() {
        for (path, expected) in [
            ("date=2026-10-01/a", Some("2026-10-01T00 24")),
            ("dt=20261001/hour=07/a", Some("2026-10-01T07 1")),
            ("x=1/year=2026/month=10/day=1/a", Some("2026-10-01T00 24")),
            ("year=2026/month=10/day=01/hour=23/a", Some("2026-10-01T23 1")),
            ("2026/10/01/a", Some("2026-10-01T00 24")),
            ("logs/2026/10/01/07/a", Some("2026-10-01T07 1")),
            ("logs/2026/10/01/77/a", Some("2026-10-01T00 24")),
            ("2026/10/01/2025/01/02/a", None),
            ("day=44/a", None),
            ("year=2026/month=10/day=44/a", None),
            ("date=yesterday/a", None),
            ("hour=20261001/a", None),
            ("2026-10-01.parquet", None),
        ] {
            assert_eq!(told(recognised(path)).as_deref(), expected, "{path}");
        }
    }
}
