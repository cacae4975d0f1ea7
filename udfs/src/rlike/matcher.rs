//! One matcher for all the expressions of a call.

use datafusion::common::{Result, plan_err};
use regex::bytes::{Regex, RegexBuilder};

use super::NAME;
use super::automaton::Automaton;
use super::expression::search;
use super::globs::is_everything;
use super::parse::Node;

/// Expressions compiled together.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    /// One of them matches every text.
    pub(crate) everything: bool,
    expression: Option<Regex>,
    automata: Vec<Automaton>,
}

/// The limit of the `regex` crate, 10 MB, is meant for patterns of strangers.
const SIZE_LIMIT: usize = 64 << 20;

impl Matcher {
    /// Returns the matcher of these patterns: a value matches if it matches any of them.
    pub(crate) fn new(patterns: &[(&str, Node)]) -> Result<Self> {
        let mut matcher = Self::default();
        let mut searches = Vec::new();
        for (pattern, node) in patterns {
            matcher.everything |= is_everything(node);
            match search(node) {
                Some(search) => searches.push(search),
                None => match Automaton::new(node) {
                    Some(automaton) => matcher.automata.push(automaton),
                    None => return plan_err!("{NAME}: '{pattern}' is no pattern: it is too complex"),
                },
            }
        }
        if !searches.is_empty() {
            let any = searches.iter().map(|search| format!("(?:{search})")).collect::<Vec<_>>().join("|");
            let built = RegexBuilder::new(&any).size_limit(SIZE_LIMIT).dfa_size_limit(SIZE_LIMIT / 8).build();
            let Ok(expression) = built else {
                let all = patterns.iter().map(|(pattern, _)| *pattern).collect::<Vec<_>>().join("', '");
                return plan_err!("{NAME}: '{all}' is no pattern: it is too large");
            };
            matcher.expression = Some(expression);
        }
        Ok(matcher)
    }

    /// True if the whole value matches any of the patterns.
    pub(crate) fn is_match(&self, value: &str) -> bool {
        self.expression.as_ref().is_some_and(|expression| expression.is_match(value.as_bytes()))
            || self.automata.iter().any(|automaton| automaton.is_match(value))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::super::automaton::Automaton;
    use super::super::globs::{globs, start};
    use super::super::naive;
    use super::*;

    fn matches(pattern: &str, value: &str) -> bool {
        Matcher::new(&[(pattern, Node::parse(pattern).unwrap())]).unwrap().is_match(value)
    }

    #[test]
    fn every_operator() {
        for (pattern, yes, no) in [
            ("a|b", "b", "c"),
            ("a.c", "a\nc", "ac"),
            ("[a-c]{2,3}", "abc", "abcd"),
            ("(ab)+c?", "ababc", "abcc"),
            ("@x@", "axb", "a"),
            ("(a|#)b", "ab", "b"),
            ("\"a.b\"", "a.b", "axb"),
            ("a\\.b", "a.b", "axb"),
            ("<1-120>", "99", "121"),
            ("<1-120>", "0099", "0"),
            ("<01-12>", "07", "7"),
            ("<7-7>", "7", "07"),
            ("<0-100>", "000", "101"),
            (".*&~(.*x.*)", "abc", "axc"),
            ("~a", "", "a"),
            ("~(a~b)", "ab", "ac"),
            ("a&b|c", "c", "a"),
            (".*(x>&|0>&1).*", "zz0>&1zz", "x>"),
            ("\\d+\\s\\w", "12 x", "12-x"),
            ("[^\\d]", "x", "1"),
            ("(oauth.*||.*login.*)", "|xloginx", "xlogin"),
            ("^a$", "^a$", "a"),
            ("*sh.{1,2}-c*", "*sh_-cc", "sh_-c"),
            ("é{2}", "éé", "é"),
            ("", "", " "),
            ("a{2,1}|b", "b", "aa"),
        ] {
            // A pattern with & means what it says, which an author may not have meant.
            let expected = pattern != ".*(x>&|0>&1).*";
            assert_eq!(matches(pattern, yes), expected, "{pattern} {yes}");
            assert!(!matches(pattern, no), "{pattern} {no}");
        }
    }

    #[test]
    fn what_is_too_large_is_told() {
        let told = |pattern: &str| Matcher::new(&[(pattern, Node::parse(pattern).unwrap())]).unwrap_err().to_string();
        assert!(told("(((.{999}){999}){999}){999}").contains("too large"));
        assert!(told("~((a|b)*a(a|b){20})").contains("too complex"));
    }

    /// Patterns of every operator over a small alphabet.
    fn pattern() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            8 => "[ab1é]",
            2 => Just(".".to_owned()),
            1 => Just("@".to_owned()),
            1 => Just("#".to_owned()),
            1 => Just("()".to_owned()),
            1 => Just("\"a|\"".to_owned()),
            1 => Just("\\|".to_owned()),
            1 => Just("\\d".to_owned()),
            1 => Just("\\W".to_owned()),
            1 => Just("[^a1]".to_owned()),
            1 => Just("[a-b\\s]".to_owned()),
            1 => Just("<3-12>".to_owned()),
            1 => Just("<09-11>".to_owned()),
        ];
        leaf.prop_recursive(4, 16, 3, |inner| {
            prop_oneof![
                4 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}{b}")),
                2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}|{b})")),
                1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}&{b})")),
                1 => inner.clone().prop_map(|a| format!("~({a})")),
                2 => (inner.clone(), "[*+?]").prop_map(|(a, q)| format!("({a}){q}")),
                1 => inner.prop_map(|a| format!("({a}){{1,2}}")),
            ]
        })
    }

    proptest! {
        #[test]
        fn equals_the_naive_matcher(pattern in pattern(), values in proptest::collection::vec("[ab1|é\n ]{0,5}|[0-9]{1,3}", 6)) {
            let node = Node::parse(&pattern).unwrap();
            let automaton = Automaton::new(&node).unwrap();
            let globs = globs(&node);
            for value in values {
                let expected = naive::is_match(&pattern, &value);
                prop_assert_eq!(matches(&pattern, &value), expected, "{} on {:?}", pattern, value);
                prop_assert_eq!(automaton.is_match(&value), expected, "{} on {:?} by states", pattern, value);
                if let Some(globs) = &globs {
                    let characters: Vec<char> = value.chars().collect();
                    let any = globs.iter().any(|glob| {
                        crate::glob::naive(&glob.chars().collect::<Vec<_>>(), &characters)
                    });
                    prop_assert_eq!(any, expected, "{} on {:?} as {:?}", pattern, value, globs);
                }
                prop_assert!(!expected || value.starts_with(&start(&node)), "{} on {:?}", pattern, value);
                prop_assert!(!is_everything(&node) || expected, "{} on {:?}", pattern, value);
            }
        }

        #[test]
        fn no_text_makes_it_panic(pattern in r#"[ab\\(\[{<"~&|@#.*+?\]})>0-9,^$é-]{0,12}"#, value in "[ab0(]{0,4}") {
            if let Ok(node) = Node::parse(&pattern)
                && let Ok(matcher) = Matcher::new(&[(&pattern, node)])
            {
                prop_assert_eq!(matcher.is_match(&value), naive::is_match(&pattern, &value), "{}", pattern);
            }
        }
    }
}
