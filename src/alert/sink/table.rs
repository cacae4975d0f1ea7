//! Rows for people: aligned columns, or a block of lines a row where the columns do not fit the terminal.
//!
//! The layout is settled by the first rows and kept, so that a long result streams. Cells that do not fit are wrapped;
//! what is very long is cut, with a `…` that says so.

use std::io::Write;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

use super::{Encode, json, text};

/// Rows that decide the widths of the columns.
const SAMPLE: usize = 1_000;
/// Characters of a cell that are shown.
const CELL: usize = 1_000;
/// Lines that a wrapped cell takes.
const LINES: usize = 12;
/// The narrowest column that can be read; below that, rows become blocks.
const NARROWEST: usize = 10;
const BAR: &str = " | ";

/// A table of text.
pub(super) struct Table<W> {
    writer: W,
    names: Vec<String>,
    numbers: Vec<bool>,
    width: Option<usize>,
    layout: Option<Layout>,
    pending: Vec<Vec<String>>,
    rows: usize,
    buffer: String,
}

enum Layout {
    /// A line a row; the width of each column, and whether wider cells are wrapped.
    Lines(Vec<usize>, bool),
    /// A line a cell; the widths of names and values.
    Blocks(usize, usize),
}

impl<W: Write> Table<W> {
    pub(super) fn new(schema: &SchemaRef, writer: W, width: Option<usize>) -> Self {
        let fields = schema.fields();
        Self {
            writer,
            names: fields.iter().map(|field| text::guarded(field.name()).into_owned()).collect(),
            numbers: fields.iter().map(|field| field.data_type().is_numeric()).collect(),
            width,
            layout: None,
            pending: Vec::new(),
            rows: 0,
            buffer: String::new(),
        }
    }

    fn settle(&mut self) {
        let layout = Layout::fit(&self.names, &self.pending, self.width);
        if let Layout::Lines(widths, wrapped) = &layout {
            let left = vec![false; widths.len()];
            push_row(&mut self.buffer, &self.names, widths, &left, *wrapped);
            let rules: Vec<_> = widths.iter().map(|&width| "-".repeat(width)).collect();
            self.buffer.push_str(&rules.join("-+-"));
            self.buffer.push('\n');
        }
        self.layout = Some(layout);
        for row in std::mem::take(&mut self.pending) {
            self.push(&row);
        }
    }

    fn push(&mut self, row: &[String]) {
        self.rows += 1;
        match &self.layout {
            Some(Layout::Lines(widths, wrapped)) => push_row(&mut self.buffer, row, widths, &self.numbers, *wrapped),
            Some(Layout::Blocks(names, values)) => {
                let title = format!("-- row {} ", self.rows);
                self.buffer.push_str(&title);
                let dashes = (names + BAR.len() + (*values).min(40)).saturating_sub(title.len());
                self.buffer.extend(std::iter::repeat_n('-', dashes));
                self.buffer.push('\n');
                for pair in self.names.iter().zip(row) {
                    push_row(&mut self.buffer, &[pair.0, pair.1], &[*names, *values], &[false, false], true);
                }
            }
            None => {}
        }
    }
}

impl<W: Write> Encode<W> for Table<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let columns = json::Columns::try_new(batch)?;
        let mut cells = columns.encoders()?;
        let mut value = Vec::new();
        for row in 0..batch.num_rows() {
            let row: Vec<_> = cells
                .iter_mut()
                .map(|cell| {
                    value.clear();
                    json::encode_cell(cell, row, &mut value);
                    cut(text::of_json(&value).as_deref().unwrap_or("null"))
                })
                .collect();
            if self.layout.is_some() {
                self.push(&row);
            } else {
                self.pending.push(row);
                if self.pending.len() == SAMPLE {
                    self.settle();
                }
            }
            if self.buffer.len() >= 1 << 16 {
                self.writer.write_all(self.buffer.as_bytes())?;
                self.buffer.clear();
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<W, ArrowError> {
        if self.layout.is_none() {
            self.settle();
        }
        self.writer.write_all(self.buffer.as_bytes())?;
        Ok(self.writer)
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        self.writer.write_all(self.buffer.as_bytes())?;
        self.buffer.clear();
        Ok(self.writer.flush()?)
    }
}

impl Layout {
    fn fit(names: &[String], rows: &[Vec<String>], width: Option<usize>) -> Self {
        let mut widths: Vec<_> = names.iter().map(|name| width_of(name)).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = width_of(cell).max(*width);
            }
        }
        let Some(width) = width else { return Self::Lines(widths, false) };
        let room = width.saturating_sub(BAR.len() * widths.len().saturating_sub(1));
        if let Some(widths) = shrink(&widths, room) {
            return Self::Lines(widths, true);
        }
        let names = names.iter().map(|name| width_of(name)).max().unwrap_or(0).min(width / 2);
        Self::Blocks(names, width.saturating_sub(names + BAR.len()).max(NARROWEST))
    }
}

/// The widths cut to one common most, so that all fit into `room`; `None` where they would be too narrow to read.
fn shrink(widths: &[usize], room: usize) -> Option<Vec<usize>> {
    let total = |most: usize| widths.iter().map(|&width| width.min(most)).sum::<usize>();
    let widest = widths.iter().copied().max().unwrap_or(0);
    let most = (NARROWEST.min(widest)..=widest).rev().find(|&most| total(most) <= room)?;
    Some(widths.iter().map(|&width| width.min(most)).collect())
}

fn push_row<S: AsRef<str>>(out: &mut String, row: &[S], widths: &[usize], right: &[bool], wrapped: bool) {
    let pairs = row.iter().map(AsRef::as_ref).zip(widths);
    let cells: Vec<_> = pairs.map(|(cell, &width)| if wrapped { wrap(cell, width) } else { vec![cell] }).collect();
    let lines = cells.iter().map(Vec::len).max().unwrap_or(1);
    for line in 0..lines {
        let start = out.len();
        for (at, (cell, (&width, &right))) in cells.iter().zip(widths.iter().zip(right)).enumerate() {
            if at > 0 {
                out.push_str(BAR);
            }
            let part = cell.get(line).copied().unwrap_or("");
            let padding = " ".repeat(width.saturating_sub(width_of(part)));
            let (before, after) = if right { (padding.as_str(), "") } else { ("", padding.as_str()) };
            out.push_str(before);
            out.push_str(part);
            out.push_str(after);
        }
        let end = out.get(start..).unwrap_or("").trim_end().len();
        out.truncate(start + end);
        out.push('\n');
    }
}

/// The cell in lines of at most `width` columns, broken behind a separator where one is near the end.
fn wrap(cell: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = cell;
    loop {
        let end = fitting(rest, width);
        if end == rest.len() {
            lines.push(rest);
            return lines;
        }
        if lines.len() + 1 == LINES {
            lines.push("…");
            return lines;
        }
        let (line, _) = rest.split_at(end);
        let broken = line.rfind([' ', ',', '/', '\\', '-']).map(|at| at + 1);
        let end = broken.filter(|&at| at * 3 >= end * 2).unwrap_or(end);
        let (line, behind) = rest.split_at(end);
        lines.push(line);
        rest = behind;
    }
}

/// The bytes of the longest start that takes at most `width` columns, at least one character.
fn fitting(text: &str, width: usize) -> usize {
    let mut taken = 0;
    for (at, c) in text.char_indices() {
        taken += columns_of(c);
        if taken > width && at > 0 {
            return at;
        }
    }
    text.len()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(CELL) {
        None => text::guarded(text).into_owned(),
        Some((end, _)) => text::guarded(text.get(..end).unwrap_or(text)).into_owned() + "…",
    }
}

fn width_of(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(columns_of).sum() }
}

/// The columns that a terminal gives to a character: the ranges that matter of UAX 11 and of combining marks.
fn columns_of(c: char) -> usize {
    match c {
        ' '..='\u{2ff}' => 1,
        '\u{300}'..='\u{36f}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97c}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}
