//! Functions of addresses.

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::lowering::Lowering;
use crate::sql::operator::string_literal;

use super::{Build, Call, Function};

pub(super) static FUNCTIONS: &[Function] = &[Function {
    name: "cidr_match",
    signature: "cidr_match(ip, block, ...) -> boolean",
    summary: "whether an address lies in one of the blocks",
    example: "WHERE cidr_match(destination.ip, \"10.0.0.0/8\", \"::1\")",
    arity: (2, usize::MAX),
    build: Build::Scalar(cidr_match),
}];

fn cidr_match(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let (address, blocks) = call.args.split_first()?;
    let mut args = vec![lowering.single(address).and_then(|value| match value.ty {
        Type::Ip | Type::Null => Some(lowering.demand(value, Type::Ip).sql),
        ty => {
            let expected = if ty.is_text() { "an ip (convert the text with to_ip(..))" } else { "an ip" };
            lowering.refuse(call, expected, ty, address.span)
        }
    })];
    for block in blocks {
        args.push(match string_literal(block) {
            Some(literal) => lowering.block(literal).map(|()| build::text(&literal.value)),
            None => lowering.text_argument(call, block),
        });
    }
    let args = args.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Typed::single(build::call("cidr_match", args), Type::Boolean))
}
