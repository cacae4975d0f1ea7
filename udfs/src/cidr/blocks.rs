//! A set of address blocks compiled for lookup: sorted disjoint ranges, and for IPv4 a table over the first octet; blocks
//! of one address apart.

use std::net::IpAddr;

use ipnet::IpNet;

use super::points::Points;
use crate::address::{Address, MAPPED};
use crate::dotted::Dotted;

/// One block as the inclusive range of its addresses, IPv4 in mapped form.
pub(crate) type Range = (u128, u128);

/// Blocks compiled for lookup.
#[derive(Debug)]
pub(crate) struct Blocks {
    v4: Disjoint<u32>,
    all: Disjoint<u128>,
    /// What the ranges say of each first octet of an IPv4 address: most lookups end here.
    octets: Box<[Coverage; 256]>,
    points: Points,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coverage {
    None,
    Part,
    Whole,
}

impl Blocks {
    /// Returns the set of these ranges, in any order, overlapping or not.
    pub(crate) fn new(ranges: &[Range]) -> Self {
        let (points, spans): (Vec<Range>, Vec<Range>) = ranges.iter().partition(|(first, end)| first == end);
        let points = Points::new(points.into_iter().map(|(address, _)| address).collect());
        let all = Disjoint::new(&spans);
        let last = MAPPED | u128::from(u32::MAX);
        let v4: Vec<(u32, u32)> = all
            .ranges()
            .filter(|(first, end)| *first <= last && *end >= MAPPED)
            .map(|(first, end)| (first.max(MAPPED) as u32, end.min(last) as u32))
            .collect();
        let v4 = Disjoint::new(&v4);
        let mut octets = Box::new([Coverage::None; 256]);
        for (octet, coverage) in (0_u32..).zip(octets.iter_mut()) {
            let (low, high) = (octet << 24, octet << 24 | 0x00ff_ffff);
            for (first, end) in v4.ranges() {
                if first <= low && high <= end {
                    *coverage = Coverage::Whole;
                } else if first <= high && low <= end {
                    *coverage = Coverage::Part;
                }
            }
        }
        Self { v4, all, octets, points }
    }

    /// True if an address is in one of the blocks.
    #[inline]
    pub(crate) fn contain(&self, address: Address) -> bool {
        let spanned = match address {
            Address::V4(address) => match self.octets[(address >> 24) as usize] {
                Coverage::None => false,
                Coverage::Whole => true,
                Coverage::Part => self.v4.contain(address),
            },
            Address::V6(bits) => self.all.contain(bits),
        };
        spanned || self.points.contain(address)
    }

    /// The same for an address as it is spelled; `None` if the text is no address.
    #[inline]
    pub(crate) fn contain_text(&self, text: &str) -> Option<bool> {
        if let Some(dotted) = Dotted::read(text.as_bytes()) {
            // Most addresses need not even be made numbers of.
            let may_be_inside = !self.v4.is_empty() || self.points.may_contain(dotted);
            return Some(may_be_inside && self.contain(Address::V4(dotted.number())));
        }
        Address::from_text(text).map(|address| self.contain(address))
    }
}

/// Sorted ranges of which no two touch.
#[derive(Debug)]
struct Disjoint<T> {
    firsts: Vec<T>,
    ends: Vec<T>,
}

impl<T: Copy + Ord + Into<u128>> Disjoint<T> {
    fn new(ranges: &[(T, T)]) -> Self {
        let mut sorted = ranges.to_vec();
        sorted.sort_unstable();
        let (mut firsts, mut ends) = (Vec::new(), Vec::<T>::new());
        for (first, end) in sorted {
            match ends.last_mut() {
                Some(last) if first.into() <= (*last).into().saturating_add(1) => *last = end.max(*last),
                _ => {
                    firsts.push(first);
                    ends.push(end);
                }
            }
        }
        Self { firsts, ends }
    }

    fn is_empty(&self) -> bool {
        self.firsts.is_empty()
    }

    fn ranges(&self) -> impl Iterator<Item = (T, T)> {
        self.firsts.iter().copied().zip(self.ends.iter().copied())
    }

    #[inline]
    fn contain(&self, address: T) -> bool {
        let after = self.firsts.partition_point(|first| *first <= address);
        after.checked_sub(1).and_then(|at| self.ends.get(at)).is_some_and(|end| address <= *end)
    }
}

/// Returns the range of a block, or what is wrong with its text.
///
/// A block is an address with or without a prefix; host bits are masked; a block of IPv4-mapped IPv6 addresses with a
/// prefix of 96 or more is the IPv4 block.
pub(crate) fn parse_block(text: &str) -> Result<Range, String> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return Err(format!("found '{address}', expected an IPv4 or IPv6 address"));
    };
    let Some(prefix) = prefix else {
        return Ok(range(IpNet::from(address)));
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let digits = (1..=3).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_digit());
    match prefix.parse::<u8>().ok().filter(|_| digits).and_then(|prefix| IpNet::new(address, prefix).ok()) {
        Some(net) => Ok(range(net)),
        None => Err(format!("found the prefix '{prefix}', expected a number from 0 to {bits}")),
    }
}

/// Returns the inclusive range of a network, IPv4 in mapped form.
fn range(net: IpNet) -> Range {
    let bits = |address| match address {
        IpAddr::V4(address) => MAPPED | u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    (bits(net.network()), bits(net.broadcast()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    fn set(blocks: &[&str]) -> Blocks {
        Blocks::new(&blocks.iter().map(|block| parse_block(block).unwrap()).collect::<Vec<_>>())
    }

    fn within(address: &str, blocks: &[&str]) -> bool {
        set(blocks).contain(Address::from_text(address).unwrap())
    }

    #[test]
    fn blocks_with_and_without_prefix() {
        assert!(within("::1", &["::1"]));
        assert!(within("fe80::1:2", &["FE80::/10"]));
        assert!(within("10.1.2.3", &["10.255.255.255/8"]), "host bits are masked");
        assert!(!within("11.0.0.0", &["10.0.0.0/8"]));
        assert!(within("::ffff:10.1.2.3", &["10.0.0.0/8"]));
        assert!(within("10.1.2.3", &["::ffff:10.0.0.0/104"]));
        assert!(within("1.2.3.4", &["::/0"]) && within("2001:db8::1", &["::/0"]));
        assert!(within("1.2.3.4", &["0.0.0.0/0"]) && !within("2001:db8::1", &["0.0.0.0/0"]));
        assert!(!within("::1.2.3.4", &["0.0.0.0/0"]));
        assert!(!within("1.2.3.4", &[]));
    }

    #[test]
    fn overlapping_duplicate_and_touching_blocks_are_one_range() {
        let blocks = set(&["10.0.0.0/9", "10.128.0.0/9", "10.0.0.0/8", "10.2.0.0/16", "10.0.0.0/8"]);
        assert_eq!(blocks.v4.ranges().collect::<Vec<_>>(), [(0x0a00_0000, 0x0aff_ffff)]);
        assert_eq!(blocks.octets[10], Coverage::Whole);
        assert_eq!(set(&["::/0"]).all.ranges().collect::<Vec<_>>(), [(0, u128::MAX)]);
    }

    #[test]
    fn errors_say_what_was_found_and_expected() {
        for bad in [
            "",
            "/8",
            "10.0.0/8",
            "10.0.0.0/33",
            "::1/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "010.0.0.0/8",
            "fe80::1%1",
        ] {
            assert!(parse_block(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_block("10.0.0.0/33").unwrap_err(), "found the prefix '33', expected a number from 0 to 32");
        assert_eq!(parse_block("nowhere").unwrap_err(), "found 'nowhere', expected an IPv4 or IPv6 address");
    }

    /// Compares bit by bit, with nothing but the standard library.
    fn naive(address: u128, network: u128, prefix: u32) -> bool {
        (0..prefix).all(|bit| (address >> (127 - bit)) & 1 == (network >> (127 - bit)) & 1)
    }

    fn address() -> impl Strategy<Value = u128> {
        // Few bits, so that addresses and blocks meet.
        let few = prop_oneof![0..64_u32, any::<u32>()];
        prop_oneof![few.prop_map(|v4| MAPPED | u128::from(v4)), (0..64_u128), any::<u128>()]
    }

    proptest! {
        #[test]
        fn equals_the_naive_matcher(
            address in address(),
            blocks in proptest::collection::vec((address(), 0..=128_u32), 0..12),
            aim in any::<Option<proptest::sample::Index>>(),
        ) {
            let mut ranges = Vec::new();
            let mut expected = false;
            // Half of the probes are near one of the blocks.
            let address = match aim {
                Some(index) if !blocks.is_empty() => blocks[index.index(blocks.len())].0 ^ (address & 7),
                _ => address,
            };
            for (network, prefix) in blocks {
                let block = Address::from_bits(network);
                let prefix = match block {
                    Address::V4(_) => 96 + prefix % 33,
                    Address::V6(_) => prefix,
                };
                let shown = if matches!(block, Address::V4(_)) { prefix - 96 } else { prefix };
                ranges.push(parse_block(&format!("{block}/{shown}")).unwrap());
                expected |= naive(address, network, prefix);
            }
            let (blocks, address) = (Blocks::new(&ranges), Address::from_bits(address));
            prop_assert_eq!(blocks.contain(address), expected);
            prop_assert_eq!(blocks.contain_text(&address.to_string()), Some(expected));
        }
    }
}
