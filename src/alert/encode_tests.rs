#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Int32Builder, Int64Array, Int64RunArray, LargeListBuilder, ListBuilder,
    StringBuilder, StringViewBuilder, StructArray, TimestampSecondArray, UInt64Array, new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::Field;
use proptest::prelude::*;

use super::*;

fn bytes(array: &dyn Array, row: usize) -> Vec<u8> {
    let mut out = Vec::new();
    encode(array, row, &mut out).unwrap();
    out
}

fn same_after_casts(array: &ArrayRef, types: &[DataType]) {
    for ty in types {
        let other = cast(array, ty).unwrap();
        assert_eq!(other.data_type(), ty);
        for row in 0..array.len() {
            assert_eq!(bytes(array, row), bytes(&other, row), "{ty} at {row}");
        }
    }
}

fn dictionary_of(key: DataType, value: DataType) -> DataType {
    DataType::Dictionary(Box::new(key), Box::new(value))
}

#[test]
fn text_in_every_encoding() {
    let array: ArrayRef = Arc::new(
        ["a", "", "a longer text than a view holds inline", "a"]
            .iter()
            .map(Some)
            .chain([None])
            .collect::<datafusion::arrow::array::StringArray>(),
    );
    let types = [
        DataType::LargeUtf8,
        DataType::Utf8View,
        dictionary_of(DataType::Int32, DataType::Utf8),
        dictionary_of(DataType::UInt8, DataType::LargeUtf8),
    ];
    same_after_casts(&array, &types);
}

#[test]
fn numbers_of_any_width() {
    let array: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), Some(127), None]));
    let types = [DataType::Int8, DataType::Int32, DataType::UInt8, DataType::UInt16, DataType::UInt64];
    same_after_casts(&array, &types);
    let floats = cast(&array, &DataType::Float64).unwrap();
    same_after_casts(&floats, &[DataType::Float16, DataType::Float32]);
    assert_ne!(bytes(&floats, 1), bytes(&array, 1));
    assert_ne!(bytes(&UInt64Array::from(vec![u64::MAX]), 0), bytes(&Int64Array::from(vec![-1]), 0));
    let zeros = datafusion::arrow::array::Float64Array::from(vec![0.0, -0.0, f64::NAN, -f64::NAN]);
    assert_eq!(bytes(&zeros, 0), bytes(&zeros, 1));
    assert_eq!(bytes(&zeros, 2), bytes(&zeros, 3));
    let wide = cast(&array, &DataType::Decimal128(20, 4)).unwrap();
    same_after_casts(&wide, &[DataType::Decimal256(40, 0), DataType::Decimal64(10, 2)]);
}

#[test]
fn instants_of_any_unit() {
    let array: ArrayRef = Arc::new(TimestampSecondArray::from(vec![Some(86_400), Some(-1), None]));
    let timestamp = |unit, zone: Option<&str>| DataType::Timestamp(unit, zone.map(Into::into));
    let types = [
        timestamp(TimeUnit::Millisecond, Some("UTC")),
        timestamp(TimeUnit::Microsecond, Some("+00:00")),
        timestamp(TimeUnit::Nanosecond, None),
    ];
    same_after_casts(&array, &types);
    assert_eq!(bytes(&array, 0), bytes(&Date32Array::from(vec![1]), 0));
}

#[test]
fn bytes_in_every_array() {
    let array: ArrayRef = Arc::new(datafusion::arrow::array::BinaryArray::from(vec![b"abcd".as_slice(), b"efgh"]));
    same_after_casts(&array, &[DataType::LargeBinary, DataType::BinaryView, DataType::FixedSizeBinary(4)]);
    assert_ne!(bytes(&array, 0), bytes(&datafusion::arrow::array::StringArray::from(vec!["abcd"]), 0));
}

#[test]
fn a_list_of_one_is_its_value() {
    let mut list = ListBuilder::new(StringBuilder::new());
    let mut large = LargeListBuilder::new(StringViewBuilder::new());
    let rows: [&[Option<&str>]; 5] = [&[Some("a")], &[Some("a"), None], &[], &[None], &[Some("b"), Some("a")]];
    for row in rows {
        list.append_value(row.iter().copied());
        large.append_value(row.iter().copied());
    }
    list.append_null();
    large.append_null();
    let (list, large) = (list.finish(), large.finish());
    let texts = datafusion::arrow::array::StringArray::from(vec![Some("a"), None]);
    for array in [&list as &dyn Array, &large] {
        assert_eq!(bytes(array, 0), bytes(&texts, 0));
        assert_eq!(bytes(array, 1), bytes(&texts, 0));
        for null in [2, 3, 5] {
            assert_eq!(bytes(array, null), bytes(&texts, 1));
        }
    }
    assert_eq!(bytes(&list, 4), bytes(&large, 4));
    let mut other = ListBuilder::new(StringBuilder::new());
    other.append_value([Some("a"), Some("b")]);
    assert_ne!(bytes(&list, 4), bytes(&other.finish(), 0));
}

#[test]
fn structs_runs_booleans_and_the_rest() {
    let number: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let wide: ArrayRef = cast(&number, &DataType::Int32).unwrap();
    let of = |column: ArrayRef| {
        StructArray::from(vec![(Arc::new(Field::new("n", column.data_type().clone(), true)), column)])
    };
    assert_eq!(bytes(&of(number.clone()), 1), bytes(&of(wide), 1));
    let runs: Int64RunArray = ["x", "x", "y"].into_iter().collect();
    let texts = datafusion::arrow::array::StringArray::from(vec!["x", "x", "y"]);
    for row in 0..3 {
        assert_eq!(bytes(&runs, row), bytes(&texts, row));
    }
    assert_ne!(bytes(&BooleanArray::from(vec![true]), 0), bytes(&BooleanArray::from(vec![false]), 0));
    assert_eq!(bytes(&new_null_array(&DataType::Null, 1), 0), [NULL]);
    let time = datafusion::arrow::array::Time32SecondArray::from(vec![1, 2]);
    assert_ne!(bytes(&time, 0), bytes(&time, 1));
    let nested = {
        let mut b = ListBuilder::new(ListBuilder::new(Int32Builder::new()));
        b.values().append_value([Some(1)]);
        b.values().append_value([Some(2)]);
        b.append(true);
        b.finish()
    };
    assert_eq!(bytes(&nested, 0)[0], LIST);
}

proptest! {
    #[test]
    fn sequences_of_texts_encode_alike_only_if_equal(
        a in prop::collection::vec(prop::option::of("[ab]{0,2}"), 0..3),
        b in prop::collection::vec(prop::option::of("[ab]{0,2}"), 0..3),
    ) {
        let all = |texts: &[Option<String>]| {
            let array = texts.iter().cloned().collect::<datafusion::arrow::array::StringViewArray>();
            let mut out = Vec::new();
            for row in 0..array.len() {
                encode(&array, row, &mut out).unwrap();
            }
            out
        };
        prop_assert_eq!(a == b, all(&a) == all(&b));
    }
}
