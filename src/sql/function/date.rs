//! Functions of instants.

use crate::diagnostic::Code;
use crate::esql::ast::{ExprKind, Literal, TimeUnit};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::literal::interval;
use crate::sql::lowering::Lowering;

use super::{Build, Call, Function};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "now",
        signature: "now() -> date",
        summary: "the time of the execution",
        example: "WHERE @timestamp > now() - 1 hour",
        arity: (0, 0),
        build: Build::Scalar(|_, _, _| Some(Typed::single(build::call("now", []), Type::Date))),
    },
    Function {
        name: "date_trunc",
        signature: "date_trunc(time span, date) -> date",
        summary: "the start of the span that an instant falls in",
        example: "EVAL hour = date_trunc(1 hour, @timestamp)",
        arity: (2, 2),
        build: Build::Scalar(date_trunc),
    },
];

fn date_trunc(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let [span, date] = call.args else { return None };
    let value = lowering.single(date);
    let ExprKind::Literal(Literal::TimeSpan { value: count, unit }) = &span.kind else {
        let help = "write a time span, such as 1 hour";
        return lowering.fail(Code::Arguments, span.span, "date_trunc takes a time span first", Some(help));
    };
    let value = lowering.demand(value?, Type::Date);
    if !value.ty.is_date() {
        return lowering.refuse(call, "a date", value.ty, date.span);
    }
    let ty = value.ty;
    let calendar = !matches!(unit, TimeUnit::Millisecond | TimeUnit::Second | TimeUnit::Minute | TimeUnit::Hour);
    let sql = match count {
        1 => build::call("date_trunc", [build::text(unit.name()), value.sql]),
        2.. if !calendar => build::call("date_bin", [interval(*count, *unit), value.sql]),
        2.. => return lowering.unsupported(span.span, format_args!("date_trunc to more than one {}", unit.name())),
        _ => {
            let help = "write a span of one unit or more";
            return lowering.fail(Code::BadLiteral, span.span, "date_trunc takes a span above zero", Some(help));
        }
    };
    Some(Typed::single(sql, ty))
}
