//! `to_ip(x)`: the canonical text of an address.
//!
//! IPv6 as RFC 5952 asks, an IPv4-mapped one as IPv4, so that equal addresses are equal text. From text, UInt32 (IPv4)
//! or 4 or 16 bytes; of a list, element by element, dropping what is no address.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let rows = context.sql("SELECT to_ip('2001:DB8:0::1') AS ip").await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("2001:db8::1 "));
//! # Ok(())
//! # }
//! ```

use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::address::Address;
use crate::addresses::{NO_ADDRESS, address_argument, judge_addresses, parse_all, unpack};
use crate::documentation::documentation;
use crate::label;
use crate::list::{element_type, list_argument, list_of, map_elements};
use crate::mv::one_value_back;
use crate::warnings::Warnings;

const NAME: &str = "to_ip";

/// The function `to_ip`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ToIp {
    signature: Signature,
    warnings: Warnings,
}

impl ToIp {
    /// Returns the function, reporting to `warnings`.
    pub(crate) fn new(warnings: Warnings) -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), warnings }
    }
}

impl ScalarUDFImpl for ToIp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match types {
            [list, ..] if element_type(list).is_some() => list_of(DataType::Utf8View),
            _ => DataType::Utf8View,
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [value, label @ ..] = types else {
            return plan_err!("{NAME}: found no argument, expected one");
        };
        if let Some(taken) = address_argument(&list_argument(value)) {
            Ok([vec![taken], label::argument(NAME, label)?].concat())
        } else {
            plan_err!("{NAME}: found {value}, expected text, UInt32 (IPv4), 4 or 16 bytes, or a list of these")
        }
    }

    fn simplify(&self, mut args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let again = |argument: &Expr| matches!(argument, Expr::ScalarFunction(call) if call.func.inner().is::<Self>());
        if args.first().is_some_and(again) {
            return Ok(ExprSimplifyResult::Simplified(args.swap_remove(0)));
        }
        Ok(ExprSimplifyResult::Original(args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let subject = label::subject(&args, 1);
        let Some(value) = args.args.first() else {
            return exec_err!("{NAME}: found no argument, expected one");
        };
        one_value_back(value, |array| {
            if element_type(array.data_type()).is_some() {
                map_elements(array, |values| self.of_values(values, subject))
            } else {
                self.of_values(array, subject)
            }
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns the canonical text of an IP address: IPv6 as RFC 5952 asks, IPv4-mapped IPv6 as IPv4. Null, \
                 with a warning, if it is no address. Of a list, element by element, dropping what is no address.",
                "to_ip(value[, label])",
                "SELECT to_ip('2001:DB8:0::1');",
            )
            .with_argument("value", "Text, UInt32 (IPv4), 4 or 16 bytes, or a list of these.")
            .with_argument("label", label::MEANING)
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

impl ToIp {
    fn of_values(&self, array: &ArrayRef, subject: &str) -> Result<ArrayRef> {
        if let Some(dictionary) = array.as_any_dictionary_opt() {
            if dictionary.values().len() > dictionary.len() {
                return self.of_values(&unpack(array)?, subject);
            }
            // Printed once a dictionary value, and views copy no text.
            return Ok(take(&self.of_values(dictionary.values(), subject)?, dictionary.keys(), None)?);
        }
        if let Some(same) = canonical_already(array) {
            return Ok(same);
        }
        let judged = judge_addresses(array, |_| true)?;
        judged.report(&self.warnings, NAME, subject, NO_ADDRESS, array);
        let mut texts = StringViewBuilder::with_capacity(array.len());
        let mut text = String::new();
        for address in parse_all(array)? {
            match address {
                Some(address) => {
                    text.clear();
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{address}");
                    texts.append_value(&text);
                }
                None => texts.append_null(),
            }
        }
        Ok(Arc::new(texts.finish()))
    }
}

/// Returns the array itself if it is views of nothing but canonical addresses, as stored addresses mostly are.
fn canonical_already(array: &ArrayRef) -> Option<ArrayRef> {
    let texts: &StringViewArray = array.as_string_view_opt()?;
    let mut printed = String::new();
    let canonical = texts.iter().flatten().all(|text| match Address::from_text(text) {
        // The parser takes one spelling of an IPv4 address only, so a short look tells.
        Some(Address::V4(_)) => !text.contains(':'),
        Some(address) => {
            printed.clear();
            write!(printed, "{address}").is_ok() && printed == text
        }
        None => false,
    });
    canonical.then(|| Arc::clone(array))
}
