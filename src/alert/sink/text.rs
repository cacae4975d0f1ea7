//! The text of one cell, and what keeps event data from steering a terminal.
//!
//! Events are written by whoever is attacked and by whoever attacks: a process name may hold escape sequences, and a
//! path may hold characters that reverse the direction of what follows.

use std::borrow::Cow;
use std::fmt::Write;

/// The text of a cell from its JSON: a string without its quotes, null as `None`, all else as it is.
pub(super) fn of_json(json: &[u8]) -> Option<Cow<'_, str>> {
    match json {
        b"null" => None,
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => Some(String::from_utf8_lossy(inner)),
        [b'"', ..] => serde_json::from_slice(json).ok().map(Cow::Owned),
        other => Some(String::from_utf8_lossy(other)),
    }
}

/// Whether a terminal might obey the character, or show it as nothing or as a change of direction.
pub(super) fn is_hazardous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with every hazardous character spelled out, in JSON's way.
pub(super) fn guarded(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hazardous) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hazardous(c) => push_escape(&mut out, c),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Spells out hazardous characters in the JSON from byte `start`: the same data, safe to show.
///
/// JSON itself escapes the controls below U+0020; the others can stand in strings only, where `\u` means the same.
pub(super) fn guard_json(json: &mut Vec<u8>, start: usize) {
    let Some(row) = json.get(start..) else { return };
    if row.is_ascii() && !row.contains(&0x7f) {
        return;
    }
    let Ok(Cow::Owned(safe)) = std::str::from_utf8(row).map(guarded) else { return };
    json.truncate(start);
    json.extend_from_slice(safe.as_bytes());
}

fn push_escape(out: &mut String, c: char) {
    let mut units = [0; 2];
    for unit in c.encode_utf16(&mut units) {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}
