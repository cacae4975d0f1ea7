//! An expression of Java written for an engine: the `regex` crate, where it has what it takes, else Oniguruma.

use super::parse::{Manner, Node, Parsed, Place};
use super::set::{LINE_ENDS, Set};

/// Which engine an expression is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The `regex` crate: time in proportion to the text, but no look-around and no way not to go back.
    Regex,
    /// Oniguruma, which goes back and has everything that Java has.
    Oniguruma,
}

/// Returns the expression, or `None` if the engine lacks something that it takes.
pub(crate) fn write(parsed: &Parsed, target: Target) -> Option<String> {
    Writer { target, groups: parsed.groups }.node(&parsed.node)
}

struct Writer {
    target: Target,
    groups: usize,
}

impl Writer {
    fn node(&self, node: &Node) -> Option<String> {
        let full = self.target == Target::Oniguruma;
        Some(match node {
            Node::One(set, false) => set.write(),
            Node::One(set, true) => format!("(?i:{})", set.write()),
            Node::Concat(nodes) => nodes.iter().map(|node| self.operand(node)).collect::<Option<Vec<_>>>()?.concat(),
            Node::Union(nodes) => nodes.iter().map(|node| self.node(node)).collect::<Option<Vec<_>>>()?.join("|"),
            Node::Group(_, node) => format!("({})", self.node(node)?),
            // What is never there still holds the groups that it has.
            Node::Repeat(node, _, Some(0), _) => format!("(?:{}(?:{})|)", Set::none().write(), self.node(node)?),
            // Oniguruma repeats nothing that is only a place; being there once is being there so often.
            Node::Repeat(node, 0, ..) if is_place(node) => format!("(?:{}|)", self.node(node)?),
            Node::Repeat(node, ..) if is_place(node) => format!("(?:{})", self.node(node)?),
            Node::Repeat(node, least, most, manner) => {
                let mut inner = self.node(node)?;
                if full && has_place(node) {
                    // Nor does it repeat alternatives of which one is a place, but a sequence that starts with them.
                    inner = format!("(?:{inner})(?:)");
                }
                let bounds = match (least, most) {
                    (0, None) => "*".to_owned(),
                    (1, None) => "+".to_owned(),
                    (0, Some(1)) => "?".to_owned(),
                    (least, None) => format!("{{{least},}}"),
                    (least, Some(most)) => format!("{{{least},{most}}}"),
                };
                match manner {
                    Manner::Greedy => format!("(?:{inner}){bounds}"),
                    Manner::Lazy => format!("(?:{inner}){bounds}?"),
                    Manner::Possessive if full => format!("(?>(?:{inner}){bounds})"),
                    Manner::Possessive => return None,
                }
            }
            Node::At(Place::Start) => r"\A".to_owned(),
            Node::At(Place::End) => r"\z".to_owned(),
            Node::At(Place::Word) if !full => r"(?-u:\b)".to_owned(),
            _ if !full => return None,
            Node::Atomic(node) => format!("(?>{})", self.node(node)?),
            Node::Look { behind, negated, node } => {
                let sign = match (behind, negated) {
                    (false, false) => "=",
                    (false, true) => "!",
                    (true, false) => "<=",
                    (true, true) => "<!",
                };
                format!("(?{sign}{})", self.node(node)?)
            }
            // A group that does not exist never matched anything.
            Node::Back(number, _) if *number > self.groups => Set::none().write(),
            Node::Back(number, false) => format!(r"\k<{number}>"),
            Node::Back(number, true) => format!(r"(?i:\k<{number}>)"),
            Node::At(place) => self::place(*place),
        })
    }

    fn operand(&self, node: &Node) -> Option<String> {
        match node {
            Node::Union(_) => Some(format!("(?:{})", self.node(node)?)),
            _ => self.node(node),
        }
    }
}

/// True if it takes up no character, by the look of it.
fn is_place(node: &Node) -> bool {
    match node {
        Node::At(_) | Node::Look { .. } => true,
        Node::Concat(nodes) | Node::Union(nodes) => nodes.iter().all(is_place),
        Node::Group(_, node) | Node::Atomic(node) | Node::Repeat(node, ..) => is_place(node),
        Node::One(..) | Node::Back(..) => false,
    }
}

/// True if a place stands somewhere in it.
fn has_place(node: &Node) -> bool {
    match node {
        Node::At(_) | Node::Look { .. } => true,
        Node::Concat(nodes) | Node::Union(nodes) => nodes.iter().any(has_place),
        Node::Group(_, node) | Node::Atomic(node) | Node::Repeat(node, ..) => has_place(node),
        Node::One(..) | Node::Back(..) => false,
    }
}

/// A place, said in look-around. Between `\r` and `\n` no line starts or ends.
fn place(place: Place) -> String {
    let ends = Set::Ranges(LINE_ENDS.to_vec()).write();
    let not_newline = Set::Ranges(LINE_ENDS.iter().copied().filter(|end| *end != (0xA, 0xA)).collect()).write();
    let word = Set::escape('w').unwrap_or_else(Set::any).write();
    match place {
        Place::Start => r"\A".to_owned(),
        Place::End => r"\z".to_owned(),
        Place::LastEnd(true) => r"(?=\x{A}?\z)".to_owned(),
        Place::LastEnd(false) => format!(r"(?:\z|(?=\x{{D}}\x{{A}}\z)|(?={not_newline}\z)|(?<!\x{{D}})(?=\x{{A}}\z))"),
        Place::LineStart(true) => r"(?:\A|(?<=\x{A}))(?!\z)".to_owned(),
        Place::LineStart(false) => format!(r"(?:\A|(?<={ends})(?!(?<=\x{{D}})\x{{A}}))(?!\z)"),
        Place::LineEnd(true) => r"(?=\x{A}|\z)".to_owned(),
        Place::LineEnd(false) => format!(r"(?:\z|(?={not_newline})|(?<!\x{{D}})(?=\x{{A}}))"),
        Place::Word => format!("(?:(?<={word})(?!{word})|(?<!{word})(?={word}))"),
        Place::NotWord => format!("(?:(?<={word})(?={word})|(?<!{word})(?!{word}))"),
    }
}
