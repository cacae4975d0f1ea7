//! Values of up to 64 bits, kept as words whose order is the order of the values.

use ahash::RandomState;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Date64Type, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use datafusion::common::{Result, exec_err};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::interner::NONE;

/// Distinct words, numbered in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Words {
    known: Vec<u64>,
    table: HashTable<u32>,
    random: RandomState,
}

impl Words {
    /// Writes the number of each selected word, [`NONE`] for the others.
    pub(crate) fn intern(&mut self, words: &[u64], selected: Option<&NullBuffer>, ids: &mut Vec<u32>) {
        let number = |word: &u64| self.number(*word);
        match selected {
            None => ids.extend(words.iter().map(number)),
            Some(selected) => {
                let mut number = number;
                ids.extend(words.iter().zip(selected).map(|(word, counts)| if counts { number(word) } else { NONE }));
            }
        }
    }

    fn number(&mut self, word: u64) -> u32 {
        let Self { known, table, random } = self;
        let hash = random.hash_one(word);
        match table.entry(hash, |id| known[*id as usize] == word, |id| random.hash_one(known[*id as usize])) {
            Entry::Occupied(old) => *old.get(),
            Entry::Vacant(new) => {
                let id = known.len() as u32;
                new.insert(id);
                known.push(word);
                id
            }
        }
    }

    /// Returns how many words there are.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Returns a word by number.
    pub(crate) fn at(&self, id: u32) -> u64 {
        self.known[id as usize]
    }

    /// Returns the bytes allocated.
    pub(crate) fn size(&self) -> usize {
        self.known.capacity() * size_of::<u64>() + self.table.allocation_size()
    }
}

/// A native value as a word, so that words order as values do.
trait Word: Copy {
    fn to_word(self) -> u64;
    fn from_word(word: u64) -> Self;
}

macro_rules! unsigned_word {
    ($($native:ty),*) => {$(
        impl Word for $native {
            fn to_word(self) -> u64 {
                u64::from(self)
            }
            fn from_word(word: u64) -> Self {
                word as Self
            }
        }
    )*};
}

macro_rules! signed_word {
    ($($native:ty),*) => {$(
        impl Word for $native {
            fn to_word(self) -> u64 {
                i64::from(self) as u64 ^ 1 << 63
            }
            fn from_word(word: u64) -> Self {
                (word ^ 1 << 63) as i64 as Self
            }
        }
    )*};
}

/// Positive numbers get the sign bit, negative ones are inverted: the bits then order as the numbers do. Every NaN is
/// one value, the greatest.
macro_rules! float_word {
    ($($native:ty, $bits:ty);*) => {$(
        impl Word for $native {
            fn to_word(self) -> u64 {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                let bits = if self.is_nan() { <$native>::NAN.to_bits() & !SIGN } else { self.to_bits() };
                u64::from(if bits & SIGN == 0 { bits | SIGN } else { !bits })
            }
            fn from_word(word: u64) -> Self {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                let bits = word as $bits;
                Self::from_bits(if bits & SIGN == 0 { !bits } else { bits & !SIGN })
            }
        }
    )*};
}

unsigned_word!(u8, u16, u32, u64);
signed_word!(i8, i16, i32, i64);
float_word!(f32, u32; f64, u64);

/// Runs `$body` with `$name` as the Arrow type of a data type that fits a word, else `$other`.
macro_rules! with_word_type {
    ($data_type:expr, $name:ident => $body:expr, $other:expr) => {
        with_word_type!(@ $data_type, $name, $body, $other,
            (DataType::Int8, Int8Type), (DataType::Int16, Int16Type), (DataType::Int32, Int32Type),
            (DataType::Int64, Int64Type), (DataType::UInt8, UInt8Type), (DataType::UInt16, UInt16Type),
            (DataType::UInt32, UInt32Type), (DataType::UInt64, UInt64Type),
            (DataType::Float32, Float32Type), (DataType::Float64, Float64Type), (DataType::Date32, Date32Type),
            (DataType::Date64, Date64Type), (DataType::Time32(TimeUnit::Second), Time32SecondType),
            (DataType::Time32(TimeUnit::Millisecond), Time32MillisecondType),
            (DataType::Time64(TimeUnit::Microsecond), Time64MicrosecondType),
            (DataType::Time64(TimeUnit::Nanosecond), Time64NanosecondType),
            (DataType::Timestamp(TimeUnit::Second, _), TimestampSecondType),
            (DataType::Timestamp(TimeUnit::Millisecond, _), TimestampMillisecondType),
            (DataType::Timestamp(TimeUnit::Microsecond, _), TimestampMicrosecondType),
            (DataType::Timestamp(TimeUnit::Nanosecond, _), TimestampNanosecondType),
            (DataType::Duration(TimeUnit::Second), DurationSecondType),
            (DataType::Duration(TimeUnit::Millisecond), DurationMillisecondType),
            (DataType::Duration(TimeUnit::Microsecond), DurationMicrosecondType),
            (DataType::Duration(TimeUnit::Nanosecond), DurationNanosecondType))
    };
    (@ $data_type:expr, $name:ident, $body:expr, $other:expr, $(($pattern:pat, $arrow:ty)),*) => {
        match $data_type {
            $($pattern => {
                type $name = $arrow;
                $body
            })*
            _ => $other,
        }
    };
}

/// True if values of this type are kept as words.
pub(crate) fn fits_word(data_type: &DataType) -> bool {
    *data_type == DataType::Boolean || with_word_type!(data_type, T => size_of::<T>() == 0, false)
}

/// Returns the words of an array, of whatever value where it is null.
pub(crate) fn to_words(array: &dyn Array) -> Result<Vec<u64>> {
    if let Some(booleans) = array.as_boolean_opt() {
        return Ok(booleans.values().iter().map(u64::from).collect());
    }
    with_word_type!(
        array.data_type(),
        T => Ok(array.as_primitive::<T>().values().iter().map(|value| value.to_word()).collect()),
        exec_err!("expected a value of up to 64 bits, found {}", array.data_type())
    )
}

/// Returns an array of this type from words.
pub(crate) fn from_words(data_type: &DataType, words: impl Iterator<Item = u64>) -> Result<ArrayRef> {
    if *data_type == DataType::Boolean {
        return Ok(std::sync::Arc::new(BooleanArray::from(words.map(|word| word != 0).collect::<Vec<bool>>())));
    }
    with_word_type!(
        data_type,
        T => {
            let values = PrimitiveArray::<T>::from_iter_values(words.map(Word::from_word));
            Ok(std::sync::Arc::new(values.with_data_type(data_type.clone())))
        },
        exec_err!("expected a type of up to 64 bits, found {data_type}")
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_order_as_values_do(left in any::<i64>(), right in any::<i64>(), x in any::<f64>(), y in any::<f64>()) {
            prop_assert_eq!(left.to_word().cmp(&right.to_word()), left.cmp(&right));
            prop_assert_eq!(i64::from_word(left.to_word()), left);
            prop_assert_eq!((left as i8).to_word().cmp(&(right as i8).to_word()), (left as i8).cmp(&(right as i8)));
            prop_assert_eq!(i8::from_word((left as i8).to_word()), left as i8);
            prop_assert_eq!(x.to_word().cmp(&y.to_word()), x.total_cmp(&y));
            prop_assert_eq!(f64::from_word(x.to_word()).to_bits(), x.to_bits());
            let (x, y) = (x as f32, y as f32);
            prop_assert_eq!(x.to_word().cmp(&y.to_word()), x.total_cmp(&y));
            prop_assert_eq!(f32::from_word(x.to_word()).to_bits(), x.to_bits());
        }
    }

    #[test]
    fn every_nan_is_one_value() {
        assert_eq!(f64::NAN.to_word(), (-f64::NAN).to_word());
        assert!(f64::NAN.to_word() > f64::INFINITY.to_word());
        assert!(f64::from_word(f64::NAN.to_word()).is_nan());
    }
}
