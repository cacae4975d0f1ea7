//! REPLACE: a regular expression of Java, and what its matches become.

use egret_udfs::patterns;

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::lowering::Lowering;
use crate::sql::operator::string_literal;

use super::{Call, Function, scalar};

pub(super) static FUNCTIONS: &[Function] = &[scalar(
    ("replace", "replace(text, pattern, replacement) -> keyword"),
    (3, 3),
    "the text with every match of a regular expression of Java replaced",
    ("replace(\"password=x y\", \"(?i)(password=)\\\\S+\", \"$1*\")", "\"password=* y\""),
    replace,
)];

fn replace(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let [_, pattern, replacement] = call.args else { return None };
    let args: Vec<_> = call.args.iter().map(|arg| lowering.text_argument(call, arg)).collect();
    if let Some(literal) = string_literal(pattern) {
        lowering.checked(literal, patterns::java(&literal.value))?;
        if let Some(written) = string_literal(replacement) {
            lowering.checked(written, patterns::replacement(&literal.value, &written.value))?;
        }
    }
    let args = args.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Typed::single(build::call("java_replace", args), Type::Keyword))
}
