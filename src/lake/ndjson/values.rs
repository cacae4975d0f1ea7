//! Cuts text into documents where lines do not: an array, search responses, documents of many lines.
//!
//! Only the structure is followed here (brackets, and strings since they may hold brackets); what a document holds is
//! checked when it is read. Parts that nobody wants, such as aggregations of a response, are stepped over and not
//! kept.

use super::frames::{Buffer, Frame, LONGEST};
use super::sniff::Form;

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A document, an array or a response, or the end of the file.
    Start,
    /// The first element of an array, or its end.
    ElementOrEnd,
    /// An element, after a comma.
    Element,
    /// What follows an element.
    CommaOrEnd,
    /// The first key of a response or of its `hits`, or the end of the object.
    KeyOrEnd,
    /// A key, after a comma.
    Key,
    /// The colon after a key.
    Colon,
    /// The value of a key.
    Member,
    /// What follows a member.
    MemberCommaOrEnd,
}

/// What a value that is being stepped over is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Document,
    Key,
    Unwanted,
}

/// A value whose end is being looked for.
#[derive(Debug, Clone, Copy)]
struct Scan {
    role: Role,
    begin: usize,
    at: usize,
    depth: usize,
    in_string: bool,
    kind: ValueKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueKind {
    Container,
    String,
    Other,
}

/// The documents of a file that is not cut by lines.
#[derive(Debug)]
pub(crate) struct Values {
    form: Form,
    expect: Expect,
    /// How many objects of a response are open.
    level: usize,
    at_hits: bool,
    scan: Option<Scan>,
}

impl Values {
    pub(crate) const fn new(form: Form) -> Self {
        Self { form, expect: Expect::Start, level: 0, at_hits: false, scan: None }
    }

    pub(crate) const fn shift(&mut self, used: usize) {
        if let Some(scan) = &mut self.scan {
            scan.begin = scan.begin.saturating_sub(used);
            scan.at = scan.at.saturating_sub(used);
        }
    }

    pub(crate) fn next(&mut self, buffer: &mut Buffer) -> Frame {
        loop {
            if let Some(scan) = self.scan.take() {
                match self.resume(scan, buffer) {
                    Some(frame) => return frame,
                    None => continue,
                }
            }
            let rest = buffer.from(buffer.start);
            let Some(skipped) = rest.iter().position(|b| !b.is_ascii_whitespace()) else {
                buffer.start = buffer.bytes.len();
                return self.out_of_text(buffer);
            };
            buffer.start += skipped;
            let Some(&byte) = buffer.from(buffer.start).first() else { return Frame::More };
            if let Err(expected) = self.step(byte, buffer) {
                return broken(buffer, buffer.start, &format!("expected {expected}, found {}", shown(byte)));
            }
        }
    }

    fn out_of_text(&self, buffer: &Buffer) -> Frame {
        if !buffer.ended {
            return Frame::More;
        }
        if self.expect == Expect::Start {
            return Frame::End;
        }
        let open = if self.form == Form::Array { "the array" } else { "the search response" };
        broken(buffer, buffer.start, &format!("expected the end of {open}, found the end of the file"))
    }

    /// Takes one byte, or begins a value at it; an error says what was expected.
    fn step(&mut self, byte: u8, buffer: &mut Buffer) -> Result<(), &'static str> {
        let next = match (self.expect, byte) {
            (Expect::Start, _) if self.form == Form::Documents => return self.begin(Role::Document, byte, buffer),
            (Expect::Start, b'[') if self.form == Form::Array => Expect::ElementOrEnd,
            (Expect::Start, b'{') if self.form == Form::Hits => {
                self.level = 1;
                Expect::KeyOrEnd
            }
            (Expect::Start, _) => {
                return Err(if self.form == Form::Array {
                    "an array or the end"
                } else {
                    "a search response or the end"
                });
            }
            (Expect::ElementOrEnd | Expect::CommaOrEnd, b']') => {
                if self.form == Form::Array {
                    Expect::Start
                } else {
                    Expect::MemberCommaOrEnd
                }
            }
            (Expect::CommaOrEnd, b',') => Expect::Element,
            (Expect::CommaOrEnd, _) => return Err("`,` or `]` after a document"),
            (Expect::ElementOrEnd | Expect::Element, _) => return self.begin(Role::Document, byte, buffer),
            (Expect::KeyOrEnd | Expect::MemberCommaOrEnd, b'}') => {
                self.level -= 1;
                if self.level == 0 { Expect::Start } else { Expect::MemberCommaOrEnd }
            }
            (Expect::MemberCommaOrEnd, b',') => Expect::Key,
            (Expect::MemberCommaOrEnd, _) => return Err("`,` or `}` after a value"),
            (Expect::KeyOrEnd | Expect::Key, b'"') => return self.begin(Role::Key, byte, buffer),
            (Expect::KeyOrEnd | Expect::Key, _) => return Err("a key in quotes"),
            (Expect::Colon, b':') => Expect::Member,
            (Expect::Colon, _) => return Err("`:` after a key"),
            (Expect::Member, b'{') if self.at_hits && self.level == 1 => {
                self.level = 2;
                Expect::KeyOrEnd
            }
            (Expect::Member, b'[') if self.at_hits && self.level == 2 => Expect::ElementOrEnd,
            (Expect::Member, _) => return self.begin(Role::Unwanted, byte, buffer),
        };
        self.expect = next;
        buffer.start += 1;
        Ok(())
    }

    fn begin(&mut self, role: Role, byte: u8, buffer: &Buffer) -> Result<(), &'static str> {
        let begin = buffer.start;
        let kind = match byte {
            b'{' | b'[' => ValueKind::Container,
            b'"' => ValueKind::String,
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => ValueKind::Other,
            _ if role == Role::Document => return Err("a document"),
            _ => return Err("a value"),
        };
        self.scan = Some(Scan { role, begin, at: begin, depth: 0, in_string: false, kind });
        Ok(())
    }

    /// Looks on for the end of a value; nothing where it was found and is no document.
    fn resume(&mut self, mut scan: Scan, buffer: &mut Buffer) -> Option<Frame> {
        let end = scan.run(&buffer.bytes, buffer.ended);
        if scan.role == Role::Unwanted {
            // Nothing of it is kept.
            buffer.start = end.unwrap_or(scan.at);
            scan.begin = buffer.start;
        }
        let Some(end) = end else {
            if buffer.ended {
                return Some(broken(buffer, scan.begin, "expected the end of a value, found the end of the file"));
            }
            if scan.at - scan.begin > LONGEST {
                let reason = format!("expected a document of at most {LONGEST} bytes, found a longer one");
                return Some(broken(buffer, scan.begin, &reason));
            }
            self.scan = Some(scan);
            return Some(Frame::More);
        };
        buffer.start = end;
        match scan.role {
            Role::Document => {
                self.expect = if self.form == Form::Documents { Expect::Start } else { Expect::CommaOrEnd };
                return Some(Frame::Document(scan.begin..end));
            }
            Role::Key => {
                self.at_hits = buffer.slice(scan.begin..end) == b"\"hits\"";
                self.expect = Expect::Colon;
            }
            Role::Unwanted => self.expect = Expect::MemberCommaOrEnd,
        }
        None
    }
}

impl Scan {
    /// One past the value's last byte, if it is there.
    fn run(&mut self, bytes: &[u8], ended: bool) -> Option<usize> {
        if self.kind == ValueKind::Other {
            let rest = bytes.get(self.at..).unwrap_or(&[]);
            let length = rest.iter().position(|b| matches!(b, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'));
            self.at += length.unwrap_or(rest.len());
            return (length.is_some() || ended).then_some(self.at);
        }
        while let Some(&byte) = bytes.get(self.at) {
            if self.in_string {
                let rest = bytes.get(self.at..).unwrap_or(&[]);
                let Some(length) = memchr::memchr2(b'"', b'\\', rest) else {
                    self.at = bytes.len();
                    return None;
                };
                if rest.get(length) == Some(&b'\\') {
                    if rest.len() < length + 2 {
                        self.at += length;
                        return None;
                    }
                    self.at += length + 2;
                    continue;
                }
                self.at += length + 1;
                self.in_string = false;
                if self.kind == ValueKind::String {
                    return Some(self.at);
                }
                continue;
            }
            self.at += 1;
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(self.at);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// The frame that ends a file whose structure is broken at the buffer's byte `at`.
fn broken(buffer: &Buffer, at: usize, what: &str) -> Frame {
    Frame::Bad { at: buffer.offset(at), reason: format!("{what}; {REST_IS_LOST}"), last: true }
}

/// What a broken structure means.
pub(crate) const REST_IS_LOST: &str = "the rest of the file is not read";

fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("`{}`", byte as char) } else { format!("byte 0x{byte:02x}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::ndjson::frames::{Frames, tests::frames};

    fn check(form: Form, text: &str, expected: &[&str]) {
        for chunk in [1, 2, 3, 5, 64, 4096] {
            assert_eq!(frames(Frames::whole(form), text.as_bytes(), chunk), expected, "{text} by {chunk}");
        }
    }

    #[test]
    fn arrays() {
        check(
            Form::Array,
            "\u{feff}[{\"a\":\"]}\\\"\"}, {\"b\":[{}]}\n]\n",
            &["4 {\"a\":\"]}\\\"\"}", "18 {\"b\":[{}]}"],
        );
        check(Form::Array, "[]", &[]);
        check(Form::Array, "[{}]\n[{}]", &["1 {}", "6 {}"]);
        check(Form::Array, "[1,\"x\",[{}], null]", &["1 1", "3 \"x\"", "7 [{}]", "13 null"]);
        check(
            Form::Array,
            "[{}",
            &["1 {}", "!3 expected the end of the array, found the end of the file; the rest of the file is not read"],
        );
        check(
            Form::Array,
            "[{} {}]",
            &["1 {}", "!4 expected `,` or `]` after a document, found `{`; the rest of the file is not read"],
        );
        check(Form::Array, "[{},]", &["1 {}", "!4 expected a document, found `]`; the rest of the file is not read"]);
        check(
            Form::Array,
            "[{\"a\":",
            &["!1 expected the end of a value, found the end of the file; the rest of the file is not read"],
        );
        check(
            Form::Array,
            "[{}]x",
            &["1 {}", "!4 expected an array or the end, found `x`; the rest of the file is not read"],
        );
    }

    #[test]
    fn search_responses() {
        let response = r#"{"took":1,"x":{"hits":[{}]},"hits":{"total":{"value":2},"hits":[{"a":1},{"a":2}]},"aggregations":{"hits":{"hits":[1]}}}"#;
        check(Form::Hits, response, &["64 {\"a\":1}", "72 {\"a\":2}"]);
        let two = format!("{response}\n{response}");
        let second = [64 + response.len() + 1, 72 + response.len() + 1].map(|at| at.to_string());
        let expected = [
            "64 {\"a\":1}".into(),
            "72 {\"a\":2}".into(),
            format!("{} {{\"a\":1}}", second[0]),
            format!("{} {{\"a\":2}}", second[1]),
        ];
        check(Form::Hits, &two, &expected.each_ref().map(String::as_str));
        check(Form::Hits, "{\"hits\":{\"hits\":[]}}", &[]);
        check(
            Form::Hits,
            "{\"hits\":{\"hits\":[{}]",
            &[
                "17 {}",
                "!20 expected the end of the search response, found the end of the file; the rest of the file is not read",
            ],
        );
    }

    #[test]
    fn documents_of_many_lines() {
        check(Form::Documents, "{\n \"a\": 1\n}\n{\n}{}", &["0 {\n \"a\": 1\n}", "12 {\n}", "15 {}"]);
        check(
            Form::Documents,
            "{}x{}",
            &["0 {}", "!2 expected a document, found `x`; the rest of the file is not read"],
        );
    }
}
