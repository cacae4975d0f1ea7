//! Finds the wanted fields in the text of one document, however its keys are nested or dotted.
//!
//! `{"host":{"name":"a"}}`, `{"host.name":"a"}` and mixtures of both give the field `host.name` the same value. What is
//! found is kept as places in the text (a [`Slot`] each); a document that turns out bad therefore leaves nothing
//! behind. Of exact duplicates of a key in one object the last counts: the first pass takes every key as it comes and
//! gives up at the first duplicate, the second pass then looks for the last of each before it reads.

use std::collections::BTreeMap;

use super::json::{Cursor, Fault, FaultKind, Text, unescape};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    EscapedText,
    Number,
    True,
    False,
}

/// Where a value stands in its document: a text without its quotes, a number as it is spelled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) shape: Shape,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The wanted fields as a tree of names.
#[derive(Debug)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// The field that a scalar here belongs to.
    column: Option<usize>,
    /// Every dotted path that leads on from here, by length and bytes, with the node it leads to.
    paths: Vec<(Box<[u8]>, usize)>,
    /// Bit n: a path of n bytes exists (63 stands for all longer ones).
    lengths: u64,
}

impl Trie {
    /// The tree of `names`; a value of the name at index i goes to column i.
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut nodes = vec![Node::default()];
        for (column, name) in names.into_iter().enumerate() {
            let (mut at, mut tail) = (0, Some(name));
            while let Some(rest) = tail {
                let step = rest.split_once('.').map_or(rest, |(step, _)| step);
                let next = Self::child(&mut nodes, at, step.as_bytes());
                tail = rest.split_once('.').map(|(_, tail)| tail);
                at = next;
            }
            if let Some(node) = nodes.get_mut(at) {
                node.column.get_or_insert(column);
            }
        }
        let mut trie = Self { nodes };
        trie.flatten();
        trie
    }

    fn child(nodes: &mut Vec<Node>, at: usize, step: &[u8]) -> usize {
        let known = nodes.get(at).and_then(|node| node.paths.iter().find(|(path, _)| **path == *step));
        if let Some((_, child)) = known {
            return *child;
        }
        let child = nodes.len();
        nodes.push(Node::default());
        if let Some(node) = nodes.get_mut(at) {
            node.paths.push((step.into(), child));
        }
        child
    }

    /// Adds to each node the paths of its children. A child's index is above its parent's, so children come first.
    fn flatten(&mut self) {
        for at in (0..self.nodes.len()).rev() {
            let mut paths = self.nodes.get(at).map(|node| node.paths.clone()).unwrap_or_default();
            for (step, child) in paths.clone() {
                let below = self.nodes.get(child).map_or(&[][..], |node| &node.paths);
                paths.extend(below.iter().map(|(path, target)| ([&step, &b"."[..], path].concat().into(), *target)));
            }
            paths.sort_unstable_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
            if let Some(node) = self.nodes.get_mut(at) {
                node.lengths = paths.iter().fold(0, |bits, (path, _)| bits | 1 << path.len().min(63));
                node.paths = paths;
            }
        }
    }
}

impl Node {
    /// The index of `key` among the paths, and the node it leads to.
    #[inline]
    fn find(&self, key: &[u8]) -> Option<(usize, usize)> {
        if self.lengths >> key.len().min(63) & 1 == 0 {
            return None;
        }
        let order = |(path, _): &(Box<[u8]>, usize)| (path.len(), &**path).cmp(&(key.len(), key));
        let index = self.paths.binary_search_by(order).ok()?;
        self.paths.get(index).map(|(_, node)| (index, *node))
    }
}

/// What was found in one document; used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// The values of each column, in the order of the document.
    pub(crate) slots: Vec<Vec<Slot>>,
    /// `_id` of the envelope or the document.
    pub(crate) id: Option<Slot>,
    /// `_index` of the envelope.
    pub(crate) index: Option<Slot>,
    /// `_version` of the envelope.
    pub(crate) version: Option<Slot>,
    /// `_ignored` of the envelope.
    pub(crate) ignored: Vec<Slot>,
    /// Where the event's own text stands: the document, or `_source` in its envelope.
    pub(crate) source: (usize, usize),
    enveloped: bool,
}

impl Row {
    pub(crate) fn new(columns: usize) -> Self {
        Self { slots: vec![Vec::new(); columns], ..Self::default() }
    }

    fn clear(&mut self) {
        self.slots.iter_mut().for_each(Vec::clear);
        (self.id, self.index, self.version, self.enveloped) = (None, None, None, false);
        self.ignored.clear();
    }
}

/// Why a pass over a document ended early.
enum Stop {
    Bad(Fault),
    Duplicate,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Bad(fault)
    }
}

/// Reads the document that `text` holds into `row`; every byte of it is checked.
pub(crate) fn read(trie: &Trie, text: &[u8], row: &mut Row) -> Result<(), Fault> {
    if let Err(error) = std::str::from_utf8(text) {
        return Err(Fault { at: error.valid_up_to(), kind: FaultKind::Utf8 });
    }
    for careful in [false, true] {
        row.clear();
        let mut pass = Pass { trie, cursor: Cursor::new(text), row, careful };
        match pass.document() {
            Err(Stop::Duplicate) => {}
            Err(Stop::Bad(fault)) => return Err(fault),
            Ok(()) => return Ok(()),
        }
    }
    Ok(())
}

struct Pass<'a, 'r> {
    trie: &'a Trie,
    cursor: Cursor<'a>,
    row: &'r mut Row,
    careful: bool,
}

/// The keys of one object that were seen so far, as indices of the node's paths.
#[derive(Default)]
struct Seen {
    low: u64,
    high: Vec<usize>,
}

impl Seen {
    /// Notes `index`: whether it is new.
    #[inline]
    fn insert(&mut self, index: usize) -> bool {
        if index < 64 {
            let bit = 1 << index;
            let new = self.low & bit == 0;
            self.low |= bit;
            return new;
        }
        let new = !self.high.contains(&index);
        if new {
            self.high.push(index);
        }
        new
    }
}

impl Pass<'_, '_> {
    fn document(&mut self) -> Result<(), Stop> {
        self.cursor.space();
        let start = self.cursor.pos;
        if self.cursor.peek() != Some(b'{') {
            if self.cursor.skip(0).is_err() {
                self.cursor.pos = start;
                self.cursor.fail("an object")?;
            }
            let kind = match self.cursor.text.get(start) {
                Some(b'[') => "an array",
                Some(b'"') => "a text",
                Some(b't' | b'f') => "a boolean",
                Some(b'n') => "null",
                _ => "a number",
            };
            return Err(Fault { at: start, kind: FaultKind::NotObject(kind) }.into());
        }
        self.row.source = (start, start);
        self.object(0, 0)?;
        if !self.row.enveloped {
            self.row.source = (start, self.cursor.pos);
        }
        self.cursor.space();
        if self.cursor.peek().is_some() {
            self.cursor.fail("nothing after the document")?;
        }
        Ok(())
    }

    /// Reads an object that lies inside `depth` containers.
    fn object(&mut self, at: usize, depth: usize) -> Result<(), Stop> {
        let trie = self.trie;
        let Some(node) = trie.nodes.get(at) else { return Ok(self.cursor.skip(depth)?) };
        let outermost = depth == 0;
        if !outermost && node.paths.is_empty() {
            return Ok(self.cursor.skip(depth)?);
        }
        self.cursor.check_depth(depth)?;
        let last = if self.careful { self.last_of_each(node, depth)? } else { BTreeMap::new() };
        let mut seen = Seen::default();
        let mut more = self.cursor.enter(b'}');
        while more {
            let key = self.cursor.key()?;
            if outermost && self.metadata(key)? {
                more = self.cursor.next(b'}')?;
                continue;
            }
            match self.find(node, key) {
                // Once the envelope is known, its other members are no fields.
                Some(_) if outermost && self.row.enveloped => self.cursor.skip(depth + 1)?,
                Some((index, child)) if self.careful => {
                    if last.get(&index) == Some(&self.cursor.pos) {
                        self.value(child, depth + 1)?;
                    } else {
                        self.cursor.skip(depth + 1)?;
                    }
                }
                Some((index, child)) => {
                    if !seen.insert(index) {
                        return Err(Stop::Duplicate);
                    }
                    self.value(child, depth + 1)?;
                }
                None => self.cursor.skip(depth + 1)?,
            }
            more = self.cursor.next(b'}')?;
        }
        Ok(())
    }

    #[inline]
    fn find(&self, node: &Node, key: Text) -> Option<(usize, usize)> {
        let raw = self.cursor.text.get(key.start..key.end).unwrap_or(&[]);
        if key.escaped {
            return node.find(unescape(std::str::from_utf8(raw).unwrap_or(""), true).as_bytes());
        }
        node.find(raw)
    }

    /// Where the value of the last occurrence of each wanted key of this object stands.
    fn last_of_each(&mut self, node: &Node, depth: usize) -> Result<BTreeMap<usize, usize>, Fault> {
        let start = self.cursor.pos;
        let mut last = BTreeMap::new();
        let mut more = self.cursor.enter(b'}');
        while more {
            let key = self.cursor.key()?;
            if let Some((index, _)) = self.find(node, key) {
                last.insert(index, self.cursor.pos);
            }
            self.cursor.skip(depth + 1)?;
            more = self.cursor.next(b'}')?;
        }
        self.cursor.pos = start;
        Ok(last)
    }

    /// Reads a value that belongs to the node `at` and lies inside `depth` containers.
    fn value(&mut self, at: usize, depth: usize) -> Result<(), Stop> {
        match self.cursor.peek() {
            Some(b'{') => self.object(at, depth),
            Some(b'[') => {
                self.cursor.check_depth(depth)?;
                let mut more = self.cursor.enter(b']');
                while more {
                    self.value(at, depth + 1)?;
                    more = self.cursor.next(b']')?;
                }
                Ok(())
            }
            _ => {
                let slot = self.scalar(depth)?;
                let column = self.trie.nodes.get(at).and_then(|node| node.column);
                if let (Some(slot), Some(slots)) = (slot, column.and_then(|column| self.row.slots.get_mut(column))) {
                    slots.push(slot);
                }
                Ok(())
            }
        }
    }

    /// Reads a scalar; nothing for null and for containers, which are stepped over.
    #[inline]
    fn scalar(&mut self, depth: usize) -> Result<Option<Slot>, Fault> {
        let start = self.cursor.pos;
        Ok(match self.cursor.peek() {
            Some(b'"') => {
                let text = self.cursor.string()?;
                let shape = if text.escaped { Shape::EscapedText } else { Shape::Text };
                Some(Slot { shape, start: text.start, end: text.end })
            }
            Some(b'-' | b'0'..=b'9') => {
                let (start, end) = self.cursor.number()?;
                Some(Slot { shape: Shape::Number, start, end })
            }
            Some(b't') => {
                self.cursor.literal("true")?;
                Some(Slot { shape: Shape::True, start, end: self.cursor.pos })
            }
            Some(b'f') => {
                self.cursor.literal("false")?;
                Some(Slot { shape: Shape::False, start, end: self.cursor.pos })
            }
            _ => {
                self.cursor.skip(depth)?;
                None
            }
        })
    }

    /// Reads a member of the outermost object that describes the document: whether `key` is one.
    fn metadata(&mut self, key: Text) -> Result<bool, Stop> {
        match self.cursor.text.get(key.start..key.end) {
            Some(b"_id") => self.row.id = self.scalar(1)?,
            Some(b"_index") => self.row.index = self.scalar(1)?,
            Some(b"_version") => self.row.version = self.scalar(1)?,
            Some(b"_ignored") if self.cursor.peek() == Some(b'[') => {
                self.row.ignored.clear();
                let mut more = self.cursor.enter(b']');
                while more {
                    let name = self.scalar(2)?;
                    self.row.ignored.extend(name);
                    more = self.cursor.next(b']')?;
                }
            }
            Some(b"_source") if self.cursor.peek() == Some(b'{') => {
                self.row.slots.iter_mut().for_each(Vec::clear);
                self.row.enveloped = true;
                let start = self.cursor.pos;
                self.object(0, 1)?;
                self.row.source = (start, self.cursor.pos);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Row {
    /// Whether the document came in the envelope of an export.
    pub(crate) const fn is_enveloped(&self) -> bool {
        self.enveloped
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;

    fn values(names: &[&str], text: &str) -> Vec<Vec<String>> {
        let trie = Trie::new(names.iter().copied());
        let mut row = Row::new(names.len());
        read(&trie, text.as_bytes(), &mut row).unwrap();
        let raw = |slot: &Slot| text.get(slot.start..slot.end).unwrap().to_string();
        row.slots.iter().map(|slots| slots.iter().map(raw).collect()).collect()
    }

    #[test]
    fn nested_and_dotted_keys_are_one_field() {
        let names = ["host.os.type", "host.name", "host"];
        for text in [
            r#"{"host":{"os":{"type":"x"},"name":"n"}}"#,
            r#"{"host.os.type":"x","host.name":"n"}"#,
            r#"{"host":{"os.type":"x"},"host.name":"n"}"#,
            r#"{"host.os":{"type":"x"},"other":{"host.name":"no"},"host":{"name":"n"}}"#,
            r#"{"h\u006fst":{"os":[{"type":"x"}]},"host":{"name":"n","name.x":"no"},"host":{"name":"n","os.type":"x"}}"#,
        ] {
            assert_eq!(values(&names, text), [vec!["x"], vec!["n"], vec![]], "{text}");
        }
        assert_eq!(values(&["a.b"], r#"{"a":{"b":1},"a.b":[2,[3,null,[],{}]],"a":{"b":4}}"#), [vec!["2", "3", "4"]]);
    }

    #[test]
    fn the_last_of_duplicate_keys_counts() {
        assert_eq!(values(&["a", "b.c"], r#"{"a":1,"b":{"c":1,"c":2},"a":[3,4]}"#), [vec!["3", "4"], vec!["2"]]);
        assert_eq!(values(&["b.c", "b.d"], r#"{"b":{"c":1},"b":{"d":2}}"#), [vec![], vec!["2"]]);
        assert_eq!(values(&["a"], r#"{"a":1,"a":null}"#), [Vec::<&str>::new()]);
    }

    #[test]
    fn an_envelope_hides_its_own_members() {
        for text in [
            r#"{"_index":"i","_id":"1","sort":[9],"_source":{"sort":"s"}}"#,
            r#"{"_source":{"sort":"s"},"_id":"1","_index":"i","sort":[9]}"#,
        ] {
            assert_eq!(values(&["sort"], text), [vec!["s"]]);
        }
        assert_eq!(values(&["a"], r#"{"a":1,"_source":"x"}"#), [vec!["1"]]);
    }

    #[test]
    fn wanted_or_not_a_bad_document_is_bad() {
        let deep = |key: &str| format!("{{\"{key}\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let deep_objects = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        for text in [
            deep("a"),
            deep("b"),
            deep_objects,
            "{\"a\":1} x".into(),
            "{\"a\":1}{\"a\":2}".into(),
            "{\"a\":".into(),
            "[1]".into(),
            "{\"b\":tru}".into(),
            "{\"a\":01}".into(),
            "{\"b\":01}".into(),
            "{a:1}".into(),
            "{\"a\":1,}".into(),
            "1".into(),
        ] {
            for names in [&["a"][..], &["a.a.a"], &["b.x"], &[]] {
                let mut row = Row::new(1);
                assert!(read(&Trie::new(names.iter().copied()), text.as_bytes(), &mut row).is_err(), "{names:?}");
            }
        }
        let fault = read(&Trie::new([]), b"{\"a\":\"\xff\"}", &mut Row::new(0)).unwrap_err();
        assert_eq!(fault, Fault { at: 6, kind: FaultKind::Utf8 });
    }
}
