//! `cidr_match`, `to_ip` and `ip_key`.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, LargeBinaryArray, NullArray, UInt32Array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;

use crate::encodings::{error, plan, register, rows, session, text, text_types};

const ADDRESSES: [Option<&str>; 8] = [
    Some("10.1.2.3"),
    Some("::ffff:10.1.2.3"),
    Some("FE80::1"),
    None,
    Some("nowhere"),
    Some("11.0.0.1"),
    Some("::1"),
    Some("010.1.2.3"),
];

#[tokio::test]
async fn cidr_match_over_every_encoding() {
    for data_type in text_types() {
        let (context, warnings) = session();
        register(&context, &[("ip", text(&data_type, &ADDRESSES))]);
        let sql = "SELECT cidr_match(ip, '10.0.0.0/8', '::1', 'FE80::/10') FROM t";
        let expected = ["true", "true", "true", "-", "-", "false", "true", "-"];
        assert_eq!(rows(&context, sql).await, expected, "{data_type}");
        let taken = warnings.take();
        assert_eq!(taken.len(), 1, "{data_type}");
        assert_eq!((taken[0].function.as_str(), taken[0].subject.as_str(), taken[0].count), ("cidr_match", "ip", 2));
        assert_eq!(taken[0].example, "nowhere");
        let sql = "SELECT ip FROM t WHERE NOT cidr_match(ip, '10.0.0.0/8', '::1', 'FE80::/10')";
        assert_eq!(rows(&context, sql).await, ["11.0.0.1"], "{data_type}");
    }
}

#[tokio::test]
async fn cidr_match_with_blocks_in_columns() {
    let blocks = [Some("10.0.0.0/8"), Some("10.1.2.3"), Some("::/0"), Some("::/0"), Some("::/0"), None, None, None];
    for address_type in text_types() {
        for block_type in text_types() {
            let (context, _) = session();
            register(&context, &[("ip", text(&address_type, &ADDRESSES)), ("block", text(&block_type, &blocks))]);
            let expected = ["true", "true", "true", "-", "-", "-", "-", "-"];
            let got = rows(&context, "SELECT cidr_match(ip, block) FROM t").await;
            assert_eq!(got, expected, "{address_type} {block_type}");
            let got = rows(&context, "SELECT cidr_match(ip, block, '::1') FROM t").await;
            assert_eq!(got[6], "true", "{address_type} {block_type}");
            let got = rows(&context, "SELECT cidr_match('::ffff:10.1.2.3', block) FROM t").await;
            assert_eq!(got, ["true", "true", "true", "true", "true", "-", "-", "-"]);
        }
    }
}

#[tokio::test]
async fn nulls_follow_three_valued_logic() {
    let (context, warnings) = session();
    for (call, expected) in [
        ("cidr_match('10.0.0.1', '10.0.0.0/8', NULL)", "true"),
        ("cidr_match('11.0.0.1', '10.0.0.0/8', NULL)", "-"),
        ("cidr_match('11.0.0.1', NULL)", "-"),
        ("cidr_match(NULL, '10.0.0.0/8')", "-"),
        ("cidr_match('1.2.3.4', '0.0.0.0/0')", "true"),
        ("cidr_match('::2', '0.0.0.0/0')", "false"),
        ("cidr_match('1.2.3.4', '::/0')", "true"),
        ("cidr_match('10.0.0.1', '::FFFF:10.0.0.0/104')", "true"),
        ("cidr_match('10.0.0.1', '10.255.1.2/8')", "true"),
        ("to_ip(NULL)", "-"),
        ("ip_key(NULL)", "-"),
    ] {
        assert_eq!(rows(&context, &format!("SELECT {call}")).await, [expected], "{call}");
    }
    assert!(warnings.take().is_empty());
    register(&context, &[("n", Arc::new(NullArray::new(2)))]);
    assert_eq!(rows(&context, "SELECT cidr_match(n, '10.0.0.0/8'), to_ip(n) FROM t").await, ["-|-", "-|-"]);
    assert!(warnings.take().is_empty());
}

#[tokio::test]
async fn addresses_as_numbers_and_bytes() {
    let four: &[u8] = &[10, 1, 2, 3];
    let mapped: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3];
    let other: &[u8] = &[32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let mixed = vec![Some(four), Some(mapped), None, Some(other), Some(&[1_u8, 2][..])];
    let binary = BinaryArray::from(mixed.clone());
    let keys = DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Binary));
    let columns: Vec<ArrayRef> = vec![
        cast(&binary, &keys).unwrap(),
        Arc::new(LargeBinaryArray::from(mixed.clone())),
        Arc::new(BinaryViewArray::from(mixed)),
        Arc::new(binary),
    ];
    for column in columns {
        let (context, warnings) = session();
        let data_type = column.data_type().clone();
        register(&context, &[("ip", column)]);
        let expected = ["true|10.1.2.3", "true|10.1.2.3", "-|-", "false|2001:db8::1", "-|-"];
        let got = rows(&context, "SELECT cidr_match(ip, '10.0.0.0/8'), to_ip(ip) FROM t").await;
        assert_eq!(got, expected, "{data_type}");
        let counts: Vec<u64> = warnings.take().iter().map(|warning| warning.count).collect();
        assert_eq!(counts, [1, 1], "{data_type}");
        let got = rows(&context, "SELECT to_ip(ip) FROM t ORDER BY ip_key(ip) NULLS LAST").await;
        assert_eq!(got, ["10.1.2.3", "10.1.2.3", "2001:db8::1", "-", "-"], "{data_type}");
    }
    let (context, _) = session();
    let fixed = FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some(four), None].into_iter(), 4).unwrap();
    let numbers = UInt32Array::from(vec![Some(0x0a01_0203), None]);
    register(&context, &[("fixed", Arc::new(fixed)), ("number", Arc::new(numbers))]);
    for column in ["fixed", "number"] {
        let sql = format!("SELECT cidr_match({column}, '10.1.2.3'), to_ip({column}), ip_key({column}) FROM t");
        let bits = "00000000000000000000ffff0a010203";
        assert_eq!(rows(&context, &sql).await, [format!("true|10.1.2.3|{bits}"), "-|-|-".to_owned()], "{column}");
    }
}

#[tokio::test]
async fn bad_blocks_are_errors() {
    let (context, _) = session();
    register(&context, &[("ip", text(&DataType::Utf8, &[Some("::1")])), ("b", text(&DataType::Utf8, &[Some("x/1")]))]);
    let planned = context.sql("SELECT cidr_match(ip, '10.0.0.0/33') FROM t").await;
    assert_eq!(
        planned.unwrap_err().strip_backtrace(),
        "Error during planning: cidr_match: '10.0.0.0/33' is no address block: found the prefix '33', expected a number \
         from 0 to 32; write it as 10.0.0.0/8, fe80::/10 or 192.0.2.1"
    );
    assert!(error(&context, "SELECT cidr_match(ip, b) FROM t").await.contains("'x/1' is no address block"));
    assert!(error(&context, "SELECT cidr_match(ip) FROM t").await.contains("found no block"));
    assert!(error(&context, "SELECT cidr_match(1.5, '::1') FROM t").await.contains("found Float64 as the address"));
    assert!(error(&context, "SELECT cidr_match(ip, 7) FROM t").await.contains("found Int64 as a block"));
}

#[tokio::test]
async fn to_ip_prints_over_every_encoding() {
    for data_type in text_types() {
        let (context, warnings) = session();
        register(&context, &[("ip", text(&data_type, &ADDRESSES))]);
        let expected = ["10.1.2.3", "10.1.2.3", "fe80::1", "-", "-", "11.0.0.1", "::1", "-"];
        assert_eq!(rows(&context, "SELECT to_ip(ip) FROM t").await, expected, "{data_type}");
        assert_eq!(warnings.take()[0].count, 2);
        let got = rows(&context, "SELECT to_ip(ip) FROM t WHERE ip_key(ip) IS NOT NULL ORDER BY ip_key(ip)").await;
        assert_eq!(got, ["::1", "10.1.2.3", "10.1.2.3", "11.0.0.1", "fe80::1"], "{data_type}");
        assert!(warnings.take().is_empty());
    }
}

#[tokio::test]
async fn to_ip_of_lists_drops_what_is_no_address() {
    let (context, warnings) = session();
    let sql = "SELECT to_ip(x) FROM (VALUES (make_array('::FFFF:1.2.3.4', 'x', '::2')), (make_array('y')), (NULL), \
               (make_array('1.1.1.1', NULL))) AS t (x)";
    assert_eq!(rows(&context, sql).await, ["[1.2.3.4, ::2]", "-", "-", "[1.1.1.1]"]);
    assert_eq!(warnings.take()[0].count, 2);
}

#[tokio::test]
async fn lists_count_as_their_single_value() {
    let (context, warnings) = session();
    let sql = "SELECT cidr_match(x, '10.0.0.0/8'), glob_match(x, '10.*') FROM (VALUES (make_array('10.0.0.1')), \
               (make_array('10.0.0.1', '10.0.0.2')), (NULL)) AS t (x)";
    assert_eq!(rows(&context, sql).await, ["true|true", "-|-", "-|-"]);
    let taken = warnings.take();
    assert_eq!(taken.iter().map(|warning| warning.count).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(taken[0].example, "[10.0.0.1, 10.0.0.2]");
}

#[tokio::test]
async fn an_address_needs_no_printing_to_be_tested() {
    let (context, _) = session();
    register(&context, &[("ip", text(&DataType::Utf8View, &ADDRESSES))]);
    let plan = plan(&context, "SELECT * FROM t WHERE cidr_match(to_ip(to_ip(ip)), '10.0.0.0/8')").await;
    assert!(plan.contains("cidr_match(ip@0, 10.0.0.0/8)") && !plan.contains("to_ip"), "{plan}");
}
