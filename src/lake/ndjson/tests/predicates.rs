//! Predicates inside of a scan, and lines that are passed over by their bytes, against naive filtering.

use datafusion::arrow::compute::filter_record_batch;
use datafusion::common::cast::as_boolean_array;

use super::*;

/// Texts that values and conditions are made of, so that they often meet.
const WORDS: [&str; 14] = [
    "linux",
    "lin",
    "443",
    "true",
    "",
    "/tmp/x",
    "/tmp/",
    "C:\\u",
    "a\"b",
    "é",
    "é\n",
    "1.5e3",
    ".",
    "\u{1}x\u{1f600}",
];

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&WORDS[..])
}

/// One condition on one field.
fn comparison() -> impl Strategy<Value = String> {
    let text = prop::sample::select(&["single_value(a)", "\"d.e\"", "single_value(\"é\")"][..]);
    let quoted = |word: &str| format!("'{}'", word.replace('\'', "''"));
    let like = |word: &str| word.replace('\\', "\\\\").replace('%', "\\%");
    let glob = |word: &str| word.replace('\\', "\\\\");
    prop_oneof![
        (text.clone(), word()).prop_map(move |(field, word)| format!("{field} = {}", quoted(word))),
        (text.clone(), word()).prop_map(move |(field, word)| format!("{field} <> {}", quoted(word))),
        (text.clone(), prop::collection::vec(word(), 4..6)).prop_map(move |(field, words)| {
            format!("{field} IN ({})", join(&words.into_iter().map(quoted).collect::<Vec<_>>(), ", "))
        }),
        (text.clone(), word(), word(), 0..5_usize).prop_map(move |(field, a, b, way)| {
            let (a, b) = (like(a), like(b));
            let pattern = [format!("{a}%"), format!("%{a}"), format!("%{a}%"), format!("{a}%{b}"), format!("{a}_{b}%")];
            format!("{field} LIKE {}", quoted(&pattern[way]))
        }),
        (text.clone(), word(), word(), 0..6_usize).prop_map(move |(field, a, b, way)| {
            let (a, b) = (glob(a), glob(b));
            let pattern = [
                a.clone(),
                format!("{a}*"),
                format!("*{a}"),
                format!("*{a}*"),
                format!("{a}?{b}*"),
                format!("*{a}*{b}"),
            ];
            format!("glob_match({field}, {}, {})", quoted(&pattern[way]), quoted(&b))
        }),
        (text.clone(), word(), word())
            .prop_map(move |(field, a, b)| { format!("{field} >= {} AND {field} < {}", quoted(a), quoted(b)) }),
        (text.clone(), word(), 0..3).prop_map(move |(field, word, way)| {
            format!("{}({field}, {})", ["starts_with", "ends_with", "contains"][way as usize], quoted(word))
        }),
        text.prop_map(|field| format!("{field} IS NOT NULL")),
        Just("\"d.e\" IS NULL".to_string()),
        Just("b".to_string()),
        Just("single_value(\"a.b\") = 443".to_string()),
        Just("single_value(\"a.b\") + 1 > 443".to_string()),
        Just("mv_count(a) = 2".to_string()),
        Just("single_value(c) > '2026-01-01T00:00:00Z'".to_string()),
        Just("lower(\"d.e\") = 'linux'".to_string()),
        Just("CASE WHEN \"d.e\" IS NULL THEN true ELSE \"d.e\" = 'lin' END".to_string()),
        Just("CAST(a AS VARCHAR) = '[linux]'".to_string()),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    comparison().prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) AND ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) OR ({b})")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

/// Values and keys that conditions are about.
fn relevant() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        4 => word().prop_map(Value::from),
        1 => (word(), word()).prop_map(|(a, b)| Value::from(format!("{a}{b}"))),
        1 => prop_oneof![Just(json!(443)), Just(json!(true)), Just(json!(1.5)), Just(json!(null)), Just(json!("2026-10-01T00:00:00Z"))],
    ];
    let value = prop_oneof![3 => scalar.clone(), 1 => prop::collection::vec(scalar, 0..3).prop_map(Value::from)];
    let key = prop::sample::select(&["a", "a.b", "b", "c", "d.e", "d", "é", "x"][..]);
    prop::collection::vec((key, value), 0..6).prop_map(|members| {
        let nested =
            |(key, value): (&'static str, Value)| if key == "d" { (key, json!({"e": value})) } else { (key, value) };
        let members = members.into_iter().map(nested);
        Value::Object(members.map(|(key, value)| (key.to_string(), value)).collect())
    })
}

/// Spells JSON in any of the ways there are, as `random` has it.
struct Speller {
    random: u64,
}

impl Speller {
    /// A number below `bound`.
    fn roll(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % bound
    }

    fn space(&mut self, out: &mut String) {
        out.push_str(["", "", "", " ", "\t "][self.roll(5) as usize]);
    }

    fn text(&mut self, text: &str, out: &mut String) {
        // Most texts are spelled as everybody does, else everything would be parsed.
        let playful = self.roll(4) == 0;
        out.push('"');
        for character in text.chars() {
            let plain = serde_json::to_string(&character.to_string()).unwrap();
            match self.roll(3) {
                0 if playful => character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                    let upper = self.roll(2) == 0;
                    if upper { write!(out, "\\u{unit:04X}") } else { write!(out, "\\u{unit:04x}") }.unwrap();
                }),
                1 if playful && character == '/' => out.push_str("\\/"),
                _ => out.push_str(&plain[1..plain.len() - 1]),
            }
        }
        out.push('"');
    }

    fn value(&mut self, value: &Value, out: &mut String) {
        self.space(out);
        match value {
            Value::String(text) => self.text(text, out),
            Value::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    self.value(item, out);
                }
                out.push(']');
            }
            Value::Object(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    self.space(out);
                    // The last of duplicates counts: the first one is nothing.
                    if self.roll(8) == 0 {
                        self.text(key, out);
                        out.push_str(":\"linux\",");
                    }
                    self.text(key, out);
                    self.space(out);
                    out.push(':');
                    self.value(value, out);
                }
                out.push('}');
            }
            other => out.push_str(&other.to_string()),
        }
        self.space(out);
    }
}

/// The rows of a scan without a condition that meet it.
fn naively_filtered(scan: &Scan, condition: &str) -> Vec<String> {
    let context = context();
    let predicate = physical(&context, condition);
    let batches = block(scan.batches()).unwrap();
    let kept: Vec<_> = batches
        .iter()
        .map(|batch| {
            let met = predicate.evaluate(batch).unwrap().into_array(batch.num_rows()).unwrap();
            filter_record_batch(batch, as_boolean_array(&met).unwrap()).unwrap()
        })
        .collect();
    texts(&kept)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn lines_that_are_passed_over_do_not_meet_the_condition(
        documents in prop::collection::vec(relevant(), 1..12),
        condition in condition(),
        random in any::<u64>(),
        cuts in prop::collection::vec(any::<u64>(), 0..3),
    ) {
        let mut speller = Speller { random };
        let spelled: Vec<String> = documents
            .iter()
            .map(|document| {
                let mut line = String::new();
                let enveloped = json!({"_id": "1", "_index": "i", "_source": document});
                let wrapped = speller.roll(6) == 0;
                speller.value(if wrapped { &enveloped } else { document }, &mut line);
                line
            })
            .collect();
        for line in &spelled {
            prop_assert!(serde_json::from_str::<Value>(line).is_ok(), "{}", line);
        }
        let text = join(&spelled, "\n");
        let expected = naively_filtered(&Scan::new(text.clone()), &condition);
        for (bytes, strict) in [(text.clone().into_bytes(), false), (text.clone().into_bytes(), true), (zstd(text.as_bytes()), false), (format!("[{}]", join(&spelled, ",")).into_bytes(), false)] {
            let ranges = if bytes == text.as_bytes() { cuts.clone() } else { vec![] };
            let moved = bytes.first() == Some(&b'[');
            let scan = Scan { strict, ranges, condition: Some(condition.clone()), ..Scan::new(bytes) };
            let found = rows(&scan);
            // An array moves the documents, and so changes the ids that are made of their places.
            if moved {
                prop_assert_eq!(found.len(), expected.len(), "{}\n{}", condition, text);
            } else {
                prop_assert_eq!(&found, &expected, "{}\n{}", condition, text);
            }
            let tally = scan.issues.tally();
            prop_assert_eq!(tally.documents + tally.skipped, documents.len() as u64);
            prop_assert!(tally.bad_lines == 0 && (!strict || tally.skipped == 0));
        }
    }
}

#[test]
fn most_lines_are_passed_over() {
    let lines: Vec<String> = (0..1000).map(|n| format!("{{\"a\":\"v{}\",\"d.e\":\"linux\"}}", n % 100)).collect();
    let text = join(&lines, "\n") + "\n";
    let condition = Some("\"d.e\" = 'linux' AND single_value(a) = 'v7'".to_string());
    let local = || Some(tempfile::tempdir().unwrap());
    for (bytes, partitions) in
        [(text.clone().into_bytes(), 1), (text.clone().into_bytes(), 3), (gzip(text.as_bytes()), 1)]
    {
        let scan = Scan {
            condition: condition.clone(),
            batch_size: 4,
            partitions,
            local: local(),
            ..Scan::new(bytes).wanting(&[0, 5])
        };
        assert_eq!(rows(&scan), vec!["[v7]|linux|"; 10]);
        let tally = scan.issues.tally();
        assert_eq!((tally.documents, tally.skipped), (10, 990));
    }
    let scan = Scan { condition, strict: true, ..Scan::new(text).wanting(&[]) };
    assert_eq!(block(scan.batches()).unwrap().iter().map(RecordBatch::num_rows).sum::<usize>(), 10);
    assert_eq!(scan.issues.tally().documents, 1000);
}

#[test]
fn a_line_that_is_passed_over_is_still_looked_at() {
    let text =
        b"{\"a\":\"x\"}\n{\"a\":\"\xff\"}\n{\"a\":1\n[1]\n{\"a\":tru}\n{\"d.e\":\"yes\"}\n\n{\"a\":\"y\"}\n".to_vec();
    let condition = Some("\"d.e\" = 'yes'".to_string());
    let scan = Scan { condition: condition.clone(), ..Scan::new(text.clone()).wanting(&[5]) };
    assert_eq!(rows(&scan), ["yes|"]);
    let tally = scan.issues.tally();
    // What is wrong between the braces is only seen by who looks between them.
    assert_eq!((tally.bad_lines, tally.documents, tally.skipped), (3, 1, 3));
    assert_eq!(tally.sample.iter().map(|bad| bad.offset).collect::<Vec<_>>(), [10, 20, 27]);
    let strict = Scan { condition, strict: true, ..Scan::new(text).wanting(&[5]) };
    assert_eq!(rows(&strict), ["yes|"]);
    assert_eq!(strict.issues.tally().bad_lines, 4);
}

#[test]
fn what_only_the_result_needs_is_counted_for_documents_that_meet_the_condition() {
    let text =
        "{\"d.e\":\"yes\",\"a.b\":\"bad\"}\n{\"d.e\":\"yes\",\"a.b\":\"7\"}\n{\"d.e\":\"no\",\"a.b\":\"worse\"}\n";
    let scan =
        Scan { condition: Some("\"d.e\" LIKE '%e%' OR \"d.e\" IS NULL".into()), ..Scan::new(text).wanting(&[1, 12]) };
    assert_eq!(rows(&scan), ["-|[a.b]|", "[7]|-|"]);
    let tally = scan.issues.take();
    assert_eq!((tally.fields["a.b"].present, tally.fields["a.b"].not_coerced), (3, 1));
    assert_eq!(tally.fields["d.e"].present, 3);
}
