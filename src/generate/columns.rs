//! Events as Arrow columns: flat, nested in structs, or with lists.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int32Builder, Int64Builder, ListArray, ListBuilder, RecordBatch, StringBuilder, StructArray,
    TimestampMillisecondBuilder,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

use super::event::Event;
use super::plan::Plan;
use super::world::{World, push_base64};
use super::{Layout, rng::mix};

type Text = StringBuilder;

/// The columns of events in the making.
struct Columns {
    at: TimestampMillisecondBuilder,
    agent_id: Text,
    destination_ip: Text,
    destination_port: Int32Builder,
    action: Text,
    category: Text,
    kind: Text,
    host_name: Text,
    host_os: Text,
    bytes: Int64Builder,
    direction: Text,
    transport: Text,
    entity: Text,
    executable: Text,
    process_name: Text,
    pid: Int64Builder,
    source_ip: Text,
    source_port: Int32Builder,
    user: Text,
    host_ip: ListBuilder<Text>,
}

/// The events as one batch of the layout.
pub(super) fn batch(world: &World, plan: &Plan, layout: Layout, events: &[Event]) -> Result<RecordBatch, ArrowError> {
    let mut columns = Columns::with_capacity(events.len());
    let (mut path, mut name, mut entity) = (String::new(), String::new(), String::new());
    for event in events {
        let Some((agent, host)) = world.sender(event) else { continue };
        let (action, kind) = event.action();
        columns.at.append_value(event.at);
        columns.agent_id.append_value(&agent.id);
        columns.destination_ip.append_option(plan.destination(world, event));
        columns.destination_port.append_option(event.destination_port.map(i32::from));
        columns.action.append_value(action);
        columns.category.append_value("network");
        columns.kind.append_value(kind);
        columns.host_name.append_value(host);
        columns.host_os.append_value(agent.os.name());
        columns.bytes.append_value(i64::from(event.bytes));
        columns.direction.append_value(event.direction());
        columns.transport.append_value(event.transport());
        push_entity(&mut entity, event);
        columns.entity.append_value(&entity);
        let known = world.program(event.program, &plan.programs, &mut path, &mut name);
        columns.executable.append_option(known.then_some(&path));
        columns.process_name.append_option(known.then_some(&name));
        columns.pid.append_value(i64::from(event.pid));
        columns.source_ip.append_option(agent.addresses.first());
        columns.source_port.append_value(i32::from(event.source_port));
        columns.user.append_value(world.user(event));
        if matches!(layout, Layout::ListParquet | Layout::NestedParquet) {
            columns.host_ip.append_value(agent.addresses.iter().map(Some));
        }
    }
    columns.finish(layout)
}

/// The schema of every batch of the layout.
pub(super) fn schema(layout: Layout) -> Result<SchemaRef, ArrowError> {
    Ok(Columns::with_capacity(0).finish(layout)?.schema())
}

/// The text that identifies a process among those of all hosts.
pub(super) fn push_entity(out: &mut String, event: &Event) {
    out.clear();
    push_base64(out, mix(event.process), 22);
    out.push_str("==");
}

impl Columns {
    fn with_capacity(rows: usize) -> Self {
        let text = |width: usize| Text::with_capacity(rows, rows * width);
        Self {
            at: TimestampMillisecondBuilder::with_capacity(rows).with_timezone("UTC"),
            agent_id: text(36),
            destination_ip: text(16),
            destination_port: Int32Builder::with_capacity(rows),
            action: text(20),
            category: text(7),
            kind: text(5),
            host_name: text(28),
            host_os: text(7),
            bytes: Int64Builder::with_capacity(rows),
            direction: text(7),
            transport: text(3),
            entity: text(24),
            executable: text(48),
            process_name: text(16),
            pid: Int64Builder::with_capacity(rows),
            source_ip: text(12),
            source_port: Int32Builder::with_capacity(rows),
            user: text(8),
            host_ip: ListBuilder::new(Text::new()),
        }
    }

    fn finish(mut self, layout: Layout) -> Result<RecordBatch, ArrowError> {
        let lists = layout == Layout::ListParquet;
        let several = |column: ArrayRef| if lists { in_lists(&column) } else { column };
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("@timestamp", Arc::new(self.at.finish())),
            ("agent.id", Arc::new(self.agent_id.finish())),
            ("destination.ip", Arc::new(self.destination_ip.finish())),
            ("destination.port", Arc::new(self.destination_port.finish())),
            ("event.action", Arc::new(self.action.finish())),
            ("event.category", several(Arc::new(self.category.finish()))),
            ("event.type", several(Arc::new(self.kind.finish()))),
            ("host.name", Arc::new(self.host_name.finish())),
            ("host.os.type", Arc::new(self.host_os.finish())),
            ("network.bytes", Arc::new(self.bytes.finish())),
            ("network.direction", Arc::new(self.direction.finish())),
            ("network.transport", Arc::new(self.transport.finish())),
            ("process.entity_id", Arc::new(self.entity.finish())),
            ("process.executable", Arc::new(self.executable.finish())),
            ("process.name", Arc::new(self.process_name.finish())),
            ("process.pid", Arc::new(self.pid.finish())),
            ("source.ip", Arc::new(self.source_ip.finish())),
            ("source.port", Arc::new(self.source_port.finish())),
            ("user.name", Arc::new(self.user.finish())),
        ];
        if matches!(layout, Layout::ListParquet | Layout::NestedParquet) {
            columns.push(("host.ip", Arc::new(self.host_ip.finish())));
            columns.sort_by_key(|(name, _)| *name);
        }
        let pairs = if layout == Layout::NestedParquet {
            nested(&columns)
        } else {
            columns.into_iter().map(|(name, array)| (name.to_owned(), array)).collect()
        };
        let fields: Fields = pairs
            .iter()
            .map(|(name, array)| Field::new(name, array.data_type().clone(), name != "@timestamp"))
            .collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), pairs.into_iter().map(|(_, array)| array).collect())
    }
}

/// Each value in a list of its own.
fn in_lists(column: &ArrayRef) -> ArrayRef {
    let field = Arc::new(Field::new_list_field(column.data_type().clone(), true));
    Arc::new(ListArray::new(field, OffsetBuffer::from_repeated_length(1, column.len()), Arc::clone(column), None))
}

/// The columns under the first part of their names, sorted by name: `a.b` and `a.c` become a struct `a`.
fn nested(columns: &[(&str, ArrayRef)]) -> Vec<(String, ArrayRef)> {
    let mut out: Vec<(String, ArrayRef)> = Vec::new();
    let mut rest = columns;
    while let Some(((name, array), behind)) = rest.split_first() {
        let Some((group, _)) = name.split_once('.') else {
            out.push(((*name).to_owned(), Arc::clone(array)));
            rest = behind;
            continue;
        };
        let below = |name: &'_ str| name.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'));
        let count = rest.iter().take_while(|(name, _)| below(name)).count();
        let (members, behind) = rest.split_at(count);
        let inner: Vec<_> = members.iter().map(|(name, array)| (&name[group.len() + 1..], Arc::clone(array))).collect();
        out.push((group.to_owned(), structure(nested(&inner))));
        rest = behind;
    }
    out
}

/// A struct that is null where all its members are.
fn structure(members: Vec<(String, ArrayRef)>) -> ArrayRef {
    let fields: Fields =
        members.iter().map(|(name, array)| Field::new(name, array.data_type().clone(), true)).collect();
    let arrays: Vec<_> = members.into_iter().map(|(_, array)| array).collect();
    let valid = arrays.iter().map(|array| array.nulls().map(NullBuffer::inner).cloned()).reduce(|a, b| Some(&a? | &b?));
    Arc::new(StructArray::new(fields, arrays, valid.flatten().map(NullBuffer::new)))
}
