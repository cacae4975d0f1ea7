//! A table as a plan: the union of one raw scan for each group of files, each brought to the same flat columns.
//!
//! A column that a group stores as its field promises it is only renamed, and a leaf of structs is a chain of
//! `get_field`, so that the optimizer hands predicates and projections on to the files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field as ArrowField, FieldRef, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::FunctionRegistry;
use datafusion::functions::core::expr_fn::{coalesce, get_field};
use datafusion::functions::string::expr_fn::concat;
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, Projection, ScalarUDF, Union, cast, lit, try_cast,
};

use super::delta::Active;
use super::field::{Field, Kind};
use super::functions::{Unparsed, list_leaf, parse_instant, row_json};
use super::group::{Group, GroupFile};
use super::json;
use super::packed::{DOCUMENT, PACKED, Pack, PackedScan};
use super::parquet::{FILE_COLUMN, ParquetScan, ROW_COLUMN, Scanned, Told};
use super::partition;
use super::schema::{Leaf, Stored, instant, is_text, unify};
use super::store::Format;
use super::table::Table;
use super::window::Window;
use crate::error::{Error, Kind as ErrorKind, Result};

/// What a query asks of tables beyond their fields.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Fields that the tables do not list; null where no file holds them.
    pub wanted: Vec<Field>,
    /// Fields in a form that the tables need not give them: kind, type, whether a list.
    pub fixed: Vec<Field>,
    /// The metadata columns: `_id`, `_index`, `_version`, `_source`, `_ignored`.
    pub metadata: Vec<String>,
    /// The names that the query mentions: fields that are not among them make no column, so that a plan does not grow
    /// with the number of fields. `None` where it reads all.
    pub only: Option<BTreeSet<String>>,
    /// The fields that come as the members of one column, [`PACKED`], in this order.
    pub packed: Vec<String>,
    /// Whether every field is asked for, so that JSON files are searched for fields first.
    pub all_fields: bool,
    /// The part of time.
    pub window: Option<Window>,
    /// One more column, computed from the instant that the window judges an event by.
    pub on_time: Option<OnTime>,
}

/// A column that a function makes of the time of an event.
#[derive(Debug, Clone)]
pub struct OnTime {
    /// The name of the column.
    pub column: String,
    /// Takes the instants that a group of files stores for the window's fields, in the order in which they count (the
    /// first that is not null says when the event was); before them, where the window says when an event must have been
    /// known, the instant of that.
    pub function: Arc<ScalarUDF>,
}

/// The fields that tables offer together, sorted by name, and the names of those whose kinds differ so much that they
/// are offered as text.
pub fn union_fields(tables: &[&Table]) -> (Vec<Field>, Vec<String>) {
    let mut by_name: BTreeMap<&str, Vec<&Field>> = BTreeMap::new();
    for field in tables.iter().flat_map(|t| t.fields()) {
        by_name.entry(&field.name).or_default().push(field);
    }
    let mut differing = Vec::new();
    let fields = by_name
        .into_iter()
        .map(|(name, fields)| {
            let multi = fields.iter().any(|f| f.multi);
            let first = fields.first().copied();
            if let Some(first) =
                first.filter(|first| fields.iter().all(|f| f.kind == first.kind && f.data_type == first.data_type))
            {
                return Field { multi, ..first.clone() };
            }
            let stored: Vec<_> = fields.iter().map(|f| Stored { data_type: &f.data_type, multi: f.multi }).collect();
            if let Ok(Some(field)) = unify(name, &stored) {
                return field;
            }
            differing.push(name.to_owned());
            Field { name: name.to_owned(), kind: Kind::Keyword, data_type: Kind::Keyword.data_type(), multi }
        })
        .collect();
    (fields, differing)
}

impl Table {
    /// The table as a plan whose columns are its fields and those that are asked for, sorted by name, then metadata.
    ///
    /// # Errors
    /// A session without the functions of `egret-udfs`; a plan that DataFusion refuses.
    pub async fn plan(&self, ask: &Ask, functions: &(dyn FunctionRegistry + Send + Sync)) -> Result<LogicalPlan> {
        plan(&[self], ask, functions).await
    }
}

/// Several tables as one plan; a column that one lacks is null there.
///
/// # Errors
/// As for [`Table::plan`].
pub async fn plan(
    tables: &[&Table],
    ask: &Ask,
    functions: &(dyn FunctionRegistry + Send + Sync),
) -> Result<LogicalPlan> {
    if ask.all_fields {
        for table in tables {
            table.discover().await?;
        }
    }
    let mut columns: BTreeMap<String, Field> = ask.wanted.iter().map(|f| (f.name.clone(), f.clone())).collect();
    for field in union_fields(tables).0.iter().chain(&ask.fixed) {
        columns.insert(field.name.clone(), field.clone());
    }
    let in_window = |name: &str| ask.window.as_ref().is_some_and(|w| w.reads(name));
    let asked = |name: &str| {
        ask.only.as_ref().is_none_or(|only| only.contains(name)) || ask.wanted.iter().any(|w| w.name == name)
    };
    let shown: Vec<Field> = columns.values().filter(|f| asked(&f.name)).cloned().collect();
    let packed: BTreeSet<&str> = ask.packed.iter().map(String::as_str).collect();
    // `_ignored` tells of every field, also of those that the query does not name.
    let whole = ask.metadata.iter().any(|name| name == "_ignored");
    let is_read = |name: &str| whole || asked(name) || in_window(name) || packed.contains(name);
    let read: Vec<Field> = columns.values().filter(|f| is_read(&f.name)).cloned().collect();
    let mut branches = Vec::new();
    for table in tables {
        let bind = Bind::new(functions, table, &columns, &shown, ask.window.as_ref());
        for group in &table.groups {
            branches.push(Arc::new(match group.format {
                Format::Parquet => {
                    let scan = parquet_scan(&bind, group, ask.metadata.iter().any(|m| m == "_id"));
                    branch(&bind, group, Arc::new(scan), ask)?
                }
                Format::Json => {
                    let (read, document) =
                        table.mapping.stored(&read, |name| table.field(name), table.lists_every_field());
                    let mut metadata = ask.metadata.clone();
                    if document && !metadata.iter().any(|name| name == "_source") {
                        metadata.push("_source".to_owned());
                    }
                    let scan = json::scan(table, group, &read, &metadata, |file| bind.may_hold(file));
                    let mut asked = json::asked(group, &read);
                    table.mapping.apply(&mut asked);
                    branch(&bind, &asked, Arc::new(scan), ask)?
                }
            }));
        }
    }
    if branches.len() > 1 {
        return Ok(LogicalPlan::Union(Union::try_new(branches).map_err(refused)?));
    }
    match branches.pop() {
        Some(only) => Ok(Arc::unwrap_or_clone(only)),
        None => Err(Error::new(ErrorKind::Input, "a query over no table").with_help("name a table that exists")),
    }
}

/// What the expressions of one group's branch refer to.
pub(crate) struct Bind<'a> {
    functions: &'a (dyn FunctionRegistry + Send + Sync),
    table: &'a Table,
    /// Every field, and those that make columns.
    all: &'a BTreeMap<String, Field>,
    shown: &'a [Field],
    window: Option<&'a Window>,
}

impl<'a> Bind<'a> {
    /// What expressions over the fields of a table in a window refer to.
    pub(crate) const fn new(
        functions: &'a (dyn FunctionRegistry + Send + Sync),
        table: &'a Table,
        all: &'a BTreeMap<String, Field>,
        shown: &'a [Field],
        window: Option<&'a Window>,
    ) -> Self {
        Self { functions, table, all, shown, window }
    }
}

impl Bind<'_> {
    /// A call of a function that the session has.
    fn call(&self, name: &str, argument: Expr) -> Result<Expr> {
        let function = self.functions.udf(name).map_err(|e| {
            Error::new(ErrorKind::Engine, format!("the session lacks the function '{name}'"))
                .with_help("register the functions of egret-udfs")
                .with_source(e)
        })?;
        Ok(function.call(vec![argument]))
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.all.get(name)
    }

    /// Whether a field holds instants.
    pub(crate) fn is_date(&self, name: &str) -> bool {
        self.field(name).is_some_and(|f| f.kind == Kind::Date)
    }

    /// A field that holds instants, as its column does.
    pub(crate) fn date_field(&self, name: &str) -> Field {
        self.field(name).cloned().unwrap_or_else(|| Field {
            name: name.to_owned(),
            kind: Kind::Date,
            data_type: Kind::Date.data_type(),
            multi: false,
        })
    }

    /// The counter of a field's texts that are no instant.
    pub(crate) fn unparsed(&self, name: &str) -> Option<Arc<Unparsed>> {
        self.table.unparsed.get(name).cloned()
    }

    /// Whether a file may hold events of the window, as far as its path tells.
    pub(crate) fn may_hold(&self, file: &GroupFile) -> bool {
        partition::may_hold(file.found.dated, self.table.folders.as_ref(), self.window, self.table.lateness)
    }

    fn in_window(&self, name: &str) -> bool {
        self.window.is_some_and(|w| w.reads(name))
    }
}

impl Leaf {
    /// The value, as it is stored or made of that.
    pub(crate) fn expr(&self) -> Expr {
        match &self.made {
            Some(made) => made.expr(self, self.stored()),
            None => self.stored(),
        }
    }

    fn stored(&self) -> Expr {
        let mut names = self.path.iter();
        let column = |name: &String| Expr::Column(Column::new_unqualified(name));
        let root = names.next().map_or_else(|| lit(ScalarValue::Null), column);
        if self.lists_above > 0 {
            return list_leaf(root, self.path.get(1..).unwrap_or_default());
        }
        names.fold(root, |parent, name| get_field(parent, name.as_str()))
    }
}

/// One group: scan, window, columns.
fn branch(bind: &Bind<'_>, group: &Group, scan: Arc<dyn TableProvider>, ask: &Ask) -> Result<LogicalPlan> {
    let own = |name: &str| group.leaves(name).first();
    let packs = packs(bind, group, ask)?;
    let scan = if packs.is_empty() { scan } else { Arc::new(PackedScan::new(scan, packs)) };
    let source = provider_as_source(scan);
    let mut builder =
        LogicalPlanBuilder::scan(TableReference::bare(bind.table.name()), source, None).map_err(refused)?;
    if let Some(window) = bind.window {
        builder = builder.filter(window.predicate(group, bind)?).map_err(refused)?;
    }
    let mut columns = Vec::with_capacity(bind.shown.len() + ask.metadata.len());
    for field in bind.shown {
        columns.push(column(group, field, bind)?.alias(&field.name));
    }
    if !ask.packed.is_empty() {
        columns.push(Expr::Column(Column::new_unqualified(PACKED)));
    }
    for name in &ask.metadata {
        let known = match (group.format, name.as_str()) {
            (Format::Json, _) => Expr::Column(Column::new_unqualified(name)),
            (Format::Parquet, "_id") => derived_id(),
            (Format::Parquet, "_index") => lit(ScalarValue::Utf8View(Some(bind.table.name().to_owned()))),
            (Format::Parquet, "_version") => lit(1_i64),
            (Format::Parquet, "_source") => row_json(Expr::Column(Column::new_unqualified(DOCUMENT))),
            _ => lit(null(&DataType::new_list(DataType::Utf8View, true))),
        };
        let stored = own(name).filter(|leaf| !leaf.multi() && group.format == Format::Parquet);
        let list = own(name).filter(|leaf| leaf.list && leaf.lists_above == 0 && group.format == Format::Parquet);
        let value = match (stored.or(list), name.as_str()) {
            (Some(leaf), "_ignored") if leaf.list && is_text(&leaf.data_type) => {
                cast(leaf.expr(), DataType::new_list(DataType::Utf8View, true))
            }
            (Some(leaf), _) if leaf.list => known,
            (Some(leaf), "_id" | "_index" | "_source") if is_text(&leaf.data_type) => {
                coalesce(vec![cast(leaf.expr(), DataType::Utf8View), known])
            }
            (Some(leaf), "_version") if leaf.data_type.is_integer() => {
                coalesce(vec![cast(leaf.expr(), DataType::Int64), known])
            }
            _ => known,
        };
        columns.push(value.alias(name));
    }
    if let (Some(window), Some(on_time)) = (bind.window, &ask.on_time) {
        let known = window.known_instant(group, bind)?;
        let instants = known.into_iter().chain(window.instants(group, bind)?).collect();
        columns.push(on_time.function.call(instants).alias(&on_time.column));
    }
    // Not by the builder, which would look up each of thousands of columns in the whole plan.
    let table = TableReference::bare(bind.table.name());
    let columns = columns.into_iter().map(|column| of_table(column, &table)).collect::<Result<Vec<_>, _>>();
    let plan = builder.build().map_err(refused)?;
    let projection = columns.and_then(|columns| Projection::try_new(columns, Arc::new(plan)));
    projection.map(LogicalPlan::Projection).map_err(refused)
}

/// The expression with its columns told to be those of `table`.
fn of_table(expr: Expr, table: &TableReference) -> Result<Expr, DataFusionError> {
    let told = expr.transform(|inner| {
        Ok(match inner {
            Expr::Column(Column { relation: None, name, .. }) => {
                Transformed::yes(Expr::Column(Column::new(Some(table.clone()), name)))
            }
            other => Transformed::no(other),
        })
    });
    told.map(|told| told.data)
}

/// The scan of a group's Parquet files, without those that the window rules out.
fn parquet_scan(bind: &Bind<'_>, group: &Group, with_id: bool) -> ParquetScan {
    let mut path_columns: Vec<FieldRef> = group.path_columns.clone();
    if with_id {
        path_columns.push(Arc::new(ArrowField::new(FILE_COLUMN, DataType::Utf8View, true)));
    }
    // Files that the log of a Delta table rules out.
    let mut ruled_out = 0;
    let scanned = |file: &GroupFile| {
        if !bind.may_hold(file) {
            return None;
        }
        if let Some(active) = &file.found.delta {
            if bind.window.is_some_and(|window| !window.in_log(group, active, bind)) {
                ruled_out += 1;
                return None;
            }
            let mut path_values = file.path_values.clone();
            if with_id {
                path_values.push(ScalarValue::Utf8View(Some(Active::fingerprint(&file.found))));
            }
            let (meta, told) = (file.found.meta.clone(), Told::Log(file.found.clone()));
            return Some(Scanned { meta, told, path_values, row_groups: None });
        }
        let footer = file.footer.as_ref()?;
        let mut row_groups = None;
        if let (Some(window), Some(metadata)) = (bind.window, &footer.metadata) {
            let keep = window.row_groups(group, metadata, bind);
            if !keep.contains(&true) {
                return None;
            }
            row_groups = keep.contains(&false).then_some(keep);
        }
        let mut path_values = file.path_values.clone();
        if with_id {
            path_values.push(ScalarValue::Utf8View(Some(footer.fingerprint.clone())));
        }
        Some(Scanned {
            meta: file.found.meta.clone(),
            told: Told::Footer(Arc::clone(&footer.schema), footer.metadata.clone()),
            path_values,
            row_groups,
        })
    };
    let files = group.files.iter().filter_map(scanned).collect();
    let scan = ParquetScan::new(group.remote, files, Arc::clone(&group.schema), path_columns, with_id);
    scan.with_log(&bind.table.stores, ruled_out)
}

/// The id of a row that brings none: its file and its place there.
fn derived_id() -> Expr {
    let column = |name: &str| Expr::Column(Column::new_unqualified(name));
    let row = cast(column(ROW_COLUMN), DataType::Utf8View);
    concat(vec![column(FILE_COLUMN), lit(ScalarValue::Utf8View(Some("-".to_owned()))), row])
}

/// The columns of a scan that have fields as their members.
fn packs(bind: &Bind<'_>, group: &Group, ask: &Ask) -> Result<Vec<Pack>> {
    let member = |field: &Field| Ok((field.name.clone(), column_type(field), column(group, field, bind)?));
    let mut packs = Vec::new();
    if !ask.packed.is_empty() {
        let known = |name: &String| {
            let unknown = || Error::new(ErrorKind::Engine, format!("the table has no field {name} to carry along"));
            bind.field(name).ok_or_else(unknown).and_then(member)
        };
        packs.push(Pack::new(PACKED, ask.packed.iter().map(known).collect::<Result<_>>()?));
    }
    if group.format == Format::Parquet && ask.metadata.iter().any(|name| name == "_source") {
        let stored = bind.all.values().filter(|field| !group.leaves(&field.name).is_empty());
        packs.push(Pack::new(DOCUMENT, stored.map(member).collect::<Result<_>>()?));
    }
    Ok(packs)
}

/// The column of a field: what the group stores, brought to the field's type; null where it stores nothing.
fn column(group: &Group, field: &Field, bind: &Bind<'_>) -> Result<Expr> {
    let mut values = Vec::new();
    for leaf in group.leaves(&field.name) {
        values.push(value(leaf, field, bind, bind.in_window(&field.name))?);
    }
    Ok(match values.len() {
        0 => lit(null(&column_type(field))),
        1 => values.remove(0),
        _ => coalesce(values),
    })
}

/// The Arrow type of a field's column.
fn column_type(field: &Field) -> DataType {
    if field.multi { DataType::new_list(field.data_type.clone(), true) } else { field.data_type.clone() }
}

fn null(data_type: &DataType) -> ScalarValue {
    ScalarValue::try_from(data_type).unwrap_or(ScalarValue::Null)
}

/// A stored value brought to its field's type. `quiet` leaves texts that are no instant uncounted.
pub(crate) fn value(leaf: &Leaf, field: &Field, bind: &Bind<'_>, quiet: bool) -> Result<Expr> {
    let stored = &leaf.data_type;
    let target = &field.data_type;
    let many = leaf.multi();
    let typed = |t: &DataType| if many { DataType::new_list(t.clone(), true) } else { t.clone() };
    let mut x = leaf.expr();
    if *stored == DataType::Null {
        return Ok(lit(null(&column_type(field))));
    }
    match field.kind {
        Kind::Ip => {
            x = bind.call("to_ip", x)?;
        }
        Kind::Date => {
            x = match stored {
                DataType::Timestamp(..) => x,
                DataType::Date32 | DataType::Date64 => cast(x, typed(&instant(TimeUnit::Millisecond))),
                text if is_text(text) => {
                    let counter = if quiet { None } else { bind.unparsed(&field.name) };
                    parse_instant(x, &field.name, counter)
                }
                DataType::Int64 => cast(x, typed(&instant(TimeUnit::Millisecond))),
                _ => cast(try_cast(x, typed(&DataType::Int64)), typed(&instant(TimeUnit::Millisecond))),
            };
            let now = instant(super::schema::unit(stored));
            if now != *target {
                x = try_cast(x, typed(target));
            }
        }
        Kind::Long | Kind::UnsignedLong | Kind::Double | Kind::Boolean if stored != target => {
            let exact = !is_text(stored) && stored.is_integer() && *stored != DataType::UInt64;
            x = if exact { cast(x, typed(target)) } else { try_cast(x, typed(target)) };
        }
        _ if stored != target => x = try_cast(x, typed(target)),
        _ => {}
    }
    if many && leaf.clean && field.multi && field.kind != Kind::Ip {
        return Ok(x);
    }
    if many {
        // An unlisted item name or list width of the file is brought to the one that all groups share.
        x = bind.call("mv_clean", cast(x, typed(target)))?;
        if !field.multi {
            return bind.call("single_value", x);
        }
    } else if field.multi {
        x = bind.call("mv_clean", cast(x, column_type(field)))?;
    }
    Ok(x)
}

pub(crate) fn refused(error: DataFusionError) -> Error {
    Error::new(ErrorKind::Engine, format!("cannot plan the table: {}", error.strip_backtrace())).with_source(error)
}
