//! Functions as they travel: those of a session by their names, those that a plan makes by what they are made of.
//!
//! The scheduler calls no function. It keeps each as the bytes that it came in ([`Sealed`]).

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::internal_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion_proto::physical_plan::PhysicalExtensionCodec;
use datafusion_proto::physical_plan::from_proto::parse_physical_expr;
use datafusion_proto::physical_plan::to_proto::serialize_physical_expr;
use prost::Message;

use super::report::Sinks;
use super::wire::{Function, Made, Nothing, ParseInstant, Path, RowStruct, Timetable as Times, ValueMap};
use crate::backtest::Timetable;
use crate::engine::{Warnings, session_functions};
use crate::lake::{LakeFunction, Row, Unparsed, Values};

/// The bytes of a function, empty for one of DataFusion's own.
pub(super) fn encode(
    function: &ScalarUDF,
    sinks: Option<&Sinks>,
    codec: &dyn PhysicalExtensionCodec,
    into: &mut Vec<u8>,
) -> Result<()> {
    if let Some(sealed) = function.inner().downcast_ref::<Sealed>() {
        into.extend_from_slice(&sealed.bytes);
        return Ok(());
    }
    let made = if let Some(lake) = LakeFunction::of(function) {
        of_lake(lake, sinks, codec)?
    } else if let Some(([at, from, to], _)) = Timetable::of(function) {
        Made::Timetable(Times { at: at.to_vec(), from: from.to_vec(), to: to.to_vec() })
    } else if is_registered(function.name()) {
        Made::Registered(Nothing {})
    } else {
        return Ok(());
    };
    Function { made: Some(made) }.encode(into).map_err(|e| DataFusionError::External(Box::new(e)))
}

/// Whether a function's name says all of it.
pub(super) fn has_name(function: &ScalarUDF) -> bool {
    LakeFunction::of(function).is_none() && Timetable::of(function).is_none()
}

/// Whether a session has a function of ours with this name.
fn is_registered(name: &str) -> bool {
    static OURS: std::sync::LazyLock<HashMap<String, Arc<ScalarUDF>>> =
        std::sync::LazyLock::new(|| session_functions(&Warnings::default()));
    OURS.contains_key(name)
}

fn of_lake(function: LakeFunction, sinks: Option<&Sinks>, codec: &dyn PhysicalExtensionCodec) -> Result<Made> {
    Ok(match function {
        LakeFunction::ValueMap(values) => {
            let Values { named, other, missing } = values.as_ref().clone();
            Made::ValueMap(ValueMap { named, other, missing })
        }
        LakeFunction::ParseInstant { field, unparsed } => {
            let counter = match (&unparsed, sinks) {
                (Some(unparsed), Some(sinks)) => Some(sinks.counter(unparsed)),
                (None, _) => None,
                (Some(_), None) => return internal_err!("only a client counts texts that are no instant"),
            };
            Made::ParseInstant(ParseInstant { field, counter })
        }
        LakeFunction::RowStruct(row) => {
            let values = row.values.iter().map(|value| serialize_physical_expr(value, codec)).collect::<Result<_>>()?;
            let members = Schema::new(row.members.clone());
            Made::RowStruct(RowStruct {
                columns: Some(row.columns.as_ref().try_into()?),
                values,
                members: Some((&members).try_into()?),
            })
        }
        LakeFunction::ObjectText { path } => Made::ObjectText(Path { names: path }),
        LakeFunction::RowJson => Made::RowJson(Nothing {}),
        LakeFunction::ListLeaf { path } => Made::ListLeaf(Path { names: path }),
    })
}

/// The function that `bytes` tell, reporting to these warnings, and to the counter of a place.
pub(super) fn decode(
    name: &str,
    bytes: &[u8],
    (warnings, counter_at): (&Warnings, &dyn Fn(u32) -> Arc<Unparsed>),
    context: &TaskContext,
    codec: &dyn PhysicalExtensionCodec,
) -> Result<Arc<ScalarUDF>> {
    let function = Function::decode(bytes).map_err(|e| DataFusionError::External(Box::new(e)))?;
    let lake = match function.made {
        Some(Made::Registered(_)) => {
            let known = session_functions(warnings).remove(name);
            return known.map_or_else(|| internal_err!("no function of the name {name}"), Ok);
        }
        Some(Made::Timetable(Times { at, from, to })) => {
            let made = Timetable::named(name, [at, from, to]).map(Arc::new);
            return made.map_or_else(|| internal_err!("no timetable tells {name}"), Ok);
        }
        Some(Made::ValueMap(ValueMap { named, other, missing })) => {
            LakeFunction::ValueMap(Arc::new(Values { named, other, missing }))
        }
        Some(Made::ParseInstant(ParseInstant { field, counter })) => {
            let unparsed = counter.map(counter_at);
            LakeFunction::ParseInstant { field, unparsed }
        }
        Some(Made::RowStruct(RowStruct { columns: Some(columns), values, members: Some(members) })) => {
            let columns: Arc<Schema> = Arc::new((&columns).try_into()?);
            let members: Schema = (&members).try_into()?;
            let value = |value| parse_physical_expr(value, context, &columns, codec);
            let values = values.iter().map(value).collect::<Result<_>>()?;
            LakeFunction::RowStruct(Arc::new(Row { columns, values, members: members.fields }))
        }
        Some(Made::ObjectText(Path { names })) => LakeFunction::ObjectText { path: names },
        Some(Made::RowJson(_)) => LakeFunction::RowJson,
        Some(Made::ListLeaf(Path { names })) => LakeFunction::ListLeaf { path: names },
        Some(Made::RowStruct(_)) | None => return internal_err!("what the function {name} is made of is not told"),
    };
    Ok(Arc::new(lake.into_function()))
}

/// A function as it came, which nobody calls.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Sealed {
    name: String,
    bytes: Vec<u8>,
    signature: Signature,
}

impl Sealed {
    /// The function of a name that came as `bytes`.
    pub(super) fn function(name: &str, bytes: &[u8]) -> Arc<ScalarUDF> {
        let signature = Signature::variadic_any(Volatility::Immutable);
        Arc::new(ScalarUDF::from(Self { name: name.to_owned(), bytes: bytes.to_vec(), signature }))
    }
}

impl ScalarUDFImpl for Sealed {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type of {} is known to those that call it", self.name)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{} is called by executors alone", self.name)
    }
}
