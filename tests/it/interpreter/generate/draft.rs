//! What an event is to be like: what is wanted of each of its fields, and values that are so.

use std::collections::BTreeMap;

use super::super::value::{Cell, Value, address};
use super::super::world::Kind;
use super::random::Random;
use super::sample;

/// What is wanted of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    Null,
    /// Any value.
    Some,
    Is(Value),
    Not(Value),
    /// A number that compares so: below, at or above.
    Below(f64),
    Least(f64),
    Like(String),
    Rlike(String),
    /// Holds this text.
    Holds(String),
    Within(String),
    Longer(usize),
}

/// What is wanted of the fields of one event.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) wants: BTreeMap<String, Vec<Target>>,
    /// The same for the fields of GROK and DISSECT, which become part of another field.
    pub(super) captured: BTreeMap<String, Vec<Target>>,
    /// How many wants contradict each other.
    pub(super) conflicts: usize,
}

impl Draft {
    pub(super) fn want(&mut self, field: &str, target: Target) {
        let wants = self.wants.entry(field.to_owned()).or_default();
        let clash = wants.iter().any(|other| contradicts(other, &target) || contradicts(&target, other));
        self.conflicts += usize::from(clash);
        if !wants.contains(&target) {
            wants.push(target);
        }
    }
}

fn contradicts(a: &Target, b: &Target) -> bool {
    match (a, b) {
        (Target::Null, other) => *other != Target::Null,
        (Target::Is(one), Target::Is(other)) => one != other,
        (Target::Is(one), Target::Not(other)) => one == other,
        (Target::Is(Value::Text(text)), Target::Like(glob)) => !super::super::glob::matches(glob, text),
        (Target::Is(Value::Text(text)), Target::Holds(part)) => !text.contains(part.as_str()),
        _ => false,
    }
}

/// Values as they are wanted; `usual` is what the field has where nothing more is wanted of it.
pub(super) fn cell(random: &mut Random, kind: Kind, wants: &[Target], usual: Value) -> Cell {
    if wants.first() == Some(&Target::Null) {
        return Vec::new();
    }
    let exact = wants.iter().find_map(|want| match want {
        Target::Is(value) => Some(value.clone()),
        _ => None,
    });
    let value = match kind {
        Kind::Ip => ip(random, wants, exact.as_ref(), usual),
        Kind::Long | Kind::Double => number(kind, wants, exact, &usual),
        Kind::Keyword | Kind::Text => text(random, wants, exact, &usual),
        Kind::Boolean | Kind::Date => match exact {
            Some(Value::Text(text)) => text.parse().map_or(usual, Value::Boolean),
            other => other.unwrap_or(usual),
        },
    };
    vec![value]
}

fn ip(random: &mut Random, wants: &[Target], exact: Option<&Value>, usual: Value) -> Value {
    if let Some(address) = exact.and_then(Value::as_text).and_then(address) {
        return Value::Ip(address);
    }
    let within = wants.iter().find_map(|want| match want {
        Target::Within(block) => Some(block.as_str()),
        _ => None,
    });
    within.map_or(usual, |block| Value::Ip(sample::of_block(random, block)))
}

fn number(kind: Kind, wants: &[Target], exact: Option<Value>, usual: &Value) -> Value {
    let mut number = usual.number().unwrap_or(0.0);
    for want in wants {
        match want {
            Target::Below(bound) if number >= *bound => number = bound - 1.0,
            Target::Least(bound) if number < *bound => number = *bound,
            _ => {}
        }
    }
    let number = exact.and_then(|value| value.number()).unwrap_or(number);
    if kind == Kind::Long { Value::Long(number.ceil() as i64) } else { Value::Double(number) }
}

fn text(random: &mut Random, wants: &[Target], exact: Option<Value>, usual: &Value) -> Value {
    if let Some(value) = exact {
        return Value::Text(value.written());
    }
    let (mut start, mut middle, mut end, mut longer) = (String::new(), Vec::new(), String::new(), 0);
    for want in wants {
        match want {
            Target::Like(pattern) => {
                let sampled = sample::of_glob(random, pattern);
                let (open_start, open_end) = (pattern.starts_with('*'), pattern.ends_with('*'));
                match (open_start, open_end) {
                    (true, true) => middle.push(sampled),
                    (true, false) => end = sampled,
                    (false, true) => start = sampled,
                    (false, false) => return Value::Text(sampled),
                }
            }
            Target::Rlike(pattern) => {
                let sampled = sample::of_lucene(random, pattern);
                if !pattern.starts_with(".*") || !pattern.ends_with(".*") {
                    return Value::Text(sampled);
                }
                middle.push(sampled);
            }
            Target::Holds(part) => middle.push(part.clone()),
            Target::Longer(least) => longer = longer.max(*least),
            _ => {}
        }
    }
    if start.is_empty() && middle.is_empty() && end.is_empty() && longer == 0 {
        return Value::Text(usual.written());
    }
    let mut text = start;
    for part in middle {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&part);
    }
    let length = text.chars().count() + end.chars().count();
    if length <= longer {
        text.push(' ');
        text.push_str(&"pad ".repeat((longer - length) / 4 + 1));
    }
    Value::Text(text + &end)
}
