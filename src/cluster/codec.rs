//! Plans to bytes and back: Ballista's codec with the nodes and functions of Egret.
//!
//! A client seals plans, the scheduler passes on what is sealed, an executor opens it. An executor decodes the plan of a
//! task at once on one thread, its scans and functions before its root, so what they report to is kept by thread until
//! the root comes, and handed over to it ([`Task`]).

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use ballista_core::execution_plans::sort_shuffle::SortShuffleWriterExec;
use ballista_core::execution_plans::{RangeShuffleWriterExec, ShuffleWriterExec};
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::arrow::datatypes::Schema;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{internal_err, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties};
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
};
use prost::Message;

use super::report::{Met, Sinks, file_scan};
use super::wire::{Place as WirePlace, Scan, Unpack};
use super::{functions, scan};
use crate::engine::{Place, UnpackExec};
use crate::lake::Objects;

/// What the first byte of a node says of the rest.
const BALLISTA: u8 = 0;
const SCAN: u8 = 1;
const UNPACK: u8 = 2;
/// A node of Ballista behind how many nodes of its plan have metrics.
const ROOT: u8 = 3;

/// The codec of one of the processes.
#[derive(Debug)]
pub(super) struct Codec {
    ballista: BallistaPhysicalExtensionCodec,
    place: At,
}

/// Which process it is.
enum At {
    Client(Arc<Sinks>),
    Scheduler,
    Executor { objects: Arc<Objects>, context: Arc<TaskContext> },
}

impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client(_) => "Client",
            Self::Scheduler => "Scheduler",
            Self::Executor { .. } => "Executor",
        })
    }
}

thread_local! {
    /// What the nodes of the plan that this thread decodes report to, until its root comes.
    static MET: RefCell<Met> = RefCell::default();
}

impl Codec {
    fn at(place: At) -> Self {
        Self { ballista: BallistaPhysicalExtensionCodec::default(), place }
    }

    /// The codec of a client, whose scans and functions report to `sinks`.
    pub(super) fn client(sinks: Arc<Sinks>) -> Self {
        Self::at(At::Client(sinks))
    }

    /// The codec of the scheduler.
    pub(super) fn scheduler() -> Self {
        Self::at(At::Scheduler)
    }

    /// The codec of an executor, which reads from `objects` and has the functions of `context`.
    pub(super) fn executor(objects: Arc<Objects>, context: Arc<TaskContext>) -> Self {
        Self::at(At::Executor { objects, context })
    }

    fn scan(
        &self,
        bytes: &[u8],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let arrived = scan::Arrived::new(Scan::decode(bytes).map_err(undecoded)?)?;
        match &self.place {
            At::Executor { objects, .. } => {
                let (opened, scan) = arrived.opened(objects, context, self, converter)?;
                MET.with_borrow_mut(|met| met.scans.push(scan));
                Ok(opened)
            }
            _ => arrived.sealed(&PhysicalPlanDecodeContext::new(context, self), converter),
        }
    }
}

fn undecoded(error: prost::DecodeError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

fn unencoded(error: prost::EncodeError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl PhysicalExtensionCodec for Codec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (buf.split_first(), inputs) {
            (Some((&SCAN, bytes)), []) => self.scan(bytes, ctx, proto_converter),
            (Some((&UNPACK, bytes)), [input]) => unpack(bytes, Arc::clone(input)),
            (Some((&BALLISTA, bytes)), inputs) => self.ballista.try_decode(bytes, inputs, ctx, proto_converter),
            (Some((&ROOT, bytes)), inputs) => {
                let Some((metered, bytes)) = bytes.split_first_chunk() else { return internal_err!("half a root") };
                let root = self.ballista.try_decode(bytes, inputs, ctx, proto_converter)?;
                Ok(Arc::new(Task { root, metered: u32::from_be_bytes(*metered) as usize, met: MET.take() }))
            }
            _ => internal_err!("a node that this version of egret does not know"),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        if let Some(config) = file_scan(&node) {
            let Some(scan) = scan::encode(config, self, proto_converter)? else {
                return plan_err!("the scan of {} files is not sealed", config.file_source().file_type());
            };
            buf.push(SCAN);
            return scan.encode(buf).map_err(unencoded);
        }
        if let Some(unpack) = node.downcast_ref::<UnpackExec>() {
            let place = |place: &Place| match *place {
                Place::Column(at) => WirePlace { column: at as u32, member: None },
                Place::Member { of, at } => WirePlace { column: of as u32, member: Some(at as u32) },
            };
            let places = unpack.places().iter().map(place).collect();
            buf.push(UNPACK);
            let schema = Some(node.schema().as_ref().try_into()?);
            return Unpack { places, schema }.encode(buf).map_err(unencoded);
        }
        if matches!(self.place, At::Scheduler) && is_root(&node) {
            buf.push(ROOT);
            buf.extend((metered(&node) as u32).to_be_bytes());
        } else {
            buf.push(BALLISTA);
        }
        self.ballista.try_encode(node, buf, proto_converter)
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        match &self.place {
            _ if buf.is_empty() => internal_err!("no function of the name {name}"),
            At::Executor { context, .. } => {
                let warnings = MET.with_borrow(|met| met.warnings.clone());
                let counter = |at| MET.with_borrow_mut(|met| Arc::clone(met.counters.entry(at).or_default()));
                functions::decode(name, buf, (&warnings, &counter), context, self)
            }
            _ => Ok(functions::Sealed::function(name, buf)),
        }
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        let sinks = match &self.place {
            At::Client(sinks) => Some(sinks.as_ref()),
            _ => None,
        };
        functions::encode(node, sinks, self, buf)
    }

    fn try_decode_udaf(&self, name: &str, buf: &[u8]) -> Result<Arc<AggregateUDF>> {
        self.ballista.try_decode_udaf(name, buf)
    }

    fn try_decode_udwf(&self, name: &str, buf: &[u8]) -> Result<Arc<WindowUDF>> {
        self.ballista.try_decode_udwf(name, buf)
    }
}

fn unpack(bytes: &[u8], input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let Unpack { places, schema: Some(schema) } = Unpack::decode(bytes).map_err(undecoded)? else {
        return internal_err!("a node without its columns");
    };
    let schema: Schema = (&schema).try_into()?;
    let fields = input.schema();
    let mut found = Vec::with_capacity(places.len());
    for WirePlace { column, member } in places {
        let (of, known) = (column as usize, fields.fields().get(column as usize));
        let Some(known) = known else { return internal_err!("a node without its column {of}") };
        found.push(match (member.map(|at| at as usize), known.data_type()) {
            (None, _) => Place::Column(of),
            (Some(at), datafusion::arrow::datatypes::DataType::Struct(members)) if at < members.len() => {
                Place::Member { of, at }
            }
            _ => return internal_err!("a column without its member"),
        });
    }
    Ok(Arc::new(UnpackExec::new(input, found, Arc::new(schema))))
}

/// Whether a node is the root of a task, which writes what the task gives.
fn is_root(node: &Arc<dyn ExecutionPlan>) -> bool {
    node.is::<ShuffleWriterExec>() || node.is::<SortShuffleWriterExec>() || node.is::<RangeShuffleWriterExec>()
}

/// How many nodes of a plan have metrics.
fn metered(node: &Arc<dyn ExecutionPlan>) -> usize {
    usize::from(node.metrics().is_some()) + node.children().into_iter().map(metered).sum::<usize>()
}

/// The plan of a task, with what its nodes report to.
#[derive(Debug)]
pub(super) struct Task {
    root: Arc<dyn ExecutionPlan>,
    metered: usize,
    met: Met,
}

impl Task {
    /// The plan as Ballista knows it.
    pub(super) const fn root(&self) -> &Arc<dyn ExecutionPlan> {
        &self.root
    }

    /// How many nodes have metrics as the scheduler sees the plan.
    pub(super) const fn metered(&self) -> usize {
        self.metered
    }

    /// What its nodes report to.
    pub(super) const fn met(&self) -> &Met {
        &self.met
    }

    fn over(&self, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([root]) = <[Arc<dyn ExecutionPlan>; 1]>::try_from(children) else {
            return plan_err!("a task has one root");
        };
        Ok(Arc::new(Self { root, metered: self.metered, met: self.met.clone() }))
    }
}

impl DisplayAs for Task {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
    }
}

impl ExecutionPlan for Task {
    fn name(&self) -> &'static str {
        "Task"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.root.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.root]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("the root of a task is run, not the task")
    }
}
