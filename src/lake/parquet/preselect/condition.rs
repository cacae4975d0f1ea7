//! A predicate as conjuncts over leaf columns.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Literal, NotExpr};
use datafusion::physical_expr::{PhysicalExpr, conjunction, split_conjunction};

use super::leaf::{Leaf, only_leaf};

/// What must hold of a row, built of questions to leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// The leaf's value answers the question with yes.
    Ask {
        /// Which leaf.
        leaf: usize,
        /// Which of its questions.
        question: usize,
    },
    /// All hold.
    All(Vec<Node>),
    /// At least one holds.
    Any(Vec<Node>),
    /// It is known without a row.
    Known(bool),
    /// A dictionary cannot tell: it may hold.
    Open,
}

/// A conjunct of a scan's predicate.
#[derive(Debug)]
pub(super) struct Conjunct {
    /// As the plan has it, over the table's columns.
    pub(super) expr: Arc<dyn PhysicalExpr>,
    /// What must hold of a row.
    pub(super) node: Node,
    /// The leaves that `node` asks.
    pub(super) leaves: BTreeSet<usize>,
}

/// A scan's predicate.
#[derive(Debug)]
pub(super) struct Conditions {
    pub(super) leaves: Vec<Leaf>,
    pub(super) conjuncts: Vec<Conjunct>,
}

impl Conditions {
    /// The conjuncts of `predicate`; `None` where none of them asks a leaf.
    pub(super) fn of(
        predicate: &Arc<dyn PhysicalExpr>,
        schema: &SchemaRef,
        quiet: &dyn Fn(&str) -> bool,
    ) -> Option<Self> {
        let mut compiler = Compiler { schema, quiet, leaves: Vec::new() };
        // Conjuncts over one leaf are one question to it.
        let mut parts: Vec<Part> = Vec::new();
        for expr in split_conjunction(predicate) {
            let path = compiler.leaf_of(expr).map(|(path, _)| path);
            match parts.iter_mut().find(|(other, _)| path.is_some() && *other == path) {
                Some((_, exprs)) => exprs.push(Arc::clone(expr)),
                None => parts.push((path, vec![Arc::clone(expr)])),
            }
        }
        let conjuncts: Vec<_> = parts
            .into_iter()
            .map(|(_, exprs)| {
                let expr = conjunction(exprs);
                let node = compiler.node(&expr, true);
                let mut leaves = BTreeSet::new();
                node.leaves(&mut leaves);
                Conjunct { expr, node, leaves }
            })
            .collect();
        let asks = conjuncts.iter().any(|conjunct| !conjunct.leaves.is_empty());
        asks.then_some(Self { leaves: compiler.leaves, conjuncts })
    }
}

impl Node {
    pub(super) fn leaves(&self, into: &mut BTreeSet<usize>) {
        match self {
            Self::Ask { leaf, .. } => {
                into.insert(*leaf);
            }
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().for_each(|node| node.leaves(into)),
            Self::Known(_) | Self::Open => {}
        }
    }

    /// The node with each question put through `answer`, and what that makes known worked in.
    pub(super) fn map(&self, answer: &impl Fn(usize, usize) -> Node) -> Node {
        match self {
            Self::Ask { leaf, question } => answer(*leaf, *question),
            Self::All(nodes) => join(nodes.iter().map(|node| node.map(answer)), true),
            Self::Any(nodes) => join(nodes.iter().map(|node| node.map(answer)), false),
            Self::Known(_) | Self::Open => self.clone(),
        }
    }

    /// Whether a dictionary cannot tell in every case.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Open => true,
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().any(Self::is_open),
            Self::Ask { .. } | Self::Known(_) => false,
        }
    }
}

/// All of `nodes`, or any of them.
fn join(nodes: impl Iterator<Item = Node>, all: bool) -> Node {
    let mut left = Vec::new();
    for node in nodes {
        match node {
            Node::Known(known) if known == all => {}
            Node::Known(known) => return Node::Known(known),
            node => left.push(node),
        }
    }
    match (left.len(), all) {
        (0, _) => Node::Known(all),
        (1, _) => left.remove(0),
        (_, true) => Node::All(left),
        (_, false) => Node::Any(left),
    }
}

type Path = Vec<String>;

/// Conjuncts, and the leaf that they all read, if it is one.
type Part = (Option<Path>, Vec<Arc<dyn PhysicalExpr>>);

struct Compiler<'a> {
    schema: &'a SchemaRef,
    quiet: &'a dyn Fn(&str) -> bool,
    leaves: Vec<Leaf>,
}

impl Compiler<'_> {
    fn leaf_of(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<(Path, DataType)> {
        only_leaf(expr, self.schema, self.quiet)
    }

    /// What must hold of a row for which `expr` is `wanted`. An answer is yes or no: neither is null.
    fn node(&mut self, expr: &Arc<dyn PhysicalExpr>, wanted: bool) -> Node {
        if let Some((path, data_type)) = self.leaf_of(expr) {
            return self.ask(expr, path, data_type, wanted);
        }
        if let Some(not) = expr.downcast_ref::<NotExpr>() {
            return self.node(not.arg(), !wanted);
        }
        if let Some(literal) = expr.downcast_ref::<Literal>() {
            return Node::Known(*literal.value() == ScalarValue::Boolean(Some(wanted)));
        }
        match expr.downcast_ref::<BinaryExpr>().map(BinaryExpr::op) {
            Some(op @ (Operator::And | Operator::Or)) => {
                let nodes = self.children(expr, *op, wanted);
                join(nodes.into_iter(), (*op == Operator::And) == wanted)
            }
            _ => Node::Open,
        }
    }

    fn ask(&mut self, expr: &Arc<dyn PhysicalExpr>, path: Path, data_type: DataType, wanted: bool) -> Node {
        let leaf = self.leaves.iter().position(|leaf| leaf.path == path).unwrap_or_else(|| {
            self.leaves.push(Leaf::new(path, data_type));
            self.leaves.len() - 1
        });
        let schema: &Schema = self.schema;
        let question = self.leaves.get_mut(leaf).and_then(|leaf| leaf.ask(expr, wanted, schema));
        question.map_or(Node::Open, |question| Node::Ask { leaf, question })
    }

    /// The arms of a chain of `op`; those over one leaf are one question.
    fn children(&mut self, expr: &Arc<dyn PhysicalExpr>, op: Operator, wanted: bool) -> Vec<Node> {
        let mut arms = Vec::new();
        flatten(expr, op, &mut arms);
        let mut joined: Vec<(Option<Path>, Arc<dyn PhysicalExpr>)> = Vec::new();
        for arm in arms {
            let path = self.leaf_of(arm).map(|(path, _)| path);
            match joined.iter_mut().find(|(other, _)| path.is_some() && *other == path) {
                Some((_, first)) => *first = Arc::new(BinaryExpr::new(Arc::clone(first), op, Arc::clone(arm))),
                None => joined.push((path, Arc::clone(arm))),
            }
        }
        joined.into_iter().map(|(_, arm)| self.node(&arm, wanted)).collect()
    }
}

/// The arms of a chain of one operator, from left to right.
fn flatten<'a>(expr: &'a Arc<dyn PhysicalExpr>, op: Operator, arms: &mut Vec<&'a Arc<dyn PhysicalExpr>>) {
    match expr.downcast_ref::<BinaryExpr>() {
        Some(binary) if *binary.op() == op => {
            flatten(binary.left(), op, arms);
            flatten(binary.right(), op, arms);
        }
        _ => arms.push(expr),
    }
}
