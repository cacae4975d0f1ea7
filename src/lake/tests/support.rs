//! Files, sessions and stand-ins for the functions of `egret-udfs`.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StringViewArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::lake::{Ask, Lake, LakeConfig, plan};

type Eval = fn(&ArrayRef) -> Result<ArrayRef>;
type Type = fn(&DataType) -> DataType;

#[derive(Debug)]
struct StandIn {
    name: &'static str,
    signature: Signature,
    data_type: Type,
    eval: Eval,
}

impl PartialEq for StandIn {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for StandIn {}

impl std::hash::Hash for StandIn {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for StandIn {
    fn name(&self) -> &'static str {
        self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok((self.data_type)(&types[0]))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Array((self.eval)(&args.args[0].to_array(args.number_rows)?)?))
    }
}

fn stand_in(ctx: &SessionContext, name: &'static str, data_type: Type, eval: Eval) {
    let signature = Signature::any(1, Volatility::Immutable);
    ctx.register_udf(ScalarUDF::from(StandIn { name, signature, data_type, eval }));
}

/// Null for an empty list; the rest of the real function's work is its own tests' matter.
fn clean(x: &ArrayRef) -> Result<ArrayRef> {
    let Some(list) = x.as_list_opt::<i32>() else { return Ok(Arc::clone(x)) };
    let kept = |at: usize| -> Vec<usize> {
        let offsets = list.value_offsets();
        (offsets[at] as usize..offsets[at + 1] as usize).filter(|i| list.values().is_valid(*i)).collect()
    };
    let rows: Vec<Vec<usize>> = (0..list.len()).map(|at| if list.is_valid(at) { kept(at) } else { vec![] }).collect();
    let picked: Vec<i32> = rows.iter().flatten().map(|i| *i as i32).collect();
    let values =
        datafusion::arrow::compute::take(list.values(), &datafusion::arrow::array::Int32Array::from(picked), None)?;
    let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let nulls: NullBuffer = rows.iter().map(|r| !r.is_empty()).collect();
    let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths(rows.iter().map(Vec::len));
    Ok(Arc::new(ListArray::try_new(item, offsets, values, Some(nulls))?))
}

fn ip(x: &ArrayRef) -> Result<ArrayRef> {
    if let Some(list) = x.as_list_opt::<i32>() {
        let values = ip(list.values())?;
        let item = Arc::new(Field::new_list_field(DataType::Utf8View, true));
        return Ok(Arc::new(ListArray::try_new(item, list.offsets().clone(), values, list.nulls().cloned())?));
    }
    let text: StringViewArray = match x.data_type() {
        DataType::UInt32 => x
            .as_primitive::<datafusion::arrow::datatypes::UInt32Type>()
            .iter()
            .map(|v| v.map(|v| std::net::Ipv4Addr::from(v).to_string()))
            .collect(),
        DataType::FixedSizeBinary(4) => x
            .as_fixed_size_binary()
            .iter()
            .map(|v| v.map(|v| std::net::Ipv4Addr::new(v[0], v[1], v[2], v[3]).to_string()))
            .collect(),
        _ => cast(x, &DataType::Utf8View)?
            .as_string_view()
            .iter()
            .map(|v| v.and_then(|v| v.parse::<std::net::IpAddr>().ok()).map(|v| v.to_canonical().to_string()))
            .collect(),
    };
    Ok(Arc::new(text))
}

pub(super) fn session(partitions: usize) -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(partitions).with_collect_statistics(true);
    config.options_mut().execution.parquet.pushdown_filters = true;
    config.options_mut().optimizer.repartition_file_min_size = 1;
    let ctx = SessionContext::new_with_config(config);
    stand_in(&ctx, "mv_clean", Clone::clone, clean);
    let text = |t: &DataType| {
        if t.is_list() { DataType::new_list(DataType::Utf8View, true) } else { DataType::Utf8View }
    };
    stand_in(&ctx, "to_ip", text, ip);
    stand_in(&ctx, "single_value", Clone::clone, |x| Ok(Arc::clone(x)));
    ctx
}

pub(super) fn write(path: &Path, batch: &RecordBatch) {
    write_groups(path, std::slice::from_ref(batch));
}

/// A file with one row group a batch.
pub(super) fn write_groups(path: &Path, batches: &[RecordBatch]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let properties = WriterProperties::builder().build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batches[0].schema(), Some(properties)).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
}

pub(super) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> = columns.iter().map(|(n, a)| Field::new(*n, a.data_type().clone(), true)).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, columns.into_iter().map(|(_, a)| a).collect()).unwrap()
}

pub(super) async fn open(location: &Path) -> crate::error::Result<Lake> {
    let events = Some(location.to_str().unwrap().to_owned());
    Lake::open(&LakeConfig { events, ..LakeConfig::default() }).await
}

pub(super) async fn registered(lake: &Lake, ask: &Ask, partitions: usize) -> SessionContext {
    let ctx = session(partitions);
    let tables: Vec<_> = lake.tables().iter().map(AsRef::as_ref).collect();
    let plan = plan(&tables, ask, &ctx.state()).await.unwrap();
    let view = datafusion::catalog::view::ViewTable::new(plan, None);
    ctx.register_table("events", Arc::new(view)).unwrap();
    ctx
}

/// The rows of a query as text, nulls as `-`.
pub(super) async fn query(ctx: &SessionContext, sql: &str) -> Vec<String> {
    let batches = ctx.sql(sql).await.unwrap().collect().await.unwrap();
    let options = FormatOptions::new().with_null("-");
    let mut rows = Vec::new();
    for batch in &batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    rows
}

pub(super) async fn rows(location: &Path, ask: &Ask, sql: &str) -> Vec<String> {
    let lake = open(location).await.unwrap();
    query(&registered(&lake, ask, 2).await, sql).await
}

pub(super) async fn explain(ctx: &SessionContext, sql: &str) -> String {
    let plan = ctx.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string()
}
