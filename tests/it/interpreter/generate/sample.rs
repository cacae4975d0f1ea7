//! Texts that patterns describe.

use std::collections::BTreeMap;

use super::super::glob::{Part, parts};
use super::super::grok::{Piece, grok, pieces};
use super::super::pattern::{Dialect, Node, Times, parse};
use super::super::{lucene, value};
use super::random::Random;

const LETTERS: &[u8] = b"abcdefgxyz";
const FILLERS: [&str; 6] = ["", "", "a", "x y", "7", "Q-"];

fn filler(random: &mut Random) -> &'static str {
    FILLERS[random.below(FILLERS.len())]
}

/// A text that a pattern of LIKE matches.
pub(super) fn of_glob(random: &mut Random, pattern: &str) -> String {
    let mut text = String::new();
    for part in parts(&pattern.chars().collect::<Vec<_>>()) {
        match part {
            Part::Many => text.push_str(filler(random)),
            Part::One => text.push(char::from(*random.pick(LETTERS))),
            Part::Char(c) => text.push(c),
        }
    }
    text
}

/// A text that an expression of Lucene's matches, if one is found.
pub(super) fn of_lucene(random: &mut Random, pattern: &str) -> String {
    let node = lucene::parse(pattern);
    let mut text = String::new();
    for _ in 0..8 {
        text.clear();
        lucene_text(random, &node, &mut text);
        if lucene::matches(pattern, &text) {
            break;
        }
    }
    text
}

fn lucene_text(random: &mut Random, node: &lucene::Node, text: &mut String) {
    use lucene::Node as Lucene;
    match node {
        Lucene::Any => text.push(char::from(*random.pick(LETTERS))),
        Lucene::AnyText => text.push_str(filler(random)),
        Lucene::Nothing => {}
        Lucene::Char(c) => text.push(*c),
        Lucene::Set(ranges, negated) => text.push(of_set(random, ranges, *negated)),
        Lucene::Cat(parts) => parts.iter().for_each(|part| lucene_text(random, part, text)),
        Lucene::Or(arms) | Lucene::And(arms) => {
            let arm = random.pick(arms);
            lucene_text(random, arm, text);
        }
        Lucene::Repeat(inner, fewest, most) => {
            for _ in 0..count(random, *fewest, *most) {
                lucene_text(random, inner, text);
            }
        }
        Lucene::Interval(low, high) => {
            text.push_str(&(low + random.below((high - low + 1) as usize) as u64).to_string());
        }
    }
}

/// A text that an expression of Java's finds.
pub(super) fn of_java(random: &mut Random, pattern: &str) -> String {
    let (node, names) = parse(pattern, Dialect::Java);
    let mut text = String::new();
    node_text(random, &node, &names, &BTreeMap::new(), &mut text);
    text
}

/// A text that a pattern of GROK finds, its fields as given where they are.
pub(super) fn of_grok(random: &mut Random, pattern: &str, fields: &BTreeMap<String, String>) -> String {
    let regex = grok(pattern);
    let mut text = String::new();
    node_text(random, &regex.node, &regex.names, fields, &mut text);
    text
}

/// A text that a pattern of DISSECT describes.
pub(super) fn of_dissect(random: &mut Random, pattern: &str, fields: &BTreeMap<String, String>) -> String {
    let one = |piece: Piece| match piece {
        Piece::Delimiter(text) => text,
        Piece::Key(key) => fields.get(&key).cloned().unwrap_or_else(|| format!("k{}", random.below(4))),
    };
    pieces(pattern).into_iter().map(one).collect()
}

fn node_text(
    random: &mut Random,
    node: &Node,
    names: &[Option<String>],
    fields: &BTreeMap<String, String>,
    text: &mut String,
) {
    match node {
        Node::Char(c, any_case) => {
            text.push(if *any_case && random.percent(30) { c.to_ascii_uppercase() } else { *c });
        }
        Node::Any(_) => text.push(char::from(*random.pick(LETTERS))),
        Node::Set(ranges, negated, _) => text.push(of_set(random, ranges, *negated)),
        Node::Cat(parts) => parts.iter().for_each(|part| node_text(random, part, names, fields, text)),
        Node::Or(arms) => {
            let arm = random.pick(arms);
            node_text(random, arm, names, fields, text);
        }
        Node::Repeat(inner, Times { fewest, most, .. }) => {
            for _ in 0..count(random, *fewest, *most) {
                node_text(random, inner, names, fields, text);
            }
        }
        Node::Group(inner, number) => {
            let given = names[number - 1].as_ref().and_then(|name| fields.get(name));
            match given {
                Some(given) => text.push_str(given),
                None => node_text(random, inner, names, fields, text),
            }
        }
        Node::Atomic(inner) => node_text(random, inner, names, fields, text),
        Node::Ahead(..) | Node::Behind(..) | Node::Start(_) | Node::End(_) | Node::Edge(_) => {}
    }
}

fn count(random: &mut Random, fewest: usize, most: Option<usize>) -> usize {
    let room = most.map_or(3, |most| (most - fewest).min(3));
    fewest + random.below(room + 1)
}

fn of_set(random: &mut Random, ranges: &[(char, char)], negated: bool) -> char {
    if negated {
        let within = |c: char| ranges.iter().any(|(a, b)| (*a..=*b).contains(&c));
        let free: Vec<char> = "abcxyz0189-_ .".chars().filter(|c| !within(*c)).collect();
        return if free.is_empty() { '§' } else { *random.pick(&free) };
    }
    let (first, last) = *random.pick(ranges);
    let (first, last) = (first as u32, last as u32);
    char::from_u32(first + random.below((last - first + 1) as usize) as u32).unwrap_or('a')
}

/// An address within a block.
pub(super) fn of_block(random: &mut Random, block: &str) -> u128 {
    let Some((base, length)) = block.split_once('/') else { return value::address(block).unwrap() };
    let bits = if base.contains(':') { 128 } else { 32 };
    let free = bits - length.parse::<u32>().unwrap();
    let base = value::address(base).unwrap();
    if free == 128 {
        return base;
    }
    let mask = (1_u128 << free) - 1;
    (base & !mask) | (random.below(usize::MAX) as u128 & mask)
}
