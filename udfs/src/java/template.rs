//! What a match is replaced with: `$1` and `${name}` are groups, a backslash takes the meaning from what is behind it.

use std::collections::BTreeMap;

use crate::patterns::Mistake;

/// A part of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Group(usize),
}

/// Returns the parts of a replacement for an expression with these groups.
pub(crate) fn parse(text: &str, groups: usize, names: &BTreeMap<String, usize>) -> Result<Vec<Part>, Mistake> {
    let mut pieces: Vec<Part> = Vec::new();
    let mut chars = text.char_indices().peekable();
    let mut literal = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                if let Some((_, escaped)) = chars.next() {
                    literal.push(escaped);
                } else {
                    let mistake = Mistake::new(at..at + 1, "a backslash at the end of the replacement");
                    return Err(mistake.with_help("write \\\\ for a backslash itself"));
                }
            }
            '$' => {
                let (end, group) = group(text, at, groups, names)?;
                while chars.peek().is_some_and(|(at, _)| *at < end) {
                    chars.next();
                }
                if !literal.is_empty() {
                    pieces.push(Part::Text(std::mem::take(&mut literal)));
                }
                pieces.push(Part::Group(group));
            }
            c => literal.push(c),
        }
    }
    if !literal.is_empty() {
        pieces.push(Part::Text(literal));
    }
    Ok(pieces)
}

/// The group that a `$` at this byte refers to, and where the reference ends.
fn group(text: &str, at: usize, groups: usize, names: &BTreeMap<String, usize>) -> Result<(usize, usize), Mistake> {
    let rest = text.get(at + 1..).unwrap_or_default();
    if let Some(rest) = rest.strip_prefix('{') {
        let Some(length) = rest.find('}') else {
            return Err(Mistake::new(at..at + 2, "${ without its closing }"));
        };
        let (name, end) = (rest.get(..length).unwrap_or_default(), at + 3 + length);
        return match names.get(name) {
            Some(number) => Ok((end, *number)),
            None => Err(Mistake::new(at..end, format!("the expression has no group called <{name}>"))),
        };
    }
    let mut digits = rest.bytes().take_while(u8::is_ascii_digit).map(|digit| usize::from(digit - b'0'));
    let Some(mut number) = digits.next() else {
        let help = "write \\$ for the character itself, or $1 for the first group";
        return Err(Mistake::new(at..at + 1, "$ without a group behind it").with_help(help));
    };
    let mut end = at + 2;
    if number > groups {
        return Err(Mistake::new(at..end, format!("the expression has no group {number}, it has {groups}")));
    }
    // As many digits as there are groups for.
    for digit in digits {
        let longer = number * 10 + digit;
        if longer > groups {
            break;
        }
        number = longer;
        end += 1;
    }
    Ok((end, number))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn groups_take_the_digits_that_they_can() {
        let names = BTreeMap::from([("name".to_owned(), 2)]);
        let text = |text: &str| Part::Text(text.to_owned());
        assert_eq!(parse("a$1b", 1, &names), Ok(vec![text("a"), Part::Group(1), text("b")]));
        assert_eq!(parse("$12", 1, &names), Ok(vec![Part::Group(1), text("2")]));
        assert_eq!(parse("$12", 12, &names), Ok(vec![Part::Group(12)]));
        assert_eq!(parse("${name}\\$\\\\", 2, &names), Ok(vec![Part::Group(2), text("$\\")]));
        assert_eq!(parse("$0", 0, &names), Ok(vec![Part::Group(0)]));
    }

    #[test]
    fn mistakes_have_their_place() {
        let at = |text: &str| parse(text, 1, &BTreeMap::new()).expect_err(text).at;
        assert_eq!((at("a$2"), at("é$x"), at("a\\"), at("${b}"), at("${b")), (1..3, 2..3, 1..2, 0..4, 0..2));
    }
}
