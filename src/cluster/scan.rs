//! Scans of files: as they travel, and as they run again.
//!
//! The scheduler cuts a scan by its groups of files. For that it needs to know nothing of the reader, whose description it
//! keeps as it came ([`Sealed`]), nor of the files but for what DataFusion's message says.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{internal_err, plan_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::parquet::{
    CachedParquetFileReaderFactory, ParquetAccessPlan, RowGroupAccess,
};
use datafusion::datasource::physical_plan::{
    FileGroup, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use datafusion_proto::physical_plan::from_proto::{
    parse_physical_expr, parse_protobuf_file_scan_config, parse_table_schema_from_proto,
};
use datafusion_proto::physical_plan::to_proto::{serialize_file_scan_config, serialize_physical_expr};
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::{FileScanExecConf, ParquetScanExecNode};
use object_store::ObjectStore;

use super::wire::{FileNote, Format, Ndjson, NdjsonColumn, NdjsonNote, RowGroups, Scan, Source};
use crate::lake::ndjson::{
    ColumnSpec, Compression, Form, Issues, Layout, Metadata, NdjsonFile, NdjsonOptions, NdjsonSource, OnBadLine,
};
use crate::lake::{Field, Kind, Objects};

const COMPRESSIONS: [Compression; 3] = [Compression::Plain, Compression::Gzip, Compression::Zstd];
const FORMS: [Form; 4] = [Form::Lines, Form::Documents, Form::Array, Form::Hits];
/// The scan of a client's plan, sealed; `number` is its place among the scans of the plan. None for another source.
pub(super) fn seal(
    config: &FileScanConfig,
    number: u32,
    codec: &dyn PhysicalExtensionCodec,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let source = config.file_source();
    let (format, predicate) = if let Some(parquet) = source.downcast_ref::<ParquetSource>() {
        let options = Some(parquet.table_parquet_options().try_into()?);
        let node = ParquetScanExecNode { base_conf: None, predicate: None, parquet_options: options };
        (Format::Parquet(Box::new(node)), parquet.filter())
    } else if let Some(json) = source.downcast_ref::<NdjsonSource>() {
        let (options, predicate) = json.made_of();
        (Format::Ndjson(ndjson(&options)?), predicate.cloned())
    } else {
        return Ok(None);
    };
    let table_schema = source.table_schema().clone();
    let made = table_schema.virtual_columns();
    let virtual_columns = if made.is_empty() { None } else { Some((&Schema::new(made.clone())).try_into()?) };
    let predicate = predicate.map(|predicate| serialize_physical_expr(&predicate, codec)).transpose()?;
    let source = Source { scan: number, virtual_columns, predicate, format: Some(format) };
    let projection = config.file_source().projection().cloned();
    let sealed = Sealed::new(source, table_schema, projection, config.file_source().file_type());
    let mut groups = Vec::with_capacity(config.file_groups.len());
    for group in &config.file_groups {
        let files = group.files().iter().map(|file| Ok(file.clone().with_extension(note(file)?)));
        groups.push(FileGroup::new(files.collect::<Result<_>>()?));
    }
    let config = FileScanConfigBuilder::from(config.clone()).with_source(Arc::new(sealed)).with_file_groups(groups);
    Ok(Some(DataSourceExec::from_data_source(config.build())))
}

fn ndjson(options: &NdjsonOptions) -> Result<Ndjson> {
    let mut columns = Vec::with_capacity(options.columns.len());
    for column in &options.columns {
        columns.push(match column {
            ColumnSpec::Field(field) if field.data_type != field.kind.data_type() => {
                return internal_err!("documents are not read as {}", field.data_type);
            }
            ColumnSpec::Field(field) => {
                NdjsonColumn { name: field.name.clone(), kind: field.kind.name().to_owned(), multi: field.multi }
            }
            ColumnSpec::Metadata(which) => {
                NdjsonColumn { name: which.name().to_owned(), kind: String::new(), multi: false }
            }
        });
    }
    let fail_on_bad_line = options.on_bad_line == OnBadLine::Fail;
    Ok(Ndjson { columns, table: options.table.clone(), fail_on_bad_line, strict: options.strict })
}

/// What is known of a file beyond DataFusion's message.
fn note(file: &PartitionedFile) -> Result<FileNote> {
    let mut row_groups = None;
    if let Some(access) = file.extension::<ParquetAccessPlan>() {
        let mut read = Vec::with_capacity(access.len());
        for group in access.inner() {
            read.push(match group {
                RowGroupAccess::Skip => false,
                RowGroupAccess::Scan => true,
                RowGroupAccess::Selection(_) => return plan_err!("single rows of a row group are selected"),
            });
        }
        row_groups = Some(RowGroups { read });
    }
    let place = |at: Option<usize>| at.unwrap_or(usize::MAX) as u32;
    let ndjson = file.extension::<NdjsonFile>().map(|known| NdjsonNote {
        compression: place(COMPRESSIONS.iter().position(|c| *c == known.layout.compression)),
        form: place(FORMS.iter().position(|f| *f == known.layout.form)),
        label: known.label.clone(),
        key: known.key.clone(),
    });
    let object = &file.object_meta;
    Ok(FileNote { e_tag: object.e_tag.clone(), version: object.version.clone(), row_groups, ndjson })
}

/// The message of a sealed scan.
pub(super) fn encode(
    config: &FileScanConfig,
    codec: &dyn PhysicalExtensionCodec,
    converter: &dyn PhysicalProtoConverterExtension,
) -> Result<Option<Scan>> {
    let Some(sealed) = config.file_source().downcast_ref::<Sealed>() else { return Ok(None) };
    let mut files = Vec::new();
    for file in config.file_groups.iter().flat_map(FileGroup::files) {
        let Some(note) = file.extension::<FileNote>() else { return internal_err!("a file that is not sealed") };
        files.push(note.clone());
    }
    let base = serialize_file_scan_config(config, codec, converter)?;
    Ok(Some(Scan { base: Some(base), source: Some(sealed.source.as_ref().clone()), files }))
}

/// A scan that came.
pub(super) struct Arrived {
    base: FileScanExecConf,
    source: Source,
    files: Vec<FileNote>,
    table_schema: TableSchema,
}

impl Arrived {
    pub(super) fn new(scan: Scan) -> Result<Self> {
        let Scan { base: Some(base), source: Some(source), files } = scan else {
            return internal_err!("a scan without its files or its reader");
        };
        let known = parse_table_schema_from_proto(&base)?;
        let mut schema = TableSchema::builder(Arc::clone(known.file_schema()))
            .with_table_partition_cols(known.table_partition_cols().clone());
        if let Some(made) = &source.virtual_columns {
            let made: Schema = made.try_into()?;
            schema = schema.with_virtual_columns(made.fields);
        }
        Ok(Self { base, source, files, table_schema: schema.build() })
    }

    /// The scan as it came.
    pub(super) fn sealed(
        self,
        context: &PhysicalPlanDecodeContext<'_>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let file_type = match &self.source.format {
            Some(Format::Parquet(_)) => "parquet",
            _ => "ndjson",
        };
        let Self { base, source, files, table_schema } = self;
        let sealed = Arc::new(Sealed::new(source, table_schema, None, file_type));
        let config = parse_protobuf_file_scan_config(&base, context, converter, sealed)?;
        with_files(config, files, |file, note| Ok(file.with_extension(note)))
    }

    /// The scan that runs; and which one of its plan it is, with what it is going to meet.
    pub(super) fn opened(
        self,
        objects: &Objects,
        context: &TaskContext,
        codec: &dyn PhysicalExtensionCodec,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<(Arc<dyn ExecutionPlan>, (u32, Issues))> {
        let Self { base, source, files, table_schema } = self;
        let predicate = source.predicate.as_ref();
        let predicate = predicate.map(|p| parse_physical_expr(p, context, table_schema.table_schema(), codec));
        let predicate = predicate.transpose()?;
        let issues = Issues::default();
        let reader: Arc<dyn FileSource> = match &source.format {
            Some(Format::Parquet(node)) => {
                let Some(options) = &node.parquet_options else { return internal_err!("a scan without options") };
                let runtime = context.runtime_env();
                let store = runtime.object_store(ObjectStoreUrl::parse(&base.object_store_url)?)?;
                let footers = runtime.cache_manager.get_file_metadata_cache();
                let mut reader = ParquetSource::new(table_schema)
                    .with_table_parquet_options(options.try_into()?)
                    .with_parquet_file_reader_factory(Arc::new(CachedParquetFileReaderFactory::new(store, footers)));
                if let Some(predicate) = predicate {
                    reader = reader.with_predicate(predicate);
                }
                Arc::new(reader)
            }
            Some(Format::Ndjson(json)) => {
                let reader = NdjsonSource::new(NdjsonOptions {
                    columns: json.columns.iter().map(column).collect::<Result<_>>()?,
                    partition_columns: table_schema.table_partition_cols().iter().cloned().collect(),
                    table: json.table.clone(),
                    on_bad_line: if json.fail_on_bad_line { OnBadLine::Fail } else { OnBadLine::Skip },
                    strict: json.strict,
                    issues: issues.clone(),
                });
                Arc::new(reader.with_predicate(predicate))
            }
            None => return internal_err!("a scan without a reader"),
        };
        let decode = PhysicalPlanDecodeContext::new(context, codec);
        let config = parse_protobuf_file_scan_config(&base, &decode, converter, reader)?;
        let remote = config.object_store_url != ObjectStoreUrl::local_filesystem();
        let opened = with_files(config, files, |mut file, note| {
            let FileNote { e_tag, version, row_groups, ndjson } = note;
            (file.object_meta.e_tag, file.object_meta.version) = (e_tag, version);
            if remote {
                objects.learn(&file.object_meta);
            }
            if let Some(RowGroups { read }) = row_groups {
                let access = |read| if read { RowGroupAccess::Scan } else { RowGroupAccess::Skip };
                file = file.with_extension(ParquetAccessPlan::new(read.into_iter().map(access).collect()));
            }
            Ok(match ndjson {
                Some(known) => file.with_extension(json_file(known)?),
                None => file,
            })
        })?;
        Ok((opened, (source.scan, issues)))
    }
}

fn column(column: &NdjsonColumn) -> Result<ColumnSpec> {
    let NdjsonColumn { name, kind, multi } = column;
    if kind.is_empty() {
        let known = Metadata::ALL.into_iter().find(|which| which.name() == name);
        return known
            .map_or_else(|| internal_err!("no metadata is named {name}"), |known| Ok(ColumnSpec::Metadata(known)));
    }
    let Some(kind) = Kind::named(kind) else { return internal_err!("no kind of field is named {kind}") };
    Ok(ColumnSpec::Field(Field { name: name.clone(), kind, data_type: kind.data_type(), multi: *multi }))
}

fn json_file(note: NdjsonNote) -> Result<NdjsonFile> {
    let (compression, form) = (COMPRESSIONS.get(note.compression as usize), FORMS.get(note.form as usize));
    let (Some(compression), Some(form)) = (compression, form) else {
        return internal_err!("a layout that is not known");
    };
    let layout = Layout { compression: *compression, form: *form };
    Ok(NdjsonFile { layout, label: note.label, key: note.key })
}

/// The scan whose files know what their notes say.
fn with_files(
    config: FileScanConfig,
    notes: Vec<FileNote>,
    mut noted: impl FnMut(PartitionedFile, FileNote) -> Result<PartitionedFile>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let mut notes = notes.into_iter();
    let mut groups = Vec::with_capacity(config.file_groups.len());
    for group in &config.file_groups {
        let mut files = Vec::with_capacity(group.len());
        for file in group.files() {
            let Some(note) = notes.next() else { return internal_err!("a file without a note") };
            files.push(noted(file.clone(), note)?);
        }
        groups.push(FileGroup::new(files));
    }
    Ok(DataSourceExec::from_data_source(FileScanConfigBuilder::from(config).with_file_groups(groups).build()))
}

/// A reader as it came, which reads nothing.
#[derive(Debug, Clone)]
struct Sealed {
    source: Arc<Source>,
    table_schema: TableSchema,
    projection: ProjectionExprs,
    file_type: String,
    metrics: ExecutionPlanMetricsSet,
}

impl Sealed {
    fn new(source: Source, table_schema: TableSchema, projection: Option<ProjectionExprs>, file_type: &str) -> Self {
        let projection = projection.unwrap_or_else(|| {
            let schema = table_schema.table_schema();
            ProjectionExprs::from_indices(&(0..schema.fields().len()).collect::<Vec<_>>(), schema)
        });
        let file_type = file_type.to_owned();
        Self { source: Arc::new(source), table_schema, projection, file_type, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl FileSource for Sealed {
    fn create_file_opener(&self, _: Arc<dyn ObjectStore>, _: &FileScanConfig, _: usize) -> Result<Arc<dyn FileOpener>> {
        Err(DataFusionError::Internal("files are read by executors alone".to_owned()))
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, _: usize) -> Arc<dyn FileSource> {
        Arc::new(self.clone())
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        &self.file_type
    }

    fn fmt_extra(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, ", scan={}", self.source.scan)
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn repartitioned(
        &self,
        _: usize,
        _: usize,
        _: Option<LexOrdering>,
        _: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        // It was cut by the client, who knows which files can be.
        Ok(None)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let projection = self.projection.try_merge(projection)?;
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation<Arc<dyn FileSource>>> {
        use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
        let answers = filters.iter().map(|_| PushedDown::No).collect();
        Ok(FilterPushdownPropagation::with_parent_pushdown_result(answers))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.iter(), f)
    }
}
