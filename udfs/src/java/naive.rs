//! Expressions made at random and matched by trying every way, in Java's order, sharing nothing with the engines.

use proptest::prelude::*;

use super::engine::Replacer;

/// An expression in a form of its own.
#[derive(Debug, Clone)]
enum Tree {
    Any,
    Char(char),
    Word,
    NotDigit,
    Class(bool, char, char),
    Start,
    End,
    Boundary,
    Seq(Vec<Tree>),
    Or(Box<Tree>, Box<Tree>),
    /// A capturing group; its number is its place.
    Group(Box<Tree>),
    /// Least, most, and `""`, `?` or `+`.
    Many(Box<Tree>, usize, usize, &'static str),
    Ahead(Box<Tree>, bool),
    Behind(Box<Tree>, bool),
    Atomic(Box<Tree>),
    Fold(Box<Tree>),
}

impl Tree {
    fn text(&self) -> String {
        match self {
            Self::Any => ".".into(),
            Self::Char(c) => c.to_string(),
            Self::Word => "\\w".into(),
            Self::NotDigit => "\\D".into(),
            Self::Class(not, from, to) => format!("[{}{from}-{to}]", if *not { "^" } else { "" }),
            Self::Start => "^".into(),
            Self::End => "$".into(),
            Self::Boundary => "\\b".into(),
            Self::Seq(trees) => trees.iter().map(Self::text).collect(),
            Self::Or(a, b) => format!("(?:{}|{})", a.text(), b.text()),
            Self::Group(tree) => format!("({})", tree.text()),
            Self::Many(tree, least, most, manner) => format!("(?:{}){{{least},{most}}}{manner}", tree.text()),
            Self::Ahead(tree, not) => format!("(?{}{})", if *not { "!" } else { "=" }, tree.text()),
            Self::Behind(tree, not) => format!("(?<{}{})", if *not { "!" } else { "=" }, tree.text()),
            Self::Atomic(tree) => format!("(?>{})", tree.text()),
            Self::Fold(tree) => format!("(?i:{})", tree.text()),
        }
    }
}

/// Where the first match from a place ends, in the order in which Java tries; `then` is the rest of the expression.
fn go(
    tree: &Tree,
    text: &[char],
    at: usize,
    fold: bool,
    then: &mut dyn FnMut(usize) -> Option<usize>,
) -> Option<usize> {
    let mut one = |test: &dyn Fn(char) -> bool| {
        let c = *text.get(at)?;
        let cases = [c, c.to_ascii_lowercase(), c.to_ascii_uppercase()];
        if test(c) || (fold && cases.into_iter().any(test)) { then(at + 1) } else { None }
    };
    let word =
        |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|c| c.is_ascii_alphanumeric() || *c == '_');
    match tree {
        Tree::Any => one(&|c| c != '\n'),
        Tree::Char(literal) => one(&|c| c == *literal),
        Tree::Word => one(&|c| c.is_ascii_alphanumeric() || c == '_'),
        Tree::NotDigit => one(&|c| !c.is_ascii_digit()),
        Tree::Class(not, from, to) => {
            let c = *text.get(at)?;
            let inside = |c: char| (*from..=*to).contains(&c);
            let found = inside(c) || (fold && (inside(c.to_ascii_lowercase()) || inside(c.to_ascii_uppercase())));
            if found == *not { None } else { then(at + 1) }
        }
        Tree::Start => {
            if at == 0 {
                then(at)
            } else {
                None
            }
        }
        Tree::End => {
            let last = at == text.len() || (at + 1 == text.len() && text[at] == '\n');
            if last { then(at) } else { None }
        }
        Tree::Boundary => {
            if word(at.checked_sub(1)) == word(Some(at)) {
                None
            } else {
                then(at)
            }
        }
        Tree::Seq(trees) => match trees.split_first() {
            None => then(at),
            Some((first, rest)) => {
                let rest = Tree::Seq(rest.to_vec());
                go(first, text, at, fold, &mut |at| go(&rest, text, at, fold, then))
            }
        },
        Tree::Or(a, b) => match go(a, text, at, fold, then) {
            None => go(b, text, at, fold, then),
            found => found,
        },
        Tree::Group(tree) => go(tree, text, at, fold, then),
        Tree::Fold(tree) => go(tree, text, at, true, then),
        Tree::Many(tree, least, most, "+") => {
            let greedy = Tree::Many(tree.clone(), *least, *most, "");
            let end = go(&greedy, text, at, fold, &mut Some)?;
            then(end)
        }
        Tree::Many(tree, least, most, manner) => {
            if *most == 0 {
                return then(at);
            }
            let fewer = Tree::Many(tree.clone(), least.saturating_sub(1), most - 1, manner);
            let more = |then: &mut dyn FnMut(usize) -> Option<usize>| {
                go(tree, text, at, fold, &mut |end| go(&fewer, text, end, fold, then))
            };
            match (*least, *manner) {
                (1.., _) => more(then),
                (_, "?") => match then(at) {
                    None => more(then),
                    found => found,
                },
                _ => match more(then) {
                    None => then(at),
                    found => found,
                },
            }
        }
        Tree::Ahead(tree, not) => {
            let found = go(tree, text, at, fold, &mut Some).is_some();
            if found == *not { None } else { then(at) }
        }
        Tree::Behind(tree, not) => {
            let ends_here =
                |start: &usize| go(tree, text, *start, fold, &mut |end| (end == at).then_some(end)).is_some();
            let found = (0..=at).any(|start| ends_here(&start));
            if found == *not { None } else { then(at) }
        }
        Tree::Atomic(tree) => {
            let end = go(tree, text, at, fold, &mut Some)?;
            then(end)
        }
    }
}

/// Every match replaced with itself in brackets, as Java's `replaceAll` finds them.
fn replace(tree: &Tree, text: &[char]) -> String {
    let (mut made, mut from, mut copied) = (String::new(), 0, 0);
    while from <= text.len() {
        let Some((start, end)) =
            (from..=text.len()).find_map(|start| go(tree, text, start, false, &mut Some).map(|end| (start, end)))
        else {
            break;
        };
        made.extend(&text[copied..start]);
        made.push('<');
        made.extend(&text[start..end]);
        made.push('>');
        copied = end;
        from = if start == end { end + 1 } else { end };
    }
    made.extend(&text[copied..]);
    made
}

fn character() -> impl Strategy<Value = Tree> {
    prop_oneof![
        4 => prop::sample::select(vec!['a', 'b', 'A', '1', 'é']).prop_map(Tree::Char),
        1 => Just(Tree::Any),
        1 => Just(Tree::Word),
        1 => Just(Tree::NotDigit),
        1 => any::<bool>().prop_map(|not| Tree::Class(not, 'a', 'b')),
    ]
}

fn leaf() -> impl Strategy<Value = Tree> {
    prop_oneof![
        8 => character(),
        1 => Just(Tree::Start),
        1 => Just(Tree::End),
        1 => Just(Tree::Boundary),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    leaf().prop_recursive(4, 16, 3, |inner| {
        let boxed = |tree: Tree| Box::new(tree);
        let manner = prop::sample::select(vec!["", "?", "+"]);
        // Behind, a text of one length: more is for no engine to promise, and Oniguruma takes no places there.
        let short = prop::collection::vec(character(), 1..3).prop_map(Tree::Seq);
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 1..4).prop_map(Tree::Seq),
            2 => (inner.clone(), inner.clone()).prop_map(move |(a, b)| Tree::Or(boxed(a), boxed(b))),
            2 => inner.clone().prop_map(move |tree| Tree::Group(boxed(tree))),
            3 => (inner.clone(), 0..2_usize, 0..3_usize, manner)
                .prop_map(move |(tree, least, more, manner)| Tree::Many(boxed(tree), least, least + more, manner)),
            1 => (inner.clone(), any::<bool>()).prop_map(move |(tree, not)| Tree::Ahead(boxed(tree), not)),
            1 => (short, any::<bool>()).prop_map(move |(tree, not)| Tree::Behind(boxed(tree), not)),
            1 => inner.clone().prop_map(move |tree| Tree::Atomic(boxed(tree))),
            1 => inner.prop_map(move |tree| Tree::Fold(boxed(tree))),
        ]
    })
}

proptest! {
    #[test]
    fn replaces_what_the_naive_matcher_finds(tree in tree(), texts in prop::collection::vec("[abAB1é_ \n]{0,6}", 4)) {
        let pattern = tree.text();
        let replacer = Replacer::new(&pattern, "<$0>");
        prop_assert!(replacer.is_ok(), "{}: {:?}", pattern, replacer.err());
        for text in texts {
            let mut made = String::new();
            replacer.as_ref().unwrap_or_else(|_| unreachable!()).replace(&text, &mut made).unwrap_or_default();
            let expected = replace(&tree, &text.chars().collect::<Vec<_>>());
            prop_assert_eq!(made, expected, "{} on {:?}", pattern, text);
        }
    }

    #[test]
    fn no_text_makes_it_panic(pattern in r"[ab\\(\[{<|*+?:=!>\]})0-9,^$Qpku&é-]{0,12}", text in "[ab0(]{0,4}") {
        if let Ok(replacer) = Replacer::new(&pattern, "$0") {
            let mut made = String::new();
            if replacer.replace(&text, &mut made).is_ok() {
                prop_assert_eq!(made, text);
            }
        }
    }
}
