//! The part of time that a query looks at: a predicate on the columns as they are stored, so that it prunes.
//!
//! Both ends belong to the window. An event without a value in the window's field is judged by the fallback field.

use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, cast, lit, try_cast};
use datafusion::parquet::file::metadata::ParquetMetaData;

use super::delta::Active;
use super::functions::parse_instant;
use super::group::Group;
use super::mapping::Made;
use super::parquet::{Bounds, instants};
use super::schema::{Leaf, unit};
use super::view::{Bind, value};
use crate::error::Result;

/// The events from one instant to another, both inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The field that says when an event was.
    pub field: String,
    /// The field that says it where the first is null.
    pub fallback: Option<String>,
    /// The first instant.
    pub from: DateTime<Utc>,
    /// The last instant.
    pub to: DateTime<Utc>,
    /// When an event must have been known to be seen.
    pub known: Option<Known>,
}

/// When an event became known; one that does not say was known always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The field that says it.
    pub field: String,
    /// Events that became known later are not seen; `None` where a column made of the time judges that.
    pub until: Option<DateTime<Utc>>,
}

impl Window {
    /// Whether it looks at a field.
    pub(crate) fn reads(&self, field: &str) -> bool {
        let known = self.known.as_ref().map(|known| known.field.as_str());
        self.field == field || self.fallback.as_deref() == Some(field) || known == Some(field)
    }

    /// The predicate on a group's raw columns.
    pub(crate) fn predicate(&self, group: &Group, bind: &Bind<'_>) -> Result<Expr> {
        let inside = self.within(group, bind)?.unwrap_or_else(|| lit(false));
        let known = self.known.as_ref().and_then(|known| Some(Self::known_at(&known.field, known.until?)));
        Ok(match known {
            // An event that does not say when it became known is null in all places.
            Some(known) => match known.within(group, bind)? {
                Some(early) => inside.and(early.or(known.nowhere(group, bind)?)),
                None => inside,
            },
            None => inside,
        })
    }

    /// The window of what was known at an instant.
    fn known_at(field: &str, until: DateTime<Utc>) -> Self {
        let from = DateTime::from_timestamp_nanos(i64::MIN);
        Self { field: field.to_owned(), fallback: None, from, to: until, known: None }
    }

    /// Whether no place holds an instant.
    fn nowhere(&self, group: &Group, bind: &Bind<'_>) -> Result<Expr> {
        let places = self.places(group, bind).into_iter();
        let nulls = places.map(|leaf| Ok(self.place(leaf, bind)?.null)).collect::<Result<Vec<_>>>()?;
        Ok(nulls.into_iter().reduce(Expr::and).unwrap_or_else(|| lit(true)))
    }

    /// The instant at which an event became known, null where it does not say, if the window asks for it.
    pub(crate) fn known_instant(&self, group: &Group, bind: &Bind<'_>) -> Result<Option<Expr>> {
        let Some(known) = &self.known else { return Ok(None) };
        let field = Self { field: known.field.clone(), fallback: None, known: None, ..self.clone() };
        let mut instants = field.instants(group, bind)?;
        Ok(if instants.len() > 1 { Some(coalesce(instants)) } else { instants.pop() })
    }

    /// Whether an event lies between both ends; `None` where nothing says when events were.
    fn within(&self, group: &Group, bind: &Bind<'_>) -> Result<Option<Expr>> {
        let mut chain = None;
        // From the last place to look at to the first: each counts only where those before it are null.
        for leaf in self.places(group, bind).into_iter().rev() {
            let place = self.place(leaf, bind)?;
            chain = Some(match chain {
                None => place.inside,
                Some(rest) => place.inside.or(place.null.and(rest)),
            });
        }
        Ok(chain)
    }

    /// The instants by which [`predicate`](Self::predicate) judges an event, in the order in which they count: the first
    /// that is not null. Each has the unit of what is stored.
    pub(crate) fn instants(&self, group: &Group, bind: &Bind<'_>) -> Result<Vec<Expr>> {
        let instants: Result<Vec<_>> =
            self.places(group, bind).into_iter().map(|leaf| instant_of(leaf, bind)).collect();
        let instants = instants?;
        Ok(if instants.is_empty() { vec![lit(ScalarValue::TimestampSecond(None, None))] } else { instants })
    }

    /// Which row groups of a file may hold events of the window.
    pub(crate) fn row_groups(&self, group: &Group, metadata: &ParquetMetaData, bind: &Bind<'_>) -> Vec<bool> {
        let places = self.places(group, bind);
        let bounds: Vec<_> = places.iter().map(|leaf| self.bounds(leaf, metadata)).collect();
        (0..metadata.num_row_groups()).map(|at| may_hold(&bounds, at)).collect()
    }

    /// Whether a file of a Delta table may hold events of the window, as far as the log tells.
    pub(crate) fn in_log(&self, group: &Group, active: &Active, bind: &Bind) -> bool {
        let places = self.places(group, bind).into_iter();
        let bounds = places.map(|leaf| match (self.range_of(leaf), active.bounds(&group.schema, &leaf.path)) {
            (Some(range), Some(bounds)) => Place::Known { range, groups: vec![bounds] },
            _ => Place::Unknown,
        });
        may_hold(&bounds.collect::<Vec<_>>(), 0)
    }

    /// Where a group stores the instants of an event, in the order in which they count.
    fn places<'g>(&self, group: &'g Group, bind: &Bind<'_>) -> Vec<&'g Leaf> {
        std::iter::once(&self.field)
            .chain(&self.fallback)
            .filter(|name| bind.is_date(name))
            .flat_map(|name| group.leaves(name))
            .filter(|leaf| leaf.data_type != DataType::Null)
            .collect()
    }

    fn place(&self, leaf: &Leaf, bind: &Bind<'_>) -> Result<Terms> {
        let raw = leaf.expr();
        if leaf.multi() {
            // The first value counts, in its field's own unit.
            let field = bind.date_field(&leaf.name);
            let list = value(leaf, &field, bind, true)?;
            let first = datafusion::functions_nested::expr_fn::array_element(list, lit(1_i64));
            let unit = unit(&field.data_type);
            let (from, to) = self.range(unit);
            let inside = first.clone().between(timestamp(unit, from), timestamp(unit, to));
            return Ok(Terms { inside, null: first.is_null() });
        }
        let null = raw.clone().is_null();
        let terms = match &leaf.data_type {
            DataType::Timestamp(unit, _) => {
                let (from, to) = self.range(*unit);
                Terms { inside: between(&raw, timestamp(*unit, from), timestamp(*unit, to)), null }
            }
            DataType::Date32 => {
                let (from, to) = self.days();
                let day = |n: i64| lit(ScalarValue::Date32(Some(clamp32(n))));
                Terms { inside: between(&raw, day(from), day(to)), null }
            }
            DataType::Date64 => {
                let (from, to) = self.range(TimeUnit::Millisecond);
                let at = |n| lit(ScalarValue::Date64(Some(n)));
                Terms { inside: between(&raw, at(from), at(to)), null }
            }
            DataType::Int64 => {
                let (from, to) = self.range(TimeUnit::Millisecond);
                Terms { inside: between(&raw, lit(from), lit(to)), null }
            }
            whole if whole.is_integer() => {
                let (from, to) = self.range(TimeUnit::Millisecond);
                let raw = try_cast(raw, DataType::Int64);
                Terms { inside: between(&raw, lit(from), lit(to)), null: raw.is_null() }
            }
            text if super::schema::is_text(text) => {
                let (from, to) = self.range(TimeUnit::Microsecond);
                let counter = bind.unparsed(&leaf.name);
                let parsed = parse_instant(raw.clone(), &leaf.name, counter);
                let quiet = parse_instant(raw, &leaf.name, None);
                let at = |n| timestamp(TimeUnit::Microsecond, n);
                Terms { inside: between(&parsed, at(from), at(to)), null: quiet.is_null() }
            }
            _ => {
                // Fractions of a millisecond are cut off, as the field's column does.
                let field = bind.date_field(&leaf.name);
                let converted = value(leaf, &field, bind, true)?;
                let unit = unit(&field.data_type);
                let (from, to) = self.range(unit);
                let inside = between(&converted, timestamp(unit, from), timestamp(unit, to));
                Terms { inside, null: converted.is_null() }
            }
        };
        Ok(terms)
    }

    /// The window in the unit of a leaf whose values can be compared as they are stored.
    fn range_of(&self, leaf: &Leaf) -> Option<(i64, i64)> {
        Some(match &leaf.data_type {
            _ if leaf.multi() || !matches!(leaf.made, None | Some(Made::Epoch(_))) => return None,
            DataType::Timestamp(unit, _) => self.range(*unit),
            DataType::Int64 | DataType::Date64 => self.range(TimeUnit::Millisecond),
            DataType::Date32 => self.days(),
            _ => return None,
        })
    }

    fn bounds(&self, leaf: &Leaf, metadata: &ParquetMetaData) -> Place {
        let Some(range) = self.range_of(leaf) else { return Place::Unknown };
        let columns = metadata.file_metadata().schema_descr().columns();
        let column = columns.iter().find(|c| c.path().parts() == leaf.path);
        // What the footer counts in must be what the reader hands on: not so in the twelve-byte instants of old files.
        let plain = column.is_none_or(|c| {
            matches!(
                c.physical_type(),
                datafusion::parquet::basic::Type::INT64 | datafusion::parquet::basic::Type::INT32
            )
        });
        if !plain {
            return Place::Unknown;
        }
        match instants(metadata, &leaf.path) {
            Some(groups) => Place::Known { range, groups },
            None => Place::Missing,
        }
    }

    /// The window in whole units: its first instant rounded up, its last rounded down.
    fn range(&self, unit: TimeUnit) -> (i64, i64) {
        self.whole(match unit {
            TimeUnit::Second => 1_000_000_000,
            TimeUnit::Millisecond => 1_000_000,
            TimeUnit::Microsecond => 1_000,
            TimeUnit::Nanosecond => 1,
        })
    }

    fn days(&self) -> (i64, i64) {
        self.whole(86_400_000_000_000)
    }

    fn whole(&self, nanos_each: i128) -> (i64, i64) {
        let nanos =
            |at: DateTime<Utc>| i128::from(at.timestamp()) * 1_000_000_000 + i128::from(at.timestamp_subsec_nanos());
        let from = -(-nanos(self.from)).div_euclid(nanos_each);
        let to = nanos(self.to).div_euclid(nanos_each);
        (clamp(from), clamp(to))
    }
}

/// The instant that a leaf stores, null where the window takes it for none.
fn instant_of(leaf: &Leaf, bind: &Bind<'_>) -> Result<Expr> {
    let zoned = |unit| DataType::Timestamp(unit, Some("UTC".into()));
    let raw = leaf.expr();
    if leaf.multi() {
        let list = value(leaf, &bind.date_field(&leaf.name), bind, true)?;
        return Ok(datafusion::functions_nested::expr_fn::array_element(list, lit(1_i64)));
    }
    Ok(match &leaf.data_type {
        DataType::Timestamp(..) => raw,
        DataType::Date32 => cast(raw, zoned(TimeUnit::Second)),
        DataType::Date64 | DataType::Int64 => cast(raw, zoned(TimeUnit::Millisecond)),
        whole if whole.is_integer() => cast(try_cast(raw, DataType::Int64), zoned(TimeUnit::Millisecond)),
        text if super::schema::is_text(text) => parse_instant(raw, &leaf.name, None),
        _ => value(leaf, &bind.date_field(&leaf.name), bind, true)?,
    })
}

/// A place's part of the predicate: whether its instant is in the window, and whether it has none.
struct Terms {
    inside: Expr,
    null: Expr,
}

/// What a footer says of a place.
enum Place {
    Unknown,
    Missing,
    Known { range: (i64, i64), groups: Vec<Bounds> },
}

/// Whether a part of a file may hold events of a window, by what is known of the places that say when they were.
fn may_hold(places: &[Place], part: usize) -> bool {
    for place in places {
        let (inside, null) = match place {
            Place::Unknown => (true, true),
            Place::Missing => (false, true),
            Place::Known { range, groups } => groups.get(part).map_or((true, true), |b| {
                let inside = match b.range {
                    Some((low, high)) => low <= range.1 && high >= range.0,
                    None => !b.all_null,
                };
                (inside, b.nulls)
            }),
        };
        if inside {
            return true;
        }
        if !null {
            return false;
        }
    }
    false
}

fn between(value: &Expr, from: Expr, to: Expr) -> Expr {
    value.clone().gt_eq(from).and(value.clone().lt_eq(to))
}

fn timestamp(unit: TimeUnit, value: i64) -> Expr {
    let zone = Some("UTC".into());
    lit(match unit {
        TimeUnit::Second => ScalarValue::TimestampSecond(Some(value), zone),
        TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(Some(value), zone),
        TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(Some(value), zone),
        TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(Some(value), zone),
    })
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

fn clamp32(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_round_inwards() {
        let at = |s, n| DateTime::from_timestamp(s, n).unwrap_or_default();
        let window = Window { field: "t".into(), fallback: None, from: at(-1, 999_999_999), to: at(1, 1), known: None };
        assert_eq!(window.range(TimeUnit::Nanosecond), (-1, 1_000_000_001));
        assert_eq!(window.range(TimeUnit::Microsecond), (0, 1_000_000));
        assert_eq!(window.range(TimeUnit::Second), (0, 1));
        assert_eq!(window.days(), (0, 0));
        let exact = Window { from: at(5, 0), to: at(5, 0), ..window };
        assert_eq!(exact.range(TimeUnit::Millisecond), (5_000, 5_000));
    }
}
