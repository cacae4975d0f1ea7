//! What a backslash makes of what stands behind it: places, references back, classes and characters by their number.

use super::{Node, Parser, Place};
use crate::java::set::{Set, VERTICAL};
use crate::patterns::Mistake;

impl Parser {
    /// A backslash outside of classes.
    pub(super) fn escape(&mut self, start: usize) -> Result<Node, Mistake> {
        let Some(letter) = self.peek_token().map(|token| token.c) else {
            let mistake = Mistake::new(self.from(start), "a backslash at the end of the pattern");
            return Err(mistake.with_help("write \\\\ for a backslash itself"));
        };
        self.at += 1;
        Ok(match letter {
            'b' => Node::At(Place::Word),
            'B' => Node::At(Place::NotWord),
            'A' => Node::At(Place::Start),
            'Z' => Node::At(Place::LastEnd(self.flags.unix_lines)),
            'z' => Node::At(Place::End),
            'R' => {
                let pair = Node::Concat(vec![Node::One(Set::of('\r'), false), Node::One(Set::of('\n'), false)]);
                Node::Atomic(Box::new(Node::Union(vec![pair, Node::One(Set::Ranges(VERTICAL.to_vec()), false)])))
            }
            'k' => {
                if !self.eat('<') {
                    return self.mistake(start, "\\k without the name of a group, such as \\k<name>");
                }
                let name = self.name(start)?;
                match self.names.get(&name) {
                    Some(number) => Node::Back(*number, self.flags.case),
                    None => return self.mistake(start, format!("no group before this is called <{name}>")),
                }
            }
            '1'..='9' => {
                let mut number = letter.to_digit(10).unwrap_or(0) as usize;
                while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
                    let longer = number * 10 + digit as usize;
                    if longer > self.groups {
                        break;
                    }
                    number = longer;
                    self.at += 1;
                }
                Node::Back(number, self.flags.case)
            }
            _ => {
                let set = self.escaped(start, letter)?;
                self.one(set)
            }
        })
    }

    /// What a backslash makes of a character, within classes and elsewhere.
    pub(super) fn escaped(&mut self, start: usize, letter: char) -> Result<Set, Mistake> {
        if let Some(set) = Set::escape(letter) {
            return Ok(set);
        }
        Ok(match letter {
            'p' | 'P' => {
                let set = self.property(start)?;
                if letter == 'P' { Set::Not(Box::new(set)) } else { set }
            }
            c if !c.is_ascii_alphanumeric() => Set::of(c),
            _ => Set::of(self.character(start, letter)?),
        })
    }

    fn character(&mut self, start: usize, letter: char) -> Result<char, Mistake> {
        let code = match letter {
            't' => 0x9,
            'n' => 0xA,
            'r' => 0xD,
            'f' => 0xC,
            'a' => 0x7,
            'e' => 0x1B,
            'c' => match self.bump().map(|token| token.c) {
                Some(c) => u32::from(c) ^ 64,
                None => return self.mistake(start, "\\c without a character behind it"),
            },
            '0' => self.octal(start)?,
            'x' if self.eat('{') => {
                let code = self.hex(start, 1, 6)?;
                if !self.eat('}') {
                    return self.mistake(start, "\\x{ without its closing }");
                }
                code
            }
            'x' => self.hex(start, 2, 2)?,
            'u' => {
                let high = self.hex(start, 4, 4)?;
                if (0xD800..0xDC00).contains(&high) && self.eat('\\') && self.eat('u') {
                    let low = self.hex(start, 4, 4)?;
                    0x1_0000 + ((high - 0xD800) << 10) + low.wrapping_sub(0xDC00)
                } else {
                    high
                }
            }
            other => {
                let mistake =
                    Mistake::new(self.from(start), format!("\\{other} has no meaning in a regular expression of Java"));
                return Err(
                    mistake.with_help("leave out the backslash for the letter itself, write \\\\ for a backslash")
                );
            }
        };
        match char::from_u32(code) {
            Some(c) => Ok(c),
            None => self.mistake(start, format!("no character has the number {code:X}")),
        }
    }

    fn octal(&mut self, start: usize) -> Result<u32, Mistake> {
        let (mut code, mut count) = (0, 0);
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) {
            if count == 3 || (count == 2 && code * 8 + digit > 0o377) {
                break;
            }
            code = code * 8 + digit;
            count += 1;
            self.at += 1;
        }
        if count == 0 { self.mistake(start, "\\0 without an octal number behind it") } else { Ok(code) }
    }

    fn hex(&mut self, start: usize, least: u32, most: u32) -> Result<u32, Mistake> {
        let (mut code, mut count) = (0, 0);
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(16)).filter(|_| count < most) {
            code = code * 16 + digit;
            count += 1;
            self.at += 1;
        }
        if count < least { self.mistake(start, "too few hexadecimal digits") } else { Ok(code) }
    }

    /// Behind `\p`.
    fn property(&mut self, start: usize) -> Result<Set, Mistake> {
        let name = if self.eat('{') {
            let mut name = String::new();
            loop {
                match self.bump().map(|token| token.c) {
                    Some('}') => break name,
                    Some(c) => name.push(c),
                    None => return self.mistake(start, "\\p{ without its closing }"),
                }
            }
        } else {
            self.bump().map(|token| token.c.to_string()).unwrap_or_default()
        };
        match Set::property(&name) {
            Some(set) => Ok(set),
            None => self.mistake(start, format!("unknown property '{name}' of characters")),
        }
    }
}
