//! The messages that hold what DataFusion's and Ballista's do not.

use datafusion_proto::protobuf::{FileScanExecConf, ParquetScanExecNode, PhysicalExprNode, Schema};
use prost::{Message, Oneof};

/// A scan of files, as Ballista cuts it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Scan {
    #[prost(message, optional, tag = "1")]
    pub(super) base: Option<FileScanExecConf>,
    #[prost(message, optional, tag = "2")]
    pub(super) source: Option<Source>,
    /// What the lake knows of each file of the base, in its order.
    #[prost(message, repeated, tag = "3")]
    pub(super) files: Vec<FileNote>,
}

/// How the files of a scan are read; the same for all its parts.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Source {
    /// Which scan of its plan it is.
    #[prost(uint32, tag = "1")]
    pub(super) scan: u32,
    /// Columns that the reader makes, such as a row's number.
    #[prost(message, optional, tag = "2")]
    pub(super) virtual_columns: Option<Schema>,
    #[prost(message, optional, tag = "3")]
    pub(super) predicate: Option<PhysicalExprNode>,
    #[prost(oneof = "Format", tags = "4, 5")]
    pub(super) format: Option<Format>,
}

/// The reader of a scan.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Format {
    /// A node of which only the options are set.
    #[prost(message, boxed, tag = "4")]
    Parquet(Box<ParquetScanExecNode>),
    #[prost(message, tag = "5")]
    Ndjson(Ndjson),
}

/// What a scan of JSON files is made of.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Ndjson {
    #[prost(message, repeated, tag = "1")]
    pub(super) columns: Vec<NdjsonColumn>,
    #[prost(string, tag = "2")]
    pub(super) table: String,
    #[prost(bool, tag = "3")]
    pub(super) fail_on_bad_line: bool,
    #[prost(bool, tag = "4")]
    pub(super) strict: bool,
}

/// A column that a scan of JSON files offers: a field with a kind, or one that describes the document.
#[derive(Clone, PartialEq, Message)]
pub(super) struct NdjsonColumn {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// Empty where the column describes the document.
    #[prost(string, tag = "2")]
    pub(super) kind: String,
    #[prost(bool, tag = "3")]
    pub(super) multi: bool,
}

/// What DataFusion's message of a file leaves out.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FileNote {
    #[prost(string, optional, tag = "1")]
    pub(super) e_tag: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) version: Option<String>,
    /// Which row groups of a Parquet file are read, where not all are.
    #[prost(message, optional, tag = "3")]
    pub(super) row_groups: Option<RowGroups>,
    #[prost(message, optional, tag = "4")]
    pub(super) ndjson: Option<NdjsonNote>,
}

/// The row groups of a file: whether each is read.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RowGroups {
    #[prost(bool, repeated, tag = "1")]
    pub(super) read: Vec<bool>,
}

/// What the lake knows of a JSON file.
#[derive(Clone, PartialEq, Message)]
pub(super) struct NdjsonNote {
    #[prost(uint32, tag = "1")]
    pub(super) compression: u32,
    #[prost(uint32, tag = "2")]
    pub(super) form: u32,
    #[prost(string, tag = "3")]
    pub(super) label: String,
    #[prost(string, tag = "4")]
    pub(super) key: String,
}

/// The node that makes columns of the members of one.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Unpack {
    #[prost(message, repeated, tag = "1")]
    pub(super) places: Vec<Place>,
    #[prost(message, optional, tag = "2")]
    pub(super) schema: Option<Schema>,
}

/// A column of the input, or a member of it.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Place {
    #[prost(uint32, tag = "1")]
    pub(super) column: u32,
    #[prost(uint32, optional, tag = "2")]
    pub(super) member: Option<u32>,
}

/// A function that DataFusion does not have.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Function {
    #[prost(oneof = "Made", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    pub(super) made: Option<Made>,
}

/// What a function is made of.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Made {
    /// Its name alone, as it is registered.
    #[prost(message, tag = "1")]
    Registered(Nothing),
    #[prost(message, tag = "2")]
    ValueMap(ValueMap),
    #[prost(message, tag = "3")]
    ParseInstant(ParseInstant),
    #[prost(message, tag = "4")]
    RowStruct(RowStruct),
    #[prost(message, tag = "5")]
    ObjectText(Path),
    #[prost(message, tag = "6")]
    RowJson(Nothing),
    #[prost(message, tag = "7")]
    ListLeaf(Path),
    #[prost(message, tag = "8")]
    Timetable(Timetable),
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Nothing {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Path {
    #[prost(string, repeated, tag = "1")]
    pub(super) names: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ValueMap {
    #[prost(btree_map = "string, string", tag = "1")]
    pub(super) named: std::collections::BTreeMap<String, String>,
    #[prost(string, optional, tag = "2")]
    pub(super) other: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(super) missing: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ParseInstant {
    #[prost(string, tag = "1")]
    pub(super) field: String,
    /// The counter of its plan in which texts that are no instant count.
    #[prost(uint32, optional, tag = "2")]
    pub(super) counter: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RowStruct {
    #[prost(message, optional, tag = "1")]
    pub(super) columns: Option<Schema>,
    #[prost(message, repeated, tag = "2")]
    pub(super) values: Vec<PhysicalExprNode>,
    #[prost(message, optional, tag = "3")]
    pub(super) members: Option<Schema>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Timetable {
    #[prost(sint64, repeated, tag = "1")]
    pub(super) at: Vec<i64>,
    #[prost(sint64, repeated, tag = "2")]
    pub(super) from: Vec<i64>,
    #[prost(sint64, repeated, tag = "3")]
    pub(super) to: Vec<i64>,
}
