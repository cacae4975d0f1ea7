//! Expressions that are no more than literals with any text between them: as patterns of LIKE they are matched faster,
//! and those with a literal start prune.

use super::parse::Node;

/// More alternatives than this are better off in one expression.
const MOST: usize = 32;

/// Returns the patterns of LIKE that together mean the expression, if there are any and few of them.
pub(crate) fn globs(node: &Node) -> Option<Vec<String>> {
    match node {
        Node::One(class) if class.is_any() => Some(vec!["?".to_owned()]),
        Node::One(class) => {
            let c = class.only()?;
            Some(vec![if matches!(c, '*' | '?' | '\\') { format!("\\{c}") } else { c.to_string() }])
        }
        Node::Concat(nodes) => {
            let mut made = vec![String::new()];
            for node in nodes {
                let parts = globs(node)?;
                if made.len() * parts.len() > MOST {
                    return None;
                }
                made = made.iter().flat_map(|start| parts.iter().map(move |part| format!("{start}{part}"))).collect();
            }
            Some(made)
        }
        Node::Union(nodes) => {
            let made = nodes.iter().map(globs).collect::<Option<Vec<_>>>()?.concat();
            (made.len() <= MOST).then_some(made)
        }
        Node::Repeat(node, 0, None) => match node.as_ref() {
            Node::One(class) if class.is_any() => Some(vec!["*".to_owned()]),
            _ => None,
        },
        Node::Repeat(node, 1, None) => match node.as_ref() {
            Node::One(class) if class.is_any() => Some(vec!["?*".to_owned()]),
            _ => None,
        },
        Node::Repeat(node, 0, Some(1)) => {
            let made = [globs(node)?, vec![String::new()]].concat();
            (made.len() <= MOST).then_some(made)
        }
        Node::Repeat(..) | Node::Intersection(_) | Node::Complement(_) => None,
    }
}

/// Returns the characters that every match starts with, which may be none.
pub(crate) fn start(node: &Node) -> String {
    let mut text = String::new();
    extend(node, &mut text);
    text
}

/// Adds what every match of a node starts with; true if that is all that there is to a match.
fn extend(node: &Node, text: &mut String) -> bool {
    match node {
        Node::One(class) => class.only().is_some_and(|c| {
            text.push(c);
            true
        }),
        Node::Concat(nodes) => nodes.iter().all(|node| extend(node, text)),
        Node::Repeat(node, least @ 1.., most) if most.is_none_or(|most| most >= *least) => {
            extend(node, text) && *most == Some(1)
        }
        _ => false,
    }
}

/// True if every text matches, by the look of it.
pub(crate) fn is_everything(node: &Node) -> bool {
    let anything = |node: &Node| *node == Node::anything();
    match node {
        Node::Concat(nodes) => !nodes.is_empty() && nodes.iter().all(anything),
        Node::Union(nodes) => nodes.iter().any(is_everything),
        other => anything(other),
    }
}
