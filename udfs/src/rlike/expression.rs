//! A regular expression of Lucene written for the `regex` crate.

use std::fmt::Write;

use super::class::Class;
use super::parse::Node;

/// Returns the expression that finds, in a value, what makes the whole value match; `None` if it takes `&` or `~`.
///
/// A search is faster without anchors, so any text at an end is left out with its anchor.
pub(crate) fn search(node: &Node) -> Option<String> {
    let nodes = match node {
        Node::Concat(nodes) => nodes.as_slice(),
        other => std::slice::from_ref(other),
    };
    let anything = Node::anything();
    let open = nodes.first() == Some(&anything);
    let nodes = if open { nodes.get(1..)? } else { nodes };
    let ends = nodes.last() == Some(&anything);
    let nodes = if ends { nodes.get(..nodes.len() - 1)? } else { nodes };
    let mut text = String::from(if open { "" } else { r"\A" });
    for node in nodes {
        text.push_str(&operand(node)?);
    }
    text.push_str(if ends { "" } else { r"\z" });
    Some(text)
}

fn write(node: &Node) -> Option<String> {
    Some(match node {
        Node::One(class) => self::class(class),
        Node::Concat(nodes) => nodes.iter().map(operand).collect::<Option<Vec<_>>>()?.concat(),
        Node::Union(nodes) => nodes.iter().map(write).collect::<Option<Vec<_>>>()?.join("|"),
        Node::Intersection(_) | Node::Complement(_) => return None,
        Node::Repeat(node, least, most) => {
            let bounds = match (least, most) {
                // Any text may end within a character: what follows it begins with a whole one.
                (0, None) if **node == Node::One(Class::any()) => return Some("(?s-u:.*)".to_owned()),
                (0, None) => "*".to_owned(),
                (1, None) => "+".to_owned(),
                (0, Some(1)) => "?".to_owned(),
                (least, None) => format!("{{{least},}}"),
                // Lucene repeats nothing so that it can never be.
                (least, Some(most)) if least > most => return Some(self::class(&Class::none())),
                (least, Some(most)) => format!("{{{least},{most}}}"),
            };
            format!("(?:{}){bounds}", write(node)?)
        }
    })
}

fn operand(node: &Node) -> Option<String> {
    Some(match node {
        Node::Union(_) => format!("(?:{})", write(node)?),
        _ => write(node)?,
    })
}

fn class(class: &Class) -> String {
    if class.is_any() {
        return "(?s:.)".to_owned();
    }
    if class.is_none() {
        return r"[^\x{0}-\x{10FFFF}]".to_owned();
    }
    if let Some(c) = class.only() {
        return regex::escape(c.encode_utf8(&mut [0; 4]));
    }
    let mut text = String::from("[");
    for (from, to) in class.ranges() {
        // The ends of a range may lie among the surrogates, which are no characters.
        let from = if (0xD800..=0xDFFF).contains(from) { 0xE000 } else { *from };
        let to = if (0xD800..=0xDFFF).contains(to) { 0xD7FF } else { *to };
        if from <= to {
            // Writing to a text cannot fail.
            let _ = write!(text, r"\x{{{from:X}}}-\x{{{to:X}}}");
        }
    }
    text + "]"
}
