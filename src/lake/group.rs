//! Files of a table that are read by one scan: of one format, with the same type for each column they share.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field as ArrowField, FieldRef, Fields, Schema, SchemaRef};
use datafusion::common::ScalarValue;

use super::field::Field;
use super::hive;
use super::ndjson::NdjsonFile;
use super::parquet::Footer;
use super::schema::{Leaf, LeftOut, leaves};
use super::store::{Format, Found};
use super::whole::INPUT;

/// A file of a group.
#[derive(Debug, Clone)]
pub(crate) struct GroupFile {
    pub(crate) found: Found,
    /// What its footer says, if it is Parquet. Of a file of a Delta table it is read when a scan wants it.
    pub(crate) footer: Option<Footer>,
    /// What its first bytes say, if it is JSON.
    pub(crate) json: Option<NdjsonFile>,
    /// The values of the group's path columns.
    pub(crate) path_values: Vec<ScalarValue>,
    /// Which of its bytes are read, where not all are: the lines that begin in them.
    pub(crate) range: Option<Range<u64>>,
}

impl GroupFile {
    /// What its footer says, if it was read.
    pub(crate) fn footer(&self) -> Option<&Footer> {
        self.footer.as_ref().or_else(|| self.found.delta.as_ref()?.footer())
    }

    /// How many rows it has, where something tells.
    pub(crate) fn rows(&self) -> Option<u64> {
        match &self.found.delta {
            Some(active) => active.rows(),
            None => self.footer.as_ref().map(Footer::rows),
        }
    }
}

/// Files that one scan reads.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) format: Format,
    /// Whether its files lie in stores.
    pub(crate) remote: bool,
    pub(crate) files: Vec<GroupFile>,
    /// The columns in the files.
    pub(crate) schema: SchemaRef,
    /// The columns that the files' paths spell.
    pub(crate) path_columns: Vec<FieldRef>,
    /// Where each field's values are: a flat column first, then leaves of structs, outermost first.
    pub(crate) fields: BTreeMap<String, Vec<Leaf>>,
}

impl Group {
    /// The leaves of a field; none where the files lack it.
    pub(crate) fn leaves(&self, field: &str) -> &[Leaf] {
        self.fields.get(field).map_or(&[], Vec::as_slice)
    }

    /// A file that holds a field, for messages.
    pub(crate) fn example(&self, field: &str) -> PathBuf {
        let has = |file: &&GroupFile| {
            let Some(footer) = file.footer() else { return false };
            self.leaves(field)
                .iter()
                .any(|leaf| leaf.path.first().is_some_and(|c| footer.schema.field_with_name(c).is_ok()))
        };
        self.files.iter().find(has).or(self.files.first()).map(|f| f.found.path.clone()).unwrap_or_default()
    }

    fn new(
        format: Format,
        schema: SchemaRef,
        path_columns: Vec<FieldRef>,
        files: Vec<GroupFile>,
    ) -> (Self, Vec<LeftOut>) {
        let (mut found, left_out) = leaves(&schema);
        found.retain(|leaf| leaf.name != INPUT);
        for column in &path_columns {
            found.push(Leaf {
                name: column.name().clone(),
                path: vec![column.name().clone()],
                data_type: column.data_type().clone(),
                lists_above: 0,
                list: false,
                clean: false,
                made: None,
            });
        }
        let mut fields: BTreeMap<String, Vec<Leaf>> = BTreeMap::new();
        for leaf in found {
            fields.entry(leaf.name.clone()).or_default().push(leaf);
        }
        for leaves in fields.values_mut() {
            leaves.sort_by_key(|leaf| leaf.path.len());
        }
        let remote = files.first().is_some_and(|file| file.found.remote);
        (Self { format, remote, files, schema, path_columns, fields }, left_out)
    }

    /// A group whose columns, and what is in them, have other names than their files give them: `name` says which, by the
    /// names that lead there.
    pub(crate) fn named(
        format: Format,
        schema: SchemaRef,
        path_columns: Vec<FieldRef>,
        files: Vec<GroupFile>,
        name: impl Fn(&[String]) -> Option<String>,
    ) -> (Self, Vec<LeftOut>) {
        let (mut group, mut left_out) = Self::new(format, schema, path_columns, files);
        let mut fields: BTreeMap<String, Vec<Leaf>> = BTreeMap::new();
        for mut leaf in std::mem::take(&mut group.fields).into_values().flatten() {
            leaf.name = name(&leaf.path).unwrap_or(leaf.name);
            fields.entry(leaf.name.clone()).or_default().push(leaf);
        }
        for leaves in fields.values_mut() {
            leaves.sort_by_key(|leaf| leaf.path.len());
        }
        for out in &mut left_out {
            let path: Vec<String> = out.name.split('.').map(str::to_owned).collect();
            out.name = name(&path).or_else(|| name(std::slice::from_ref(&out.name))).unwrap_or_default();
        }
        group.fields = fields;
        (group, left_out)
    }

    /// A group of JSON files whose scan offers these fields.
    pub(crate) fn json(fields: &[Field], path_columns: Vec<FieldRef>, files: Vec<GroupFile>) -> Self {
        let schema = Arc::new(Schema::empty());
        let (mut group, _) = Self::new(Format::Json, schema, path_columns, files);
        for field in fields {
            let leaf = Leaf {
                name: field.name.clone(),
                path: vec![field.name.clone()],
                data_type: field.data_type.clone(),
                lists_above: 0,
                list: field.multi,
                clean: true,
                made: None,
            };
            group.fields.entry(field.name.clone()).or_insert_with(|| vec![leaf]);
        }
        group
    }
}

/// The types of the path columns of a table, over all its files.
pub(crate) fn path_types(files: &[Found]) -> BTreeMap<String, DataType> {
    let mut values: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
    for (key, value) in files.iter().flat_map(|f| &f.columns) {
        values.entry(key).or_default().push(value.as_deref());
    }
    values.into_iter().map(|(key, values)| (key.to_owned(), hive::data_type(values.into_iter()))).collect()
}

/// The path columns of a file and their values. A column in the file itself wins over one of its path; the folders of a
/// file that was converted repeat its time.
pub(crate) fn path_columns(
    file: &Found,
    types: &BTreeMap<String, DataType>,
    inside: Option<&Schema>,
) -> (Vec<FieldRef>, Vec<ScalarValue>) {
    let converted = inside.is_some_and(|schema| schema.field_with_name(INPUT).is_ok());
    file.columns
        .iter()
        .filter(|_| !converted)
        .filter(|(key, _)| inside.is_none_or(|schema| schema.field_with_name(key).is_err()))
        .filter_map(|(key, value)| {
            let data_type = types.get(key)?;
            let column: FieldRef = Arc::new(ArrowField::new(key, data_type.clone(), true));
            Some((column, hive::scalar(value.as_deref(), data_type)))
        })
        .unzip()
}

/// The groups of Parquet files, and the columns that are no fields.
pub(crate) fn parquet(files: Vec<(Found, Footer)>, types: &BTreeMap<String, DataType>) -> (Vec<Group>, Vec<LeftOut>) {
    struct Draft {
        schema: SchemaRef,
        path_columns: Vec<FieldRef>,
        remote: bool,
        files: Vec<GroupFile>,
    }
    let mut drafts: Vec<Draft> = Vec::new();
    // Most files of a table have one of a few schemas: each is placed and kept once.
    let mut placed: HashMap<(SchemaRef, Vec<FieldRef>, bool), (usize, SchemaRef)> = HashMap::new();
    for (found, mut footer) in files {
        let (columns, path_values) = path_columns(&found, types, Some(&footer.schema));
        let key = (Arc::clone(&footer.schema), columns, found.remote);
        let at = if let Some((at, schema)) = placed.get(&key) {
            footer.schema = Arc::clone(schema);
            *at
        } else {
            let alike = |(_, d): &(usize, &mut Draft)| d.path_columns == key.1 && d.remote == key.2;
            let fits = drafts.iter_mut().enumerate().filter(alike).find_map(|(at, draft)| {
                let merged = merge(draft.schema.fields(), footer.schema.fields())?;
                if merged != *draft.schema.fields() {
                    draft.schema = Arc::new(Schema::new(merged));
                }
                Some(at)
            });
            let at = fits.unwrap_or_else(|| {
                drafts.push(Draft {
                    schema: Arc::clone(&footer.schema),
                    path_columns: key.1.clone(),
                    remote: key.2,
                    files: Vec::new(),
                });
                drafts.len() - 1
            });
            placed.insert(key, (at, Arc::clone(&footer.schema)));
            at
        };
        if let Some(draft) = drafts.get_mut(at) {
            draft.files.push(GroupFile { found, footer: Some(footer), json: None, path_values, range: None });
        }
    }
    let mut left_out = HashSet::new();
    let groups = drafts
        .into_iter()
        .map(|d| {
            let (group, out) = Group::new(Format::Parquet, d.schema, d.path_columns, d.files);
            left_out.extend(out);
            group
        })
        .collect();
    let mut left_out: Vec<_> = left_out.into_iter().collect();
    left_out.sort_by(|a, b| a.name.cmp(&b.name));
    (groups, left_out)
}

/// The columns of both, where those that both have are of one type; a column that one lacks may be null.
fn merge(a: &Fields, b: &Fields) -> Option<Fields> {
    let named = |fields: &'_ Fields| -> HashMap<String, usize> {
        fields.iter().enumerate().rev().map(|(at, field)| (field.name().clone(), at)).collect()
    };
    let (in_a, in_b) = (named(a), named(b));
    let mut merged = Vec::with_capacity(a.len());
    for left in a {
        let Some(right) = in_b.get(left.name()).and_then(|at| b.get(*at)) else {
            merged.push(nullable(left));
            continue;
        };
        let data_type = match (left.data_type(), right.data_type()) {
            (DataType::Struct(l), DataType::Struct(r)) => DataType::Struct(merge(l, r)?),
            (l, r) if l == r => l.clone(),
            _ => return None,
        };
        let may_be_null = left.is_nullable() || right.is_nullable();
        merged.push(Arc::new(ArrowField::new(left.name(), data_type, may_be_null)));
    }
    for right in b {
        if !in_a.contains_key(right.name()) {
            merged.push(nullable(right));
        }
    }
    Some(merged.into())
}

fn nullable(field: &FieldRef) -> FieldRef {
    if field.is_nullable() { Arc::clone(field) } else { Arc::new(field.as_ref().clone().with_nullable(true)) }
}

/// Two columns of which one is a struct where the other holds a value: the names of both groups' files and the path.
pub(crate) fn struct_conflict(groups: &[Group]) -> Option<(usize, usize, String)> {
    let parquet = || groups.iter().enumerate().filter(|(_, g)| g.format == Format::Parquet);
    let all = |g: &'_ Group| g.fields.values().flatten().cloned().collect::<Vec<_>>();
    let mut values: HashMap<Vec<String>, usize> = HashMap::new();
    for (at, group) in parquet() {
        for leaf in all(group).into_iter().filter(|l| l.data_type != DataType::Null) {
            values.entry(leaf.path).or_insert(at);
        }
    }
    parquet().find_map(|(at, group)| {
        all(group).iter().find_map(|leaf| {
            (1..leaf.path.len()).find_map(|end| {
                let above = leaf.path.get(..end)?;
                values.get(above).map(|other| (*other, at, above.join(".")))
            })
        })
    })
}
