//! KQL, MATCH and `:`: whether any value of a field is what is looked for.

use egret::esql::ast::{Expr, ExprKind, Literal, StringLiteral};
use egret::esql::kql::{self, Comparison, Kql, Word};

use super::expr::{Scope, string, truth};
use super::glob;
use super::value::{Cell, Value, address, in_block, instant};

/// Whether the text of a KQL query describes the row.
pub(super) fn kql(scope: Scope<'_>, text: &str) -> bool {
    holds(scope, &kql::parse(text).unwrap())
}

fn holds(scope: Scope<'_>, query: &Kql) -> bool {
    match query {
        Kql::And(all) => all.iter().all(|inner| holds(scope, inner)),
        Kql::Or(all) => all.iter().any(|inner| holds(scope, inner)),
        Kql::Not(inner) => !holds(scope, inner),
        Kql::Everything => true,
        Kql::Exists(field) => values(scope, Some(field)).iter().any(|(_, value)| !matches!(value, Value::Span(..))),
        Kql::Is(field, word) => {
            let found = |(field, value): &(String, Value)| is(value, word, scope.fields.is_text(field));
            values(scope, field.as_ref()).iter().any(found)
        }
        Kql::Compares(field, comparison, word) => {
            let wanted = Value::text(word.text());
            let number = word.text().parse().ok().map(Value::Double);
            let found = |(_, value): &(String, Value)| {
                let order = match value {
                    Value::Text(_) | Value::Ip(_) | Value::Date(_) => value.order(&wanted),
                    value => number.as_ref().and_then(|number| value.order(number)),
                };
                order.is_some_and(|order| match comparison {
                    Comparison::Less => order.is_lt(),
                    Comparison::LessOrEqual => order.is_le(),
                    Comparison::Greater => order.is_gt(),
                    Comparison::GreaterOrEqual => order.is_ge(),
                })
            };
            values(scope, Some(field)).iter().any(found)
        }
        Kql::Nested(_) => panic!("nested documents"),
    }
}

/// Every value of the fields that a name with or without wildcards stands for, with its field.
fn values(scope: Scope<'_>, field: Option<&Word>) -> Vec<(String, Value)> {
    let wanted = |name: &str| match field {
        None => true,
        Some(word) if word.is_wildcard() => word_matches(word, name) && !name.starts_with('_'),
        Some(word) => word.text() == name,
    };
    let fields = scope.row.iter().filter(|(name, _)| wanted(name));
    fields.flat_map(|(name, cell)| cell.iter().map(|value| (name.clone(), value.clone()))).collect()
}

fn is(value: &Value, word: &Word, analysed: bool) -> bool {
    let text = word.text();
    match value {
        Value::Text(value) if analysed => {
            let words = words(value);
            match (word.is_wildcard(), word.quoted) {
                (true, _) => words.iter().any(|one| word_matches_lower(word, one)),
                (false, true) => is_phrase(&words, &text),
                (false, false) => self::words(&text).iter().any(|wanted| words.contains(wanted)),
            }
        }
        value if word.is_wildcard() => word_matches(word, &value.written()),
        Value::Text(value) => *value == text,
        Value::Ip(value) if text.contains('/') => in_block(*value, &text),
        Value::Ip(value) => address(&text) == Some(*value),
        Value::Boolean(value) => text.parse() == Ok(*value),
        Value::Date(value) => instant(&text) == Some(*value),
        number => text.parse().ok() == number.number(),
    }
}

fn word_matches(word: &Word, text: &str) -> bool {
    glob::matches(&escaped(word), text)
}

fn word_matches_lower(word: &Word, text: &str) -> bool {
    glob::matches(&escaped(word).to_lowercase(), text)
}

/// The word as a pattern of LIKE.
fn escaped(word: &Word) -> String {
    let piece = |piece: &String| piece.replace('\\', "\\\\").replace('?', "\\?").replace('*', "\\*");
    word.pieces.iter().map(piece).collect::<Vec<_>>().join("*")
}

/// `MATCH(field, "text", options)`.
pub(super) fn match_call(scope: Scope<'_>, args: &[Expr], options: &[(StringLiteral, Expr)]) -> Cell {
    let fuzziness = options.iter().find(|(name, _)| name.value == "fuzziness").map(|(_, value)| &value.kind);
    let edits = match fuzziness {
        Some(ExprKind::Literal(Literal::Integer(edits))) => *edits as usize,
        _ => 0,
    };
    let mut field = &args[0];
    while let ExprKind::Cast { operand, .. } = &field.kind {
        field = operand;
    }
    let ExprKind::Field(name) = &field.kind else { panic!("match over {field:?}") };
    truth(Some(found(&scope.cell(&args[0]), scope.fields.is_analysed(&name.text), string(&args[1]), edits)))
}

/// Whether any word of an analysed text, or the whole of a keyword, is within so many edits of what is looked for.
pub(super) fn found(cell: &[Value], analysed: bool, wanted: &str, edits: usize) -> bool {
    cell.iter().filter_map(Value::as_text).any(|value| {
        if !analysed {
            return distance(value, wanted) <= edits;
        }
        let words = words(value);
        self::words(wanted).iter().any(|wanted| words.iter().any(|word| distance(word, wanted) <= edits))
    })
}

/// Insertions, deletions, changes and swaps of neighbours that make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let change = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let plain = change.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                    let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    if swapped { plain.min(table[i - 2][j - 2] + 1) } else { plain }
                }
            };
        }
    }
    table[a.len()][b.len()]
}

fn is_phrase(words: &[String], wanted: &str) -> bool {
    let wanted = self::words(wanted);
    !wanted.is_empty() && words.windows(wanted.len()).any(|some| some == wanted)
}

/// Words as the standard analyser finds them: letters, digits and underscores, and a point, colon or apostrophe between
/// two letters, or a point or comma between two digits; in lower case.
fn words(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = vec![String::new()];
    for (at, c) in chars.iter().enumerate() {
        let around = |test: fn(&char) -> bool| {
            at > 0 && chars.get(at - 1).is_some_and(test) && chars.get(at + 1).is_some_and(test)
        };
        let letters = around(|c| c.is_alphabetic());
        let digits = around(char::is_ascii_digit);
        let joins = match c {
            '.' | '\'' => letters || digits,
            ':' => letters,
            ',' | ';' => digits,
            c => c.is_alphanumeric() || *c == '_',
        };
        if joins {
            words.last_mut().unwrap().extend(c.to_lowercase());
        } else if !words.last().unwrap().is_empty() {
            words.push(String::new());
        }
    }
    words.retain(|word| word.chars().any(char::is_alphanumeric));
    words
}

#[test]
fn words_and_edits() {
    assert_eq!(words("[char]13+Join-Path a.b 1,5 'it's'"), ["char", "13", "join", "path", "a.b", "1,5", "it's"]);
    assert_eq!((distance("svchsot", "svchost"), distance("svch0st", "svchost"), distance("a", "abc")), (1, 1, 2));
}
