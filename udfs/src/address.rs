//! Internet addresses as the functions see them: 128 bits, an IPv4 address being the IPv6 address it maps to.
//!
//! That is Elasticsearch's view: `::ffff:1.2.3.4` and `1.2.3.4` are one address, and addresses order by their bytes.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{dotted, groups};

/// First of the 2^32 addresses `::ffff:0:0/96` that stand for IPv4.
pub(crate) const MAPPED: u128 = 0xffff << 32;

/// An address in the one form all functions compare and print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    /// An IPv4 address, also when it was written as IPv4-mapped IPv6.
    V4(u32),
    /// Any other IPv6 address.
    V6(u128),
}

impl Address {
    /// Returns the address a text spells, or `None`: no zone ids, no ports, no leading zeros in IPv4 octets.
    #[inline]
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        if let Some(address) = dotted::parse(text.as_bytes()) {
            return Some(Self::V4(address));
        }
        let bits = groups::parse(text.as_bytes()).or_else(|| text.parse().ok().map(Ipv6Addr::to_bits));
        bits.map(Self::from_bits)
    }

    /// Returns the address of 4 or 16 bytes in network order, or `None` for any other length.
    #[inline]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
            return Some(Self::V4(u32::from_be_bytes(octets)));
        }
        <[u8; 16]>::try_from(bytes).ok().map(|octets| Self::from_bits(u128::from_be_bytes(octets)))
    }

    /// Returns the address of 128 bits; a mapped one is IPv4.
    #[inline]
    pub(crate) fn from_bits(bits: u128) -> Self {
        if bits >> 32 == 0xffff { Self::V4(bits as u32) } else { Self::V6(bits) }
    }

    /// Returns the 128 bits by which addresses compare.
    #[inline]
    pub(crate) fn bits(self) -> u128 {
        match self {
            Self::V4(address) => MAPPED | u128::from(address),
            Self::V6(bits) => bits,
        }
    }
}

/// Prints dotted IPv4, or IPv6 as RFC 5952 asks (the standard library does so).
impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::V4(address) => Ipv4Addr::from_bits(address).fmt(formatter),
            Self::V6(bits) => Ipv6Addr::from_bits(bits).fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    fn by_std(text: &str) -> Option<u128> {
        text.parse::<IpAddr>().ok().map(|address| match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        })
    }

    fn print(text: &str) -> Option<String> {
        Address::from_text(text).map(|address| address.to_string())
    }

    #[test]
    fn prints_the_canonical_form() {
        assert_eq!(print("::FFFF:192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(print("::ffff:c000:201").as_deref(), Some("192.0.2.1"));
        assert_eq!(print("2001:DB8:0:0:1:0:0:1").as_deref(), Some("2001:db8::1:0:0:1"));
        assert_eq!(print("::1").as_deref(), Some("::1"));
        for no in
            ["", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "fe80::1%eth0", "1.2.3.4:80", " 1.2.3.4", "1..2.3"]
        {
            assert_eq!(print(no), None, "{no}");
        }
    }

    #[test]
    fn bytes_of_4_and_16() {
        assert_eq!(Address::from_bytes(&[10, 0, 0, 1]), Some(Address::V4(0x0a00_0001)));
        assert_eq!(Address::from_bytes(&(MAPPED | 1).to_be_bytes()), Some(Address::V4(1)));
        assert_eq!(Address::from_bytes(&1_u128.to_be_bytes()), Some(Address::V6(1)));
        assert_eq!(Address::from_bytes(&[1, 2, 3]), None);
    }

    proptest! {
        #[test]
        fn parser_agrees_with_std_on_near_misses(text in "[0-9]{0,3}(\\.[0-9]{0,3}){2,4}[:. x]?") {
            prop_assert_eq!(Address::from_text(&text).map(Address::bits), by_std(&text));
        }

        #[test]
        fn parser_agrees_with_std_on_anything(text in "[0-9a-fA-F:.%]{0,24}") {
            prop_assert_eq!(Address::from_text(&text).map(Address::bits), by_std(&text));
        }

        #[test]
        fn printing_and_parsing_are_inverse(bits in prop_oneof![any::<u128>(), any::<u32>().prop_map(|v4| MAPPED | u128::from(v4))]) {
            let address = Address::from_bits(bits);
            prop_assert_eq!(Address::from_text(&address.to_string()), Some(address));
            prop_assert_eq!(address.bits(), bits);
        }
    }
}
