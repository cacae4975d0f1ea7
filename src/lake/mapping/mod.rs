//! Fields of another schema under the names of ECS: a view over what is stored.
//!
//! | file | what |
//! |---|---|
//! | `read` | the TOML that says it |
//! | `shipped` | mappings that come with the program |
//! | `made` | how a value is made of what is stored |
//! | `inverse` | comparisons with made values as comparisons with stored ones, which prune |

mod inverse;
mod made;
mod read;
mod shipped;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;

pub use self::inverse::Inverse;
pub(crate) use self::made::Made;
use super::ecs;
use super::field::{Field, Kind};
use super::functions::Values;
use super::group::Group;
use super::partition::TIMESTAMP;
use super::schema::{Leaf, instant, is_text};
use super::store::Format;

/// The document that a JSON file holds for an event.
const DOCUMENT: &str = "_source";

/// Which field of ECS is made of what in another schema.
///
/// ```
/// use egret::lake::Mapping;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mapping = Mapping::parse("own.toml", r#"
/// [fields]
/// "@timestamp" = "ts"
/// "destination.ip" = ["remote.address", "peer"]
/// "event.type" = { from = "op", map = { open = "start", close = "end" } }
/// "event.kind" = { value = "event" }
/// "#)?;
/// assert_eq!(mapping.names().collect::<Vec<_>>(), ["@timestamp", "destination.ip", "event.kind", "event.type"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapping {
    /// What a field is made of: the first that is not null.
    targets: BTreeMap<String, Vec<Origin>>,
}

/// One way to make a field.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    value: What,
    /// Only for events where each of these fields has one of these values.
    when: Vec<(String, Vec<String>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// A stored field; whole numbers count this unit since 1970.
    Field(String, Option<TimeUnit>),
    /// Other values for those of a stored field.
    Mapped(String, Arc<Values>),
    /// The same for every event: one value, or a list.
    Constant(Vec<ScalarValue>, bool),
    /// The values of several stored fields.
    All(Vec<String>),
    /// A stored object as a text.
    Text(String),
}

impl Mapping {
    /// The fields that it makes, sorted by name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.targets.keys().map(String::as_str)
    }

    /// The mapping with `field` of it as the time of an event.
    #[must_use]
    pub(crate) fn with_time(mut self, field: &str) -> Self {
        let value = What::Field(field.to_owned(), None);
        self.targets.insert(TIMESTAMP.to_owned(), vec![Origin { value, when: Vec::new() }]);
        self
    }

    /// Whether a stored field is the time of an event.
    pub(crate) fn is_time(&self, stored: &str) -> bool {
        let plain = |origin: &Origin| matches!(&origin.value, What::Field(from, _) if from == stored);
        self.targets.get(TIMESTAMP).is_some_and(|origins| matches!(origins.as_slice(), [one] if plain(one)))
    }

    /// The mapping with the fields of another, which win.
    #[must_use]
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.targets.extend(other.targets);
        self
    }

    /// Adds the fields to those of a group.
    pub(crate) fn apply(&self, group: &mut Group) {
        let stored = Stored { fields: &group.fields, format: group.format };
        let made: Vec<(String, Vec<Leaf>)> = self
            .targets
            .iter()
            .map(|(name, origins)| (name.clone(), origins.iter().flat_map(|o| o.leaves(name, &stored)).collect()))
            .filter(|(_, leaves): &(String, Vec<Leaf>)| !leaves.is_empty())
            .collect();
        group.fields.extend(made);
    }

    /// Has the documents of a JSON group read the fields that instants are made of as instants.
    pub(crate) fn retype(&self, group: &mut Group) {
        for (name, path) in self.instants() {
            for leaf in group.fields.get_mut(path).into_iter().flatten() {
                leaf.data_type = Kind::Date.data_type();
                leaf.list = leaf.list && name != TIMESTAMP;
            }
        }
    }

    /// The instants that are stored as a reader reads them: their names and where they are stored.
    fn instants(&self) -> impl Iterator<Item = (&str, &str)> {
        let dates = self.targets.iter().filter(|(name, _)| ecs::kind(name) == Some(Kind::Date));
        dates.flat_map(|(name, origins)| {
            origins.iter().filter_map(move |origin| match &origin.value {
                What::Field(path, None | Some(TimeUnit::Millisecond)) => Some((name.as_str(), path.as_str())),
                _ => None,
            })
        })
    }

    /// The fields that a reader of documents reads for those that are asked for, and whether it reads the document too.
    /// `listed` are the fields that are known to be stored, all of them where `complete`.
    pub(crate) fn stored<'f>(
        &self,
        asked: &[Field],
        listed: impl Fn(&str) -> Option<&'f Field>,
        complete: bool,
    ) -> (Vec<Field>, bool) {
        let mut fields: BTreeMap<String, Field> = BTreeMap::new();
        let mut document = false;
        for field in asked {
            let Some(origins) = self.targets.get(&field.name) else {
                fields.insert(field.name.clone(), field.clone());
                continue;
            };
            document |= origins.iter().any(|origin| matches!(origin.value, What::Text(_)));
            for path in origins.iter().flat_map(Origin::paths).filter(|path| !complete || listed(path).is_some()) {
                let known = || listed(path).filter(|_| !self.targets.contains_key(path)).cloned();
                let read = || known().unwrap_or_else(|| self.unlisted(path));
                fields.entry(path.to_owned()).or_insert_with(read);
            }
        }
        (fields.into_values().collect(), document)
    }

    /// A stored field that nobody has seen yet.
    fn unlisted(&self, path: &str) -> Field {
        let instant = self.instants().find(|(_, from)| *from == path).map(|(name, _)| name);
        let plain = |(name, origins): (&String, &Vec<Origin>)| {
            let is_plain = |origin: &Origin| matches!(&origin.value, What::Field(from, None) if from == path);
            origins.iter().any(is_plain).then(|| ecs::kind(name)).flatten()
        };
        let kind = match instant {
            Some(_) => Kind::Date,
            None => self.targets.iter().find_map(plain).unwrap_or(Kind::Keyword),
        };
        Field { name: path.to_owned(), kind, data_type: kind.data_type(), multi: instant != Some(TIMESTAMP) }
    }

    /// The fields that are made of stored ones which only a look through all documents has found.
    pub(crate) fn found(&self, is_stored: impl Fn(&str) -> bool) -> Vec<Field> {
        let made = |(name, origins): (&String, &Vec<Origin>)| {
            let some = origins.iter().flat_map(Origin::paths).any(&is_stored);
            let kind = ecs::kind(name).unwrap_or(Kind::Keyword);
            let multi = name != TIMESTAMP;
            some.then(|| Field { name: name.clone(), kind, data_type: kind.data_type(), multi })
        };
        self.targets.iter().filter_map(made).collect()
    }
}

/// What a group of files stores.
struct Stored<'a> {
    fields: &'a BTreeMap<String, Vec<Leaf>>,
    format: Format,
}

impl Stored<'_> {
    fn leaves(&self, path: &str) -> &[Leaf] {
        self.fields.get(path).map_or(&[], Vec::as_slice)
    }
}

impl Origin {
    /// The stored fields that it reads.
    fn paths(&self) -> impl Iterator<Item = &str> {
        let value: &[String] = match &self.value {
            What::Field(path, _) | What::Mapped(path, _) => std::slice::from_ref(path),
            What::All(paths) => paths,
            What::Constant(..) | What::Text(_) => &[],
        };
        value.iter().map(String::as_str).chain(self.when.iter().map(|(path, _)| path.as_str()))
    }

    /// Where a group has the values of the field that this makes; nowhere where it stores nothing that it is made of.
    fn leaves(&self, name: &str, stored: &Stored<'_>) -> Vec<Leaf> {
        let mut leaves = self.value.leaves(name, stored);
        if self.when.is_empty() {
            return leaves;
        }
        let mut conditions = Vec::new();
        for (path, values) in &self.when {
            let Some(leaf) = stored.leaves(path).first() else { return Vec::new() };
            conditions.push((leaf.clone(), values.clone()));
        }
        for leaf in &mut leaves {
            let value = Box::new(leaf.clone());
            leaf.made = Some(Made::When { conditions: conditions.clone(), value });
        }
        leaves
    }
}

impl What {
    fn leaves(&self, name: &str, stored: &Stored<'_>) -> Vec<Leaf> {
        let named = |leaf: &Leaf| Leaf { name: name.to_owned(), ..leaf.clone() };
        match self {
            Self::Field(path, unit) => {
                let timed = |leaf: &Leaf| match unit {
                    Some(unit) if leaf.data_type.is_integer() => {
                        Leaf { data_type: instant(*unit), made: Some(Made::Epoch(*unit)), ..named(leaf) }
                    }
                    _ => named(leaf),
                };
                stored.leaves(path).iter().map(timed).collect()
            }
            Self::Mapped(path, values) => {
                let made = |leaf: &Leaf| Leaf {
                    data_type: DataType::Utf8View,
                    clean: false,
                    made: Some(Made::Mapped(Box::new(leaf.clone()), Arc::clone(values))),
                    ..named(leaf)
                };
                let leaves = stored.leaves(path);
                match (&values.missing, leaves) {
                    // No event has a value.
                    (Some(missing), []) => constant(name, &[ScalarValue::Utf8View(Some(missing.clone()))], false),
                    _ => leaves.iter().map(made).collect(),
                }
            }
            Self::Constant(values, list) => constant(name, values, *list),
            Self::All(paths) => {
                let leaves: Vec<Leaf> = paths.iter().filter_map(|p| stored.leaves(p).first()).cloned().collect();
                if leaves.is_empty() {
                    return Vec::new();
                }
                vec![Leaf { list: true, ..bare(name, DataType::Utf8View, Made::All(leaves)) }]
            }
            Self::Text(path) => {
                let names: Vec<String> = path.split('.').map(str::to_owned).collect();
                let (from, names) = match stored.format {
                    Format::Json => (vec![DOCUMENT.to_owned()], names),
                    // A column that holds the object as text.
                    Format::Parquet => match stored.leaves(path).iter().find(|l| !l.multi() && is_text(&l.data_type)) {
                        Some(leaf) => (leaf.path.clone(), Vec::new()),
                        None => return Vec::new(),
                    },
                };
                vec![Leaf { path: from, ..bare(name, DataType::Utf8View, Made::Text(names)) }]
            }
        }
    }
}

fn constant(name: &str, values: &[ScalarValue], list: bool) -> Vec<Leaf> {
    let data_type = values.first().map_or(DataType::Utf8View, ScalarValue::data_type);
    vec![Leaf { list, clean: list, ..bare(name, data_type, Made::Constant(values.to_vec())) }]
}

/// A leaf whose values no single column stores.
fn bare(name: &str, data_type: DataType, made: Made) -> Leaf {
    Leaf {
        name: name.to_owned(),
        path: Vec::new(),
        data_type,
        lists_above: 0,
        list: false,
        clean: false,
        made: Some(made),
    }
}
