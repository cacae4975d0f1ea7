//! Which tables the patterns of FROM mean: Elasticsearch's index patterns.
//!
//! `logs-*` matches by wildcard, `-logs-test` takes tables out again, `cluster:logs-*` ignores the cluster's name.

use std::collections::BTreeSet;

/// The name of the table of `--events`; every pattern matches it.
pub(crate) const EVENTS: &str = "events";

/// The outcome of matching patterns against names: positions of the names, and the patterns that matched none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Matched {
    pub(crate) positions: Vec<usize>,
    pub(crate) unmatched: Vec<String>,
}

/// The names that the patterns select. `catch_all` is the position of a name that every pattern selects which does
/// not select another name.
pub(crate) fn select<P: AsRef<str>>(patterns: &[P], names: &[&str], catch_all: Option<usize>) -> Matched {
    let mut chosen = BTreeSet::new();
    let mut unmatched = Vec::new();
    for pattern in patterns.iter().flat_map(|p| p.as_ref().split(',')).map(str::trim).filter(|p| !p.is_empty()) {
        let (exclude, bare) = match pattern.strip_prefix('-') {
            // A leading minus only excludes after something was included, as in Elasticsearch.
            Some(rest) if !chosen.is_empty() => (true, rest),
            _ => (false, pattern),
        };
        let bare = without_cluster(bare);
        let hits: Vec<_> = names.iter().enumerate().filter(|(_, n)| matches(bare, n)).map(|(at, _)| at).collect();
        if exclude {
            chosen.retain(|at| !hits.contains(at));
        } else if !hits.is_empty() {
            chosen.extend(hits);
        } else if let Some(at) = catch_all {
            chosen.insert(at);
        } else {
            unmatched.push(pattern.to_owned());
        }
    }
    Matched { positions: chosen.into_iter().collect(), unmatched }
}

/// The pattern without the name of a remote cluster.
fn without_cluster(pattern: &str) -> &str {
    match pattern.split_once(':') {
        // `::data` and `::failures` are selectors of a data stream's parts, not clusters.
        Some((cluster, rest)) if !cluster.is_empty() && !rest.is_empty() && !rest.starts_with(':') => rest,
        Some((index, rest)) if !index.is_empty() && rest.starts_with(':') => index,
        _ => pattern,
    }
}

/// Whether a pattern with `*` matches a name, case-sensitive. Linear in the product of both, without backtracking
/// further than the last star.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(c) if Some(c) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((after, at)) => {
                    star = Some((after, at + 1));
                    p = after;
                    n = at + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_select_as_in_elasticsearch() {
        let names = ["logs-a", "logs-b", "metrics"];
        let on = |patterns: &[&str]| select(patterns, &names, None);
        assert_eq!(on(&["logs-*"]).positions, [0, 1]);
        assert_eq!(on(&["logs-*", "-logs-b"]).positions, [0]);
        assert_eq!(on(&["*:logs-a,metrics"]).positions, [0, 2]);
        assert_eq!(on(&["LOGS-a"]).unmatched, ["LOGS-a"]);
        assert_eq!(on(&["nope", "metrics"]), Matched { positions: vec![2], unmatched: vec!["nope".into()] });
        assert_eq!(on(&["logs-a::data"]).positions, [0]);
        assert_eq!(select(&["anything-*"], &["events"], Some(0)).positions, [0]);
        assert_eq!(select(&["logs-a"], &["events", "logs-a"], Some(0)).positions, [1]);
    }

    #[test]
    fn stars_anywhere() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("*x*", "axb", true),
            ("", "a", false),
            ("a**b", "ab", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
