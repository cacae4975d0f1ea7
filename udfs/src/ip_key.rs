//! `ip_key(x)`: the 16 bytes by which addresses order.
//!
//! ES|QL orders addresses by their bytes, IPv4 as the IPv6 address it maps to: `::1`, `127.0.0.1`, `fe80::1`.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let rows = context.sql("SELECT ip_key('9.0.0.0') < ip_key('10.0.0.0') AS less").await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("true"));
//! # Ok(())
//! # }
//! ```

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::addresses::{address_argument, parse_all, unpack};
use crate::documentation::documentation;
use crate::list::element_type;
use crate::mv::one_value_back;

const NAME: &str = "ip_key";

/// The function `ip_key`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct IpKey {
    signature: Signature,
}

impl IpKey {
    /// Returns the function.
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for IpKey {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [value] if element_type(value).is_none() => {
                if let Some(taken) = address_argument(value) {
                    Ok(vec![taken])
                } else {
                    plan_err!("{NAME}: found {value}, expected text, UInt32 (IPv4) or 4 or 16 bytes")
                }
            }
            [list] => plan_err!("{NAME}: found {list}, expected one address; take single_value(..) or unnest the list"),
            _ => plan_err!("{NAME}: found {} arguments, expected one", types.len()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = args.args.as_slice() else {
            return exec_err!("{NAME}: found {} arguments, expected one", args.args.len());
        };
        one_value_back(value, keys)
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns the 16 bytes of an IP address, IPv4 as the IPv6 address it maps to: the order of these bytes is \
                 ES|QL's order of addresses. Null if it is no address.",
                "ip_key(value)",
                "SELECT ip_key('9.0.0.0') < ip_key('10.0.0.0');",
            )
            .with_argument("value", "Text, UInt32 (IPv4), 4 or 16 bytes.")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

fn keys(array: &ArrayRef) -> Result<ArrayRef> {
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        if dictionary.values().len() > dictionary.len() {
            return keys(&unpack(array)?);
        }
        return Ok(take(&keys(dictionary.values())?, dictionary.keys(), None)?);
    }
    let mut keys = BinaryBuilder::with_capacity(array.len(), array.len() * 16);
    for address in parse_all(array)? {
        match address {
            Some(address) => keys.append_value(address.bits().to_be_bytes()),
            None => keys.append_null(),
        }
    }
    Ok(Arc::new(keys.finish()))
}
