//! One row group: which of its rows the conjuncts leave.

use std::collections::BTreeSet;

use bytes::Bytes;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::file::metadata::RowGroupMetaData;

use super::bits::Bits;
use super::condition::{Conditions, Node};
use super::dictionary::{Chunk, is_dictionary, ranges};
use super::order::Order;

/// Where a leaf lies in a file.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// In this column, whose values the file's reader gives this type.
    Column(usize, DataType),
    /// In a column that the file lacks: all its values are null.
    Absent,
    /// In a shape that is not read here.
    Elsewhere,
}

/// What a row group's dictionaries and ids leave.
#[derive(Debug)]
pub(super) struct Left {
    /// The rows that may pass.
    pub(super) rows: Bits,
    /// The conjuncts that hold of all of them.
    pub(super) decided: Vec<bool>,
    /// Data pages that were not read.
    pub(super) pages_skipped: usize,
}

/// What is known of a leaf in the row group.
enum Slot {
    Open,
    Absent { null: u8 },
    Chunk(Box<Chunk>),
    Answers(Vec<Bits>),
}

/// The rows of `group` among `live` that the conjuncts leave.
///
/// # Errors
/// Where a page cannot be read: the row group is then read whole by the reader that tells what is wrong with it.
pub(super) async fn select(
    conditions: &Conditions,
    places: &[Place],
    group: &RowGroupMetaData,
    live: Bits,
    reader: &mut dyn AsyncFileReader,
    order: &Order,
) -> Result<Left> {
    let mut rows = Rows { slots: dictionaries(conditions, places, group, reader).await?, live, pages_skipped: 0 };
    let nodes: Vec<Node> = conditions.conjuncts.iter().map(|conjunct| rows.known(&conjunct.node)).collect();
    if nodes.contains(&Node::Known(false)) {
        return Ok(Left { rows: Bits::clear(rows.live.len()), decided: vec![true; nodes.len()], pages_skipped: 0 });
    }
    let mut decided: Vec<bool> = nodes.iter().map(|node| *node == Node::Known(true)).collect();
    let asking = nodes.iter().enumerate().filter(|(_, node)| !matches!(node, Node::Known(_) | Node::Open));
    let mut asked: Vec<_> = asking.map(|(at, node)| (at, cost(node, places, group))).collect();
    order.sort(&mut asked);
    for (at, _) in asked {
        if rows.live.none() {
            decided.fill(true);
            break;
        }
        let (Some(node), Some(decided)) = (nodes.get(at), decided.get_mut(at)) else { continue };
        rows.read(node, places, group, reader).await?;
        // An answer may be missing where some of a column's values are no ids.
        let node = rows.readable(node);
        let before = rows.live.count();
        let mut left = rows.live.clone();
        rows.narrow(&node, &mut left);
        rows.live = left;
        order.note(at, before, rows.live.count());
        *decided = !node.is_open();
    }
    Ok(Left { rows: rows.live, decided, pages_skipped: rows.pages_skipped })
}

/// The bytes that asking a node reads.
fn cost(node: &Node, places: &[Place], group: &RowGroupMetaData) -> u64 {
    let mut leaves = BTreeSet::new();
    node.leaves(&mut leaves);
    leaves.iter().filter_map(|leaf| column(places, *leaf)).map(|column| size(group, column)).sum()
}

fn column(places: &[Place], leaf: usize) -> Option<usize> {
    match places.get(leaf) {
        Some(Place::Column(column, _)) => Some(*column),
        _ => None,
    }
}

fn size(group: &RowGroupMetaData, column: usize) -> u64 {
    group.columns().get(column).map_or(0, |meta| u64::try_from(meta.uncompressed_size()).unwrap_or(0))
}

/// The leaves with what their dictionaries say.
async fn dictionaries(
    conditions: &Conditions,
    places: &[Place],
    group: &RowGroupMetaData,
    reader: &mut dyn AsyncFileReader,
) -> Result<Vec<Slot>> {
    let rows = usize::try_from(group.num_rows()).unwrap_or(0);
    let wanted: Vec<_> = places
        .iter()
        .map(|place| match place {
            Place::Column(column, _) => group.columns().get(*column).filter(|meta| is_dictionary(meta)),
            Place::Absent | Place::Elsewhere => None,
        })
        .collect();
    let from: Vec<_> = wanted.iter().flatten().map(|meta| ranges(meta).0).collect();
    let mut bytes = if from.is_empty() { Vec::new() } else { reader.get_byte_ranges(from).await? }.into_iter();
    let mut slots = Vec::with_capacity(places.len());
    for ((place, meta), leaf) in places.iter().zip(wanted).zip(&conditions.leaves) {
        slots.push(match (place, meta) {
            (Place::Absent, _) => leaf.null().map_or(Slot::Open, |null| Slot::Absent { null }),
            (Place::Column(_, stored), Some(meta)) => {
                let dictionary = bytes.next().unwrap_or_default();
                let chunk = Chunk::try_open(dictionary, meta, rows, leaf, stored)?;
                chunk.map_or(Slot::Open, |chunk| Slot::Chunk(Box::new(chunk)))
            }
            _ => Slot::Open,
        });
    }
    Ok(slots)
}

struct Rows {
    slots: Vec<Slot>,
    live: Bits,
    pages_skipped: usize,
}

impl Rows {
    /// A node with what the dictionaries alone tell.
    fn known(&self, node: &Node) -> Node {
        node.map(&|leaf, question| {
            let known = match self.slots.get(leaf) {
                Some(Slot::Absent { null }) => Some(null >> question & 1 == 1),
                Some(Slot::Chunk(chunk)) => chunk.always(question),
                Some(Slot::Answers(_)) => None,
                Some(Slot::Open) | None => return Node::Open,
            };
            known.map_or(Node::Ask { leaf, question }, Node::Known)
        })
    }

    /// Reads the pages of the leaves that a node asks.
    async fn read(
        &mut self,
        node: &Node,
        places: &[Place],
        group: &RowGroupMetaData,
        reader: &mut dyn AsyncFileReader,
    ) -> Result<()> {
        let mut leaves = BTreeSet::new();
        node.leaves(&mut leaves);
        leaves.retain(|leaf| matches!(self.slots.get(*leaf), Some(Slot::Chunk(_))));
        let metas = leaves.iter().filter_map(|leaf| group.columns().get(column(places, *leaf)?));
        let from: Vec<_> = metas.map(|meta| ranges(meta).1).collect();
        if from.is_empty() {
            return Ok(());
        }
        let pages: Vec<Bytes> = reader.get_byte_ranges(from).await?;
        for (leaf, pages) in leaves.into_iter().zip(pages) {
            let Some(slot) = self.slots.get_mut(leaf) else { continue };
            if let Slot::Chunk(chunk) = slot {
                chunk.give(pages);
                let answers = chunk.answers(&self.live)?;
                self.pages_skipped += chunk.skipped;
                *slot = answers.map_or(Slot::Open, Slot::Answers);
            }
        }
        Ok(())
    }

    /// A node without the questions to which there is no answer.
    fn readable(&self, node: &Node) -> Node {
        node.map(&|leaf, question| match self.slots.get(leaf) {
            Some(Slot::Answers(_)) => Node::Ask { leaf, question },
            _ => Node::Open,
        })
    }

    /// Takes from `rows` those for which a node does not hold.
    fn narrow(&self, node: &Node, rows: &mut Bits) {
        match node {
            Node::Open | Node::Known(true) => {}
            Node::Known(false) => *rows = Bits::clear(rows.len()),
            Node::Ask { leaf, question } => {
                if let Some(Slot::Answers(answers)) = self.slots.get(*leaf)
                    && let Some(answer) = answers.get(*question)
                {
                    rows.and(answer);
                }
            }
            Node::All(nodes) => nodes.iter().for_each(|node| self.narrow(node, rows)),
            Node::Any(nodes) => {
                let mut any = Bits::clear(rows.len());
                for node in nodes {
                    let mut one = rows.clone();
                    self.narrow(node, &mut one);
                    any.or(&one);
                }
                *rows = any;
            }
        }
    }
}
