//! Columns of addresses: as text, as numbers (IPv4), as 4 or 16 bytes.

use std::cell::RefCell;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, UInt32Type};
use datafusion::common::Result;

use crate::address::Address;
use crate::judge::{Judged, judge, judge_text};
use crate::text::{plain_text, text_argument};

/// What a warning says of a value that spells no address.
pub(crate) const NO_ADDRESS: &str = "not an IP address, taken as null";

/// Returns the type an address is taken in, or `None` if this type holds no address.
pub(crate) fn address_argument(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::UInt32 | DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Some(data_type.clone()),
        DataType::FixedSizeBinary(4 | 16) => Some(data_type.clone()),
        DataType::Dictionary(_, value) if !matches!(**value, DataType::Dictionary(..)) => {
            address_argument(value).map(|_| data_type.clone())
        }
        DataType::List(element) | DataType::LargeList(element) => {
            address_argument(element.data_type()).map(|_| data_type.clone())
        }
        other => text_argument(other),
    }
}

/// Tests each address of an array without dictionary; what is no address fails.
pub(crate) fn judge_addresses(array: &ArrayRef, test: impl Fn(Address) -> bool) -> Result<Judged> {
    let (len, nulls) = (array.len(), array.nulls());
    let bytes = |bytes: &[u8]| Address::from_bytes(bytes).map(&test);
    Ok(match array.data_type() {
        DataType::UInt32 => {
            let array = array.as_primitive::<UInt32Type>();
            judge(len, nulls, |row| Some(test(Address::V4(array.value(row)))))
        }
        DataType::Binary => judge(len, nulls, |row| bytes(array.as_binary::<i32>().value(row))),
        DataType::LargeBinary => judge(len, nulls, |row| bytes(array.as_binary::<i64>().value(row))),
        DataType::BinaryView => judge(len, nulls, |row| bytes(array.as_binary_view().value(row))),
        DataType::FixedSizeBinary(_) => judge(len, nulls, |row| bytes(array.as_fixed_size_binary().value(row))),
        DataType::Null => judge_text(&plain_text(array)?, |_| None)?,
        _ => judge_text(array, |text| Address::from_text(text).map(&test))?,
    })
}

/// Returns the address of each row; `None` where it is null or no address.
pub(crate) fn parse_all(array: &ArrayRef) -> Result<Vec<Option<Address>>> {
    let bits = RefCell::new(Vec::with_capacity(array.len()));
    // The tester sees only rows that hold an address; the rest are told apart by the verdicts.
    let judged = judge_addresses(array, |address| {
        bits.borrow_mut().push(address);
        true
    })?;
    let mut found = bits.into_inner().into_iter();
    Ok(judged.verdicts.iter().map(|verdict| verdict.and_then(|_| found.next())).collect())
}

/// Returns the array with a dictionary unpacked.
pub(crate) fn unpack(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(_, value) => Ok(cast(array, value)?),
        _ => Ok(Arc::clone(array)),
    }
}
