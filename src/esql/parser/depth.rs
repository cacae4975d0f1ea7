//! How deep an expression may be: deep enough for what people and generators write, and shallow enough that whoever walks
//! the tree may recurse.

/// The height that no expression tree exceeds, and the number of parentheses that may stand in each other.
pub const MAX_DEPTH: usize = 256;

/// The height up to which a chain of AND or OR leans left, as it is read; a longer one becomes a balanced tree.
pub(super) const LEANING: usize = 64;
