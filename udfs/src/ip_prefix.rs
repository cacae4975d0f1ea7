//! `ip_prefix(x, v4, v6)`: the first bits of an address, the others 0.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use datafusion::logical_expr::{Documentation, ScalarUDF};

use crate::documentation::documentation;
use crate::row::{Each, Gives, Made, RowFunction, Shape, Takes};
use crate::warnings::Warnings;

/// Returns the function `ip_prefix`, reporting to `warnings`.
pub(crate) fn ip_prefix(warnings: &Warnings) -> ScalarUDF {
    let shape = Shape {
        name: "ip_prefix",
        takes: &[Takes::Text, Takes::Long, Takes::Long],
        optional: 0,
        gives: Gives::Text,
        each,
        check: None,
        documentation: describe,
    };
    RowFunction::udf(shape, warnings)
}

fn each() -> Each {
    Box::new(|values| {
        let [address, v4, v6] = values else { return Ok(Made::Null) };
        let address: IpAddr = address.text().parse().map_err(|_| "no address, taken as null")?;
        let prefix =
            prefix(address.to_canonical(), v4.long(), v6.long()).ok_or("no length of a prefix, taken as null")?;
        Ok(Made::Text(prefix.to_string()))
    })
}

/// Both lengths must fit, whichever is used.
fn prefix(address: IpAddr, v4: i64, v6: i64) -> Option<IpAddr> {
    let (v4, v6) = (u32::try_from(v4).ok().filter(|v4| *v4 <= 32)?, u32::try_from(v6).ok().filter(|v6| *v6 <= 128)?);
    Some(match address {
        IpAddr::V4(address) => {
            Ipv4Addr::from_bits(address.to_bits() & u32::MAX.checked_shl(32 - v4).unwrap_or(0)).into()
        }
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & u128::MAX.checked_shl(128 - v6).unwrap_or(0)).into()
        }
    })
}

fn describe() -> Documentation {
    documentation(
        "Returns an address with all but its first bits 0; null, with a warning, if a length does not fit.",
        "ip_prefix(address, v4, v6)",
        "SELECT ip_prefix('10.1.2.3', 24, 112);",
    )
    .with_argument("address", "Text: an address.")
    .with_argument("v4", "How many bits of an IPv4 address stay, 0 to 32.")
    .with_argument("v6", "How many bits of an IPv6 address stay, 0 to 128.")
    .build()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn keeps_the_first_bits() {
        let shown = |text: &str, v4, v6| prefix(text.parse().unwrap(), v4, v6).map(|address| address.to_string());
        assert_eq!(shown("1.2.3.4", 24, 0).as_deref(), Some("1.2.3.0"));
        assert_eq!(shown("1.2.3.4", 0, 0).as_deref(), Some("0.0.0.0"));
        assert_eq!(shown("fe80::cae2:65ff:fece:feb9", 0, 112).as_deref(), Some("fe80::cae2:65ff:fece:0"));
        assert_eq!(shown("::1", 32, 128).as_deref(), Some("::1"));
        assert_eq!(shown("::1", 33, 128), None);
    }
}
