//! `cidr_match(address, block, ...)`: is an address in any of the blocks?
//!
//! Literal blocks are checked when the query is planned and compiled once a plan. A null address is null; a value that
//! is no address is null and warned of; a null block makes "in none of the others" null. A constant list of blocks counts
//! as its blocks.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let rows = context.sql("SELECT cidr_match('::ffff:10.1.2.3', '10.0.0.0/8', '::1') AS inside").await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("true"));
//! # Ok(())
//! # }
//! ```

mod blocks;
mod points;

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, lit,
};

pub(crate) use self::blocks::Blocks;
use self::blocks::{Range, parse_block};
use crate::addresses::{NO_ADDRESS, address_argument, judge_addresses, parse_all, unpack};
use crate::compiled::Compiled;
use crate::documentation::documentation;
use crate::judge::{Judged, as_columnar, judge_dictionary, judge_text};
use crate::list::single_values;
use crate::text::{Text, is_text, listed_texts, plain_text, text_argument};
use crate::to_ip::ToIp;
use crate::warnings::Warnings;

const NAME: &str = "cidr_match";

/// From this many constant blocks on a call has them as one list: every argument is evaluated for every batch.
const LISTED: usize = 8;

/// The function `cidr_match`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct CidrMatch {
    signature: Signature,
    warnings: Warnings,
    compiled: Compiled<Literals>,
}

/// What literal blocks compile to.
#[derive(Debug)]
struct Literals {
    blocks: Blocks,
    /// One of the literals is null.
    null: bool,
}

impl CidrMatch {
    /// Returns the function, reporting to `warnings`.
    pub(crate) fn new(warnings: Warnings) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { signature, warnings, compiled: Compiled::default() }
    }
}

impl ScalarUDFImpl for CidrMatch {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        for scalar in args.scalar_arguments.iter().skip(1).flatten() {
            for text in listed_texts(scalar).into_iter().flatten().flatten() {
                block(text).or_else(|message| plan_err!("{message}"))?;
            }
        }
        // A value that is no address is null, so the result may be null whatever the arguments are.
        Ok(Arc::new(Field::new(NAME, DataType::Boolean, true)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [address, blocks @ ..] = types else {
            return plan_err!("{NAME}: found no argument, expected an address and one or more blocks");
        };
        if blocks.is_empty() {
            return plan_err!("{NAME}: found no block, expected one or more after the address, such as '10.0.0.0/8'");
        }
        let Some(address_type) = address_argument(address) else {
            return plan_err!(
                "{NAME}: found {address} as the address, expected text, UInt32 (IPv4), 4 or 16 bytes, or a list of these"
            );
        };
        let mut coerced = vec![address_type];
        for block in blocks {
            match block {
                DataType::List(element) if is_text(element.data_type()) => coerced.push(block.clone()),
                _ => match text_argument(block) {
                    Some(text) => coerced.push(text),
                    None => return plan_err!("{NAME}: found {block} as a block, expected text such as '10.0.0.0/8'"),
                },
            }
        }
        Ok(coerced)
    }

    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let mut changed = false;
        if let Some(bare) = args.first().and_then(|first| without_to_ip(first, info)) {
            args[0] = bare;
            changed = true;
        }
        let mut listed = None;
        let held = match literals(&args) {
            Some(literals) => {
                if args.len() > LISTED {
                    let texts = literals.iter().map(|text| ScalarValue::from(*text)).collect::<Vec<_>>();
                    listed = Some(ScalarValue::List(ScalarValue::new_list_nullable(&texts, &DataType::Utf8)));
                }
                self.compiled.hold(&literals, || compile(&literals))?
            }
            None => None,
        };
        if let Some(list) = listed {
            args.truncate(1);
            args.push(lit(list));
            changed = true;
        }
        if !changed && held.is_none() {
            return Ok(ExprSimplifyResult::Original(args));
        }
        let compiled = held.unwrap_or_else(|| self.compiled.clone());
        let function = Self { compiled, ..Self::new(self.warnings.clone()) };
        let func = Arc::new(ScalarUDF::from(function));
        Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(ScalarFunction { func, args })))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let subject = args.arg_fields.first().map(|field| field.name().as_str()).unwrap_or_default();
        let [address, blocks @ ..] = args.args.as_slice() else {
            return exec_err!("{NAME}: found no argument, expected an address and blocks");
        };
        let scalar = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let addresses = single_values(address.to_array(rows)?, Some(&self.warnings), NAME, subject)?;
        let judged = match constants(blocks) {
            Some(literals) => {
                let compiled = self.compiled.of(&literals, || compile(&literals))?;
                let blocks = &compiled.blocks;
                let judged = judge_dictionary(&addresses, |values| match values.data_type() {
                    text if is_text(text) => judge_text(values, |text| blocks.contain_text(text)),
                    _ => judge_addresses(values, |address| blocks.contain(address)),
                })?;
                if compiled.null { judged.false_becomes_null() } else { judged }
            }
            None => judge_by_row(&addresses, blocks, rows)?,
        };
        Ok(as_columnar(judged.report(&self.warnings, NAME, subject, NO_ADDRESS, &addresses), scalar))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns true if an address is in any of the blocks. A block is an address with or without a prefix; \
                 host bits are masked; an IPv4 address equals the IPv6 address it maps to. Null if the address is null, \
                 or no address (with a warning), or if it is in none of the blocks and one of them is null.",
                "cidr_match(address, block[, ..., block_n])",
                "SELECT cidr_match('10.1.2.3', '10.0.0.0/8', '::1');",
            )
            .with_argument("address", "Text, UInt32 (IPv4), 4 or 16 bytes; a list counts as its single value.")
            .with_argument(
                "block",
                "Text, or a constant list of texts. A literal that is no block is an error when the query is planned.",
            )
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

/// Tests each row against its own blocks, where some of the blocks are columns.
fn judge_by_row(addresses: &ArrayRef, blocks: &[ColumnarValue], rows: usize) -> Result<Judged> {
    let addresses = unpack(addresses)?;
    let scalars: Vec<ColumnarValue> =
        blocks.iter().filter(|block| matches!(block, ColumnarValue::Scalar(_))).cloned().collect();
    let Some(literals) = constants(&scalars) else {
        return exec_err!("{NAME}: found a block that is no text, expected text such as '10.0.0.0/8'");
    };
    let fixed = compile(&literals)?;
    let columns = blocks
        .iter()
        .filter_map(|block| match block {
            ColumnarValue::Array(array) if array.as_list_opt::<i32>().is_some() => {
                Some(exec_err!("{NAME}: found a column of lists as blocks, expected a constant list, or text"))
            }
            ColumnarValue::Array(array) => Some(plain_text(array)),
            ColumnarValue::Scalar(_) => None,
        })
        .collect::<Result<Vec<_>>>()?;
    // Neighbouring rows often hold the same block, so each column remembers its last one.
    let mut columns = columns
        .iter()
        .map(|column| Ok((Text::try_new(column)?, None)))
        .collect::<Result<Vec<(Text<'_>, Option<(&str, Range)>)>>>()?;
    let mut inside = Vec::with_capacity(rows);
    for (row, address) in parse_all(&addresses)?.into_iter().enumerate() {
        let Some(address) = address else {
            inside.push(None);
            continue;
        };
        let (mut found, mut null) = (fixed.blocks.contain(address), fixed.null);
        for (column, memo) in &mut columns {
            let Some(text) = column.at(row) else {
                null = true;
                continue;
            };
            let (first, end) = match *memo {
                Some((known, range)) if known == text => range,
                _ => block(text).or_else(|message| exec_err!("{message}"))?,
            };
            *memo = Some((text, (first, end)));
            found |= (first..=end).contains(&address.bits());
        }
        inside.push(if found || !null { Some(found) } else { None });
    }
    // An address that is known but undecided is null without a warning, unlike one that is no address.
    let parsed = judge_addresses(&addresses, |_| true)?;
    Ok(Judged { verdicts: inside.into(), ..parsed })
}

/// Returns the blocks of a call whose blocks are all literals.
fn literals(args: &[Expr]) -> Option<Vec<Option<&str>>> {
    texts(args.iter().skip(1).map(|block| match block {
        Expr::Literal(scalar, _) => Some(scalar),
        _ => None,
    }))
}

/// Returns the blocks if all are constant.
fn constants(blocks: &[ColumnarValue]) -> Option<Vec<Option<&str>>> {
    texts(blocks.iter().map(|block| match block {
        ColumnarValue::Scalar(scalar) => Some(scalar),
        ColumnarValue::Array(_) => None,
    }))
}

fn texts<'a>(scalars: impl Iterator<Item = Option<&'a ScalarValue>>) -> Option<Vec<Option<&'a str>>> {
    let texts: Vec<_> = scalars.map(|scalar| listed_texts(scalar?)).collect::<Option<_>>()?;
    Some(texts.into_iter().flatten().collect())
}

/// Returns the set of some blocks, or what is wrong with one of them.
pub(crate) fn blocks(texts: &[&str]) -> std::result::Result<Blocks, String> {
    let wrong = |text: &str, reason: String| format!("'{text}' is no address block: {reason}");
    let parse = |text: &&str| parse_block(text).map_err(|reason| wrong(text, reason));
    Ok(Blocks::new(&texts.iter().map(parse).collect::<std::result::Result<Vec<_>, _>>()?))
}

fn compile(literals: &[Option<&str>]) -> Result<Literals> {
    let ranges = literals.iter().flatten().map(|text| block(text)).collect::<std::result::Result<Vec<_>, _>>();
    let ranges = ranges.or_else(|message| plan_err!("{message}"))?;
    Ok(Literals { blocks: Blocks::new(&ranges), null: literals.iter().any(Option::is_none) })
}

/// Returns the range of a block, or the whole message of its error.
fn block(text: &str) -> std::result::Result<Range, String> {
    parse_block(text).map_err(|reason| {
        format!("{NAME}: '{text}' is no address block: {reason}; write it as 10.0.0.0/8, fe80::/10 or 192.0.2.1")
    })
}

/// Returns `x` of `to_ip(x)`: testing an address needs no canonical text of it.
fn without_to_ip(address: &Expr, info: &SimplifyContext) -> Option<Expr> {
    let Expr::ScalarFunction(call) = address else {
        return None;
    };
    let inner = call.args.first().filter(|_| call.func.inner().is::<ToIp>())?;
    // A list loses elements that are no addresses to `to_ip`, which may leave it a single value.
    match info.get_data_type(inner) {
        Ok(DataType::List(_) | DataType::LargeList(_)) | Err(_) => None,
        Ok(_) => Some(inner.clone()),
    }
}
