//! Names and types of the Elastic Common Schema: which kind of value a field holds, whoever stored it.
//!
//! The table `ecs.csv` holds facts of the Elastic Common Schema 9.5.0-dev (<https://github.com/elastic/ecs>, Apache-2.0):
//! a field's name, its type and whether it may hold an array, and a few fields that Elastic's agents write beside it.
//!
//! ```
//! use egret::lake::{Kind, ecs};
//! assert_eq!(ecs::kind("destination.ip"), Some(Kind::Ip));
//! assert!(ecs::array("event.type"));
//! assert_eq!(ecs::near("proces.executable", ["process.executable", "process.name"]), Some("process.executable"));
//! ```

use std::sync::OnceLock;

use super::field::Kind;

/// The table, sorted by name.
const TABLE: &str = include_str!("ecs.csv");

/// What ECS says of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    name: &'static str,
    kind: Kind,
    array: bool,
}

/// The kind of value that ECS gives a field.
pub fn kind(name: &str) -> Option<Kind> {
    entry(name).map(|e| e.kind)
}

/// Whether ECS says that a field holds an array; `false` also where ECS does not know it.
pub fn array(name: &str) -> bool {
    entry(name).is_some_and(|e| e.array)
}

/// Every name that ECS knows, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    table().iter().map(|e| e.name)
}

/// The candidate that is nearest to a name, if one is near enough to be what was meant.
pub fn near<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let leaf = |n: &str| n.rsplit('.').next().unwrap_or("").to_owned();
    candidates
        .into_iter()
        .filter(|c| *c != name)
        .map(|c| {
            let other = c.to_lowercase();
            let is_leaf = leaf(&lower) == leaf(&other);
            let score = if is_leaf || may_be_near(&lower, &other) {
                strsim::normalized_damerau_levenshtein(&lower, &other)
            } else {
                0.0
            };
            // A name that lacks its parents ("executable") or has others ("proc.executable") is meant by its leaf.
            let same_leaf = is_leaf && (other.ends_with(&lower) || score > 0.5);
            (c, if same_leaf { score.max(0.76) } else { score })
        })
        .filter(|(_, score)| *score >= 0.75)
        .max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| b.0.cmp(a.0)))
        .map(|(c, _)| c)
}

/// Whether names have enough letters in common, in whatever order, to be near: most pairs have not, and their distance
/// costs a hundred times as much as this.
fn may_be_near(a: &str, b: &str) -> bool {
    if !a.is_ascii() || !b.is_ascii() {
        return true;
    }
    let mut surplus = [0_i32; 128];
    for (letters, weight) in [(a, 1), (b, -1)] {
        for letter in letters.bytes() {
            if let Some(count) = surplus.get_mut(usize::from(letter)) {
                *count += weight;
            }
        }
    }
    let of_a: i32 = surplus.iter().filter(|count| **count > 0).sum();
    let of_b: i32 = -surplus.iter().filter(|count| **count < 0).sum::<i32>();
    // Every edit takes away one surplus letter of each at most.
    4 * of_a.max(of_b).unsigned_abs() as usize <= a.len().max(b.len())
}

fn entry(name: &str) -> Option<Entry> {
    let table = table();
    table.binary_search_by(|e| e.name.cmp(name)).ok().and_then(|at| table.get(at).copied())
}

fn table() -> &'static [Entry] {
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    ENTRIES.get_or_init(|| TABLE.lines().skip(1).filter_map(parse).collect())
}

fn parse(line: &'static str) -> Option<Entry> {
    let mut cells = line.split(',');
    let name = cells.next()?;
    let kind = match cells.next()? {
        "keyword" => Kind::Keyword,
        "text" => Kind::Text,
        "boolean" => Kind::Boolean,
        "long" => Kind::Long,
        "double" => Kind::Double,
        "date" => Kind::Date,
        "ip" => Kind::Ip,
        "version" => Kind::Version,
        "geo_point" => Kind::GeoPoint,
        _ => return None,
    };
    Some(Entry { name, kind, array: cells.next() == Some("y") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_sorted() {
        assert_eq!(table().len(), TABLE.lines().count() - 1);
        assert!(table().windows(2).all(|w| w[0].name < w[1].name));
    }

    #[test]
    fn knows_the_fields_of_rules() {
        for (name, expected) in [
            ("@timestamp", Kind::Date),
            ("event.ingested", Kind::Date),
            ("host.os.type", Kind::Keyword),
            ("destination.ip", Kind::Ip),
            ("destination.port", Kind::Long),
            ("data_stream.dataset", Kind::Keyword),
            ("process.pid", Kind::Long),
        ] {
            assert_eq!(kind(name), Some(expected), "{name}");
        }
        assert_eq!(kind("no.such.field"), None);
        assert!(array("host.ip") && !array("destination.ip") && !array("nope"));
    }

    #[test]
    fn nearest_names() {
        let names = ["process.executable", "process.name", "host.os.type"];
        assert_eq!(near("process.excutable", names), Some("process.executable"));
        assert_eq!(near("executable", names), Some("process.executable"));
        assert_eq!(near("Process.Name", names), Some("process.name"));
        assert_eq!(near("zzz", names), None);
    }

    #[test]
    fn no_near_name_is_passed_over() {
        let all: Vec<_> = names().step_by(29).collect();
        let mut near = 0;
        for a in &all {
            for b in &all {
                if strsim::normalized_damerau_levenshtein(a, b) >= 0.75 {
                    assert!(may_be_near(a, b), "{a} {b}");
                    near += 1;
                }
            }
        }
        assert!(near > all.len(), "no two names are near");
    }
}
