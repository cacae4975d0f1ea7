//! A set of single addresses: most lookups end at one bit.

use std::net::Ipv4Addr;

use crate::address::Address;
use crate::dotted::Dotted;

/// Bits a member: what is no member finds its bit clear in all but one of this many lookups.
const SPARSE: usize = 64;

/// Single addresses, each in the one form of all addresses: 128 bits.
#[derive(Debug, Default)]
pub(crate) struct Points {
    sorted: Vec<u128>,
    addresses: Filter,
    /// The same for the texts of the members that are IPv4.
    texts: Filter,
}

/// A bit for each hash that a member has.
#[derive(Debug, Default)]
struct Filter {
    /// Empty without members.
    bits: Vec<u64>,
    /// How far hashes are shifted to be places of bits.
    shift: u32,
}

impl Points {
    /// Returns the set of these addresses, in any order, once or several times.
    pub(crate) fn new(mut addresses: Vec<u128>) -> Self {
        addresses.sort_unstable();
        addresses.dedup();
        let text = |bits: &u128| match Address::from_bits(*bits) {
            Address::V4(address) => Dotted::read(Ipv4Addr::from_bits(address).to_string().as_bytes()),
            Address::V6(_) => None,
        };
        let texts: Vec<u128> = addresses.iter().filter_map(text).map(|dotted| dotted.word).collect();
        Self { addresses: Filter::new(&addresses), texts: Filter::new(&texts), sorted: addresses }
    }

    /// True if an address is one of these.
    #[inline]
    pub(crate) fn contain(&self, address: Address) -> bool {
        let bits = address.bits();
        self.addresses.may_hold(bits) && self.sorted.binary_search(&bits).is_ok()
    }

    /// False if none of these addresses is spelled so.
    #[inline]
    pub(crate) fn may_contain(&self, text: Dotted) -> bool {
        self.texts.may_hold(text.word)
    }
}

impl Filter {
    fn new(members: &[u128]) -> Self {
        if members.is_empty() {
            return Self::default();
        }
        let bits = (members.len() * SPARSE).next_power_of_two();
        let mut filter = Self { bits: vec![0; bits / 64], shift: 64 - bits.trailing_zeros() };
        for member in members {
            let place = filter.place(*member);
            if let Some(word) = filter.bits.get_mut(place / 64) {
                *word |= 1 << (place % 64);
            }
        }
        filter
    }

    #[inline]
    fn may_hold(&self, value: u128) -> bool {
        let place = self.place(value);
        self.bits.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// The place that a value has among the bits: the upper bits of a product depend on all bits of the value.
    #[inline]
    fn place(&self, value: u128) -> usize {
        let folded = (value >> 64) as u64 ^ (value as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (folded.wrapping_mul(0xd6e8_feb8_6659_fd93) >> (self.shift & 63)) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::MAPPED;

    fn few() -> impl Strategy<Value = u128> {
        (0..300_u128).prop_map(|bits| MAPPED | bits)
    }

    proptest! {
        #[test]
        fn equals_a_search(
            members in proptest::collection::vec(prop_oneof![0..300_u128, few(), any::<u128>()], 0..200),
            others in proptest::collection::vec(prop_oneof![0..300_u128, few(), any::<u128>()], 0..50),
        ) {
            let points = Points::new(members.clone());
            for address in others.iter().chain(&members) {
                let address = Address::from_bits(*address);
                let expected = members.contains(&address.bits());
                prop_assert_eq!(points.contain(address), expected);
                if let Some(text) = Dotted::read(address.to_string().as_bytes()) {
                    prop_assert!(!expected || points.may_contain(text));
                }
            }
        }
    }
}
