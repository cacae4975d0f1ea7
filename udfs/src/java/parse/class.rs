//! Classes of characters in brackets: ranges, classes within classes, and what several have in common.

use super::{DEPTH, Parser, Token};
use crate::java::set::Set;
use crate::patterns::Mistake;

impl Parser {
    /// Behind `[`: unions, and what `&&` stands between.
    pub(super) fn class(&mut self, open: usize) -> Result<Set, Mistake> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.mistake(open, format!("classes within each other, more than {DEPTH}"));
        }
        let negated = self.eat('^');
        let mut all: Vec<Set> = Vec::new();
        let mut union: Vec<Set> = Vec::new();
        let mut first = true;
        loop {
            self.skip();
            let start = self.at;
            let Some(token) = self.bump() else {
                let place = self.tokens.get(open).map_or(0..0, |token| token.place.clone());
                let help = "write \\[ for the character itself";
                return Err(Mistake::new(place, "[ without its closing ]").with_help(help));
            };
            match token.c {
                ']' if !token.literal && (!first || !all.is_empty()) => break,
                '[' if !token.literal => union.push(self.class(start)?),
                '&' if !token.literal && self.peek() == Some('&') => {
                    self.at += 1;
                    if !union.is_empty() || first {
                        all.push(Set::Union(std::mem::take(&mut union)));
                    }
                }
                _ => {
                    let set = self.class_item(start, &token)?;
                    union.push(set);
                }
            }
            first = false;
        }
        self.depth -= 1;
        if !union.is_empty() || all.is_empty() {
            all.push(match union.pop() {
                Some(only) if union.is_empty() => only,
                last => Set::Union(union.into_iter().chain(last).collect()),
            });
        }
        let set = match all.pop() {
            Some(only) if all.is_empty() => only,
            last => Set::Intersection(all.into_iter().chain(last).collect()),
        };
        Ok(if negated { Set::Not(Box::new(set)) } else { set })
    }

    fn class_item(&mut self, start: usize, token: &Token) -> Result<Set, Mistake> {
        let from = match self.class_character(start, token)? {
            Ok(c) => c,
            Err(set) => return Ok(set),
        };
        let dash = self.at;
        let ranges = self.peek() == Some('-')
            && self.tokens.get(dash + 1).is_some_and(|next| next.literal || !matches!(next.c, ']' | '['));
        if !ranges {
            return Ok(Set::of(from));
        }
        self.at += 1;
        let next = self.at;
        let Some(token) = self.bump() else { return Ok(Set::of(from)) };
        let Ok(to) = self.class_character(next, &token)? else {
            return self.mistake(start, "a range ends in a class of characters");
        };
        if from > to {
            return self.mistake(start, format!("the range runs backwards, from {from:?} to {to:?}"));
        }
        Ok(Set::Ranges(vec![(from.into(), to.into())]))
    }

    /// A character, or the set that an escape means.
    fn class_character(&mut self, start: usize, token: &Token) -> Result<Result<char, Set>, Mistake> {
        if token.literal || token.c != '\\' {
            return Ok(Ok(token.c));
        }
        let Some(letter) = self.peek_token().map(|token| token.c) else {
            return self.mistake(start, "a backslash at the end of the pattern");
        };
        self.at += 1;
        Ok(match self.escaped(start, letter)? {
            Set::Ranges(ranges) => match ranges.as_slice() {
                [(from, to)] if from == to => char::from_u32(*from).ok_or(Set::Ranges(ranges)),
                _ => Err(Set::Ranges(ranges)),
            },
            set => Err(set),
        })
    }
}
