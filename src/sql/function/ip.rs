//! Functions of addresses.

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::lowering::Lowering;
use crate::sql::operator::string_literal;

use super::{Call, Function, MANY, scalar};

pub(super) static FUNCTIONS: &[Function] = &[
    scalar(
        ("cidr_match", "cidr_match(ip, block, ...) -> boolean"),
        (2, MANY),
        "whether an address lies in one of the blocks",
        ("cidr_match(to_ip(\"10.1.2.3\"), \"10.0.0.0/8\", \"::1\")", "true"),
        cidr_match,
    ),
    scalar(
        ("ip_prefix", "ip_prefix(ip, bits of v4, bits of v6) -> ip"),
        (3, 3),
        "the address with all but its first bits 0",
        ("ip_prefix(to_ip(\"10.1.2.3\"), 24, 112)", "\"10.1.2.0\""),
        ip_prefix,
    ),
];

fn cidr_match(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let (address, blocks) = call.args.split_first()?;
    let mut args = vec![address_argument(lowering, call, address)];
    for block in blocks {
        args.push(match string_literal(block) {
            Some(literal) => lowering.block(literal).map(|()| build::text(&literal.value)),
            None => lowering.text_argument(call, block),
        });
    }
    let args = args.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Typed::single(build::call("cidr_match", args), Type::Boolean))
}

fn ip_prefix(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let [address, v4, v6] = call.args else { return None };
    let address = address_argument(lowering, call, address);
    let (v4, v6) = (lowering.whole_number_argument(call, v4), lowering.whole_number_argument(call, v6));
    let args = vec![address?, v4?, v6?];
    Some(Typed::single(lowering.labelled("ip_prefix", args, call.span), Type::Ip))
}

fn address_argument(
    lowering: &mut Lowering<'_>,
    call: &Call<'_>,
    address: &crate::esql::ast::Expr,
) -> Option<datafusion::sql::sqlparser::ast::Expr> {
    let value = lowering.single(address)?;
    match value.ty {
        Type::Ip | Type::Null => Some(lowering.demand(value, Type::Ip).sql),
        ty => {
            let expected = if ty.is_text() { "an ip (convert the text with to_ip(..))" } else { "an ip" };
            lowering.refuse(call, expected, ty, address.span)
        }
    }
}
