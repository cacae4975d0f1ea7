//! The rule about egress from unusual executables, once more and naively: what the product must agree with.
//!
//! It is written from the prose of the rule alone and shares no line with the product: its own reading of documents, of
//! dates, addresses and patterns, its own three-valued logic, plain loops. [`odd_events`] makes the events on which two
//! readings of the prose would differ.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::{Value, json};

/// 2026-10-01T12:00:00Z, the execution for which [`odd_events`] are made.
pub(crate) const AT: i64 = 1_790_856_000_000;

const MINUTE: i64 = 60_000;

/// A row of the result, its columns in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) cc: u64,
    pub(crate) agent_count: u64,
    /// Distinct values, sorted; `None` where there are none.
    pub(crate) host_name: Option<Vec<String>>,
    pub(crate) agent_id: Option<Vec<String>>,
    pub(crate) process_executable: Option<String>,
}

impl Row {
    /// The row as a JSON object with flat, dotted keys.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "cc": self.cc,
            "agent_count": self.agent_count,
            "host.name": self.host_name,
            "agent.id": self.agent_id,
            "process.executable": self.process_executable,
        })
    }
}

/// What the rule returns for an execution at `at`, in milliseconds since 1970: sorted by count and executable, at most
/// 100 rows.
pub(crate) fn seed_rule(events: &[Value], at: i64) -> Vec<Row> {
    // Of each executable: events, agents, hosts.
    let mut groups: BTreeMap<Option<String>, (u64, BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for event in events {
        if !in_outer_window(event, at) || passes(event, at) != Some(true) {
            continue;
        }
        let executables = texts(event, "process.executable");
        let keys: Vec<Option<String>> =
            if executables.is_empty() { vec![None] } else { executables.into_iter().map(Some).collect() };
        for key in keys {
            let group = groups.entry(key).or_default();
            group.0 += 1;
            group.1.extend(texts(event, "agent.id"));
            group.2.extend(texts(event, "host.name"));
        }
    }
    let listed = |set: BTreeSet<String>| if set.is_empty() { None } else { Some(set.into_iter().collect::<Vec<_>>()) };
    let mut rows: Vec<Row> = groups
        .into_iter()
        .map(|(process_executable, (cc, agents, hosts))| Row {
            cc,
            agent_count: agents.len() as u64,
            host_name: listed(hosts),
            agent_id: listed(agents),
            process_executable,
        })
        .filter(|row| row.agent_count == 1 && row.cc > 15)
        .collect();
    rows.sort_by(|a, b| (a.cc, &a.process_executable).cmp(&(b.cc, &b.process_executable)));
    rows.truncate(100);
    rows
}

/// The look-back of the schedule: 61 minutes, both ends included.
fn in_outer_window(event: &Value, at: i64) -> bool {
    let (from, to) = (nanos(at - 61 * MINUTE), nanos(at));
    dates(event, "@timestamp").into_iter().any(|date| from <= date && date <= to)
}

/// The conditions of the query, true, false or neither.
fn passes(event: &Value, at: i64) -> Option<bool> {
    let begin = nanos(at - 60 * MINUTE);
    let recent = single(dates(event, "@timestamp")).map(|date| date > begin);

    let executable = single(texts(event, "process.executable"));
    let name = single(texts(event, "process.name"));
    let path_like = |pattern: &str| executable.as_deref().map(|text| glob(pattern, text));
    let unusual = or([
        path_like("/tmp/*"),
        path_like("/var/tmp/*"),
        path_like("/dev/shm/*"),
        name.as_deref().map(|text| glob(".*", text)),
    ]);
    let excepted = or([
        single(addresses(event, "destination.ip")).map(|address| BLOCKS.iter().any(|block| in_block(address, block))),
        path_like("/nix/store/*"),
        path_like("/tmp/newroot/*"),
        path_like("/tmp/.mount*"),
        path_like("/tmp/go-build*"),
    ]);
    and([
        recent,
        equals(event, "host.os.type", "linux"),
        equals(event, "event.type", "start"),
        equals(event, "event.action", "connection_attempted"),
        unusual,
        excepted.map(|excepted| !excepted),
    ])
}

const BLOCKS: [&str; 27] = [
    "10.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.0.0.170/32",
    "192.0.0.171/32",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.168.0.0/16",
    "192.88.99.0/24",
    "224.0.0.0/4",
    "100.64.0.0/10",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::1",
    "FE80::/10",
    "FF00::/8",
];

// ---- logic

/// True if one is true, false if all are false, else neither.
fn or<const N: usize>(terms: [Option<bool>; N]) -> Option<bool> {
    if terms.contains(&Some(true)) {
        Some(true)
    } else if terms.contains(&None) {
        None
    } else {
        Some(false)
    }
}

/// False if one is false, true if all are true, else neither.
fn and<const N: usize>(terms: [Option<bool>; N]) -> Option<bool> {
    or(terms.map(|term| term.map(|term| !term))).map(|any_false| !any_false)
}

/// The only value; none of several.
fn single<T>(mut values: Vec<T>) -> Option<T> {
    if values.len() == 1 { values.pop() } else { None }
}

fn equals(event: &Value, field: &str, expected: &str) -> Option<bool> {
    single(texts(event, field)).map(|text| text == expected)
}

// ---- values of a field

/// All values that are not null, in the order of the document: nested, dotted, or a mix of both.
fn values<'a>(document: &'a Value, field: &str) -> Vec<&'a Value> {
    match document {
        Value::Null => Vec::new(),
        Value::Array(elements) => elements.iter().flat_map(|element| values(element, field)).collect(),
        Value::Object(members) => {
            let mut found = Vec::new();
            for (key, value) in members {
                if key == field {
                    found.extend(values(value, ""));
                } else if let Some(rest) = field.strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix('.')) {
                    found.extend(values(value, rest));
                }
            }
            found
        }
        scalar if field.is_empty() => vec![scalar],
        _ => Vec::new(),
    }
}

/// The values as texts, each once: a keyword field is a set.
fn texts(event: &Value, field: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for value in values(event, field) {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// The values that are addresses, each once.
fn addresses(event: &Value, field: &str) -> Vec<u128> {
    let mut addresses = Vec::new();
    for address in texts(event, field).iter().filter_map(|text| address(text)) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

/// The values that are instants, in nanoseconds since 1970.
fn dates(event: &Value, field: &str) -> Vec<i128> {
    let date = |value: &Value| match value {
        Value::Number(millis) => millis.as_i64().map(nanos),
        Value::String(text) => date(text),
        _ => None,
    };
    values(event, field).into_iter().filter_map(date).collect()
}

fn nanos(millis: i64) -> i128 {
    i128::from(millis) * 1_000_000
}

// ---- patterns, addresses, dates

/// `*` is any text, `?` any one character, `\` takes the next as it is; the whole text must match.
fn glob(pattern: &str, text: &str) -> bool {
    fn matches(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
            ['?', rest @ ..] => !text.is_empty() && matches(rest, &text[1..]),
            ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
                text.first() == Some(literal) && matches(rest, &text[1..])
            }
        }
    }
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    matches(&chars(pattern), &chars(text))
}

/// The address as 128 bits; version 4 as it is mapped into version 6.
fn address(text: &str) -> Option<u128> {
    Some(match text.parse().ok()? {
        IpAddr::V4(address) => 0xffff_0000_0000 | u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    })
}

fn in_block(found: u128, block: &str) -> bool {
    let (base, bits) = block.split_once('/').unwrap_or((block, ""));
    let all = if base.contains(':') { 128 } else { 32 };
    let bits: u32 = if bits.is_empty() { all } else { bits.parse().unwrap() };
    // The bits behind the prefix do not count.
    let behind = all - bits;
    let shifted = |address: u128| address.checked_shr(behind).unwrap_or(0);
    shifted(found) == shifted(address(base).unwrap())
}

/// `2026-10-01T12:00:00.123+02:00` and its shorter forms: no time, no seconds, no fraction, no offset (UTC).
fn date(text: &str) -> Option<i128> {
    let (day, time) = text.split_once('T').unwrap_or((text, "00:00Z"));
    let parts: Vec<&str> = day.split('-').collect();
    let [year, month, date] = parts[..] else { return None };
    if (year.len(), month.len(), date.len()) != (4, 2, 2) {
        return None;
    }
    let (year, month, date) = (number(year)?, number(month)?, number(date)?);
    let days = days_before_year(year) + days_before_month(year, month)? + date - 1 - days_before_year(1970);
    if date < 1 || date > days_of_month(year, month) {
        return None;
    }

    let (time, offset) = match time.find(['Z', '+', '-']) {
        Some(at) => (&time[..at], offset(&time[at..])?),
        None => (time, 0),
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let fraction = number(&format!("{fraction:0<9}"))?;
    let clock = time.split(':').map(|part| if part.len() == 2 { number(part) } else { None });
    let clock = clock.collect::<Option<Vec<i64>>>()?;
    let (hour, minute, second) = match clock[..] {
        [hour] => (hour, 0, 0),
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    Some(i128::from(seconds) * 1_000_000_000 + i128::from(fraction))
}

/// Seconds east of Greenwich: `Z`, `+02:00`, `-0530`, `+02`.
fn offset(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at(1) {
        ("Z", "") => return Some(0),
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits = rest.replacen(':', "", 1);
    match digits.len() {
        2 => Some(sign * number(&digits)? * 3_600),
        4 => Some(sign * (number(&digits[..2])? * 3_600 + number(&digits[2..])? * 60)),
        _ => None,
    }
}

fn number(digits: &str) -> Option<i64> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_before_year(year: i64) -> i64 {
    let before = year - 1;
    before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_before_month(year: i64, month: i64) -> Option<i64> {
    (1..=12).contains(&month).then(|| (1..month).map(|month| days_of_month(year, month)).sum())
}

// ---- odd events

/// `count` events around the execution at [`AT`], most of which pass the rule, and many of which are odd in one field.
pub(crate) fn odd_events(seed: u64, count: usize) -> Vec<Value> {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    (0..count).map(|_| odd_event(&mut dice)).collect()
}

/// One JSON document a line.
pub(crate) fn ndjson(events: &[Value]) -> String {
    let lines: Vec<_> = events.iter().map(Value::to_string).collect();
    lines.join("\n") + "\n"
}

/// Paths with the names of their files; the first ones are common and unusual.
const PROGRAMS: [(&str, &str); 24] = [
    ("/tmp/a\"b\\c", "a\"b\\c"),
    ("/tmp/line\nbreak", "line\nbreak"),
    ("/tmp/ünïcode/日本", "日本"),
    ("/var/tmp/100%_x", "100%_x"),
    ("/dev/shm/_", "_"),
    ("/tmp/back\\\\slash\\*", "slash"),
    ("/tmp/tab\tand\u{7f}\u{1b}[31m", "tab"),
    ("/opt/.hidden", ".hidden"),
    ("/usr/bin/spoof", ".spoof"),
    ("/tmp/%", "%"),
    ("/tmp/x'; --", "x'; --"),
    ("/tmp/🦀", "🦀"),
    ("/tmp/", ""),
    ("/tmp", "tmp"),
    ("/tmpx/y", "y"),
    ("/TMP/x", "x"),
    ("/var/tmp", "tmp"),
    ("/usr/tmp/x", "x"),
    ("/tmp/go-build7/b001/exe/a", "a"),
    ("/tmp/.mountApp/x", "x"),
    ("/tmp/newroot/x", "x"),
    ("/tmp/newroot", "newroot"),
    ("/nix/store/abc/.wrapped", ".wrapped"),
    ("", ""),
];

const PUBLIC: [&str; 12] = [
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "172.32.0.0",
    "192.0.1.0",
    "100.128.0.0",
    "223.255.255.255",
    "2A00:1450:4001:81B::200E",
    "2a00:1450:4001:81b:0:0:0:200e",
    "::ffff:8.8.8.8",
    "::FFFF:0808:0404",
    "::2",
];
const INSIDE: [&str; 16] = [
    "10.0.0.0",
    "10.255.255.255",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.0",
    "198.19.255.255",
    "239.1.2.3",
    "255.255.255.255",
    "::1",
    "0:0:0:0:0:0:0:1",
    "FE80::1",
    "febf:ffff::",
    "FF02::FB",
    "::ffff:10.1.2.3",
    "::FFFF:c0a8:0101",
    "0000:0000:0000:0000:0000:ffff:7f00:0001",
];
const NO_ADDRESS: [&str; 6] = ["", "localhost", "300.1.1.1", "10.1.2", "8.8.8.8:443", "fe80::1::2"];

fn odd_event(dice: &mut Dice) -> Value {
    let program = if dice.in_hundred(80) { dice.below(12) } else { dice.below(PROGRAMS.len()) };
    let (path, name) = PROGRAMS[program];
    // Most programs run on one host; some on two.
    let host = if program % 4 == 3 && dice.in_hundred(20) { 9 } else { program % 5 };
    let public = PUBLIC[dice.below(PUBLIC.len())];
    let at = AT - MINUTE - dice.millis(58 * MINUTE);
    let mut fields: Vec<(&str, Option<Value>)> = vec![
        ("@timestamp", Some(written(dice, at))),
        ("host.os.type", Some(json!("linux"))),
        ("event.type", Some(json!("start"))),
        ("event.action", Some(json!("connection_attempted"))),
        ("process.name", Some(json!(name))),
        ("process.executable", Some(json!(path))),
        ("destination.ip", Some(json!(public))),
        ("agent.id", Some(json!(format!("agent-{host}")))),
        ("host.name", Some(json!(format!("host-{host}")))),
    ];
    if dice.in_hundred(45) {
        let field = dice.below(fields.len());
        let (name, value) = &mut fields[field];
        *value = match *name {
            "@timestamp" => odd_time(dice),
            "destination.ip" => odd_address(dice, public),
            "agent.id" => odd_text(dice, value.take(), if program % 4 == 3 { "agent-9" } else { "" }),
            "host.name" if dice.in_hundred(15) => {
                Some([json!(42), json!(true), json!(["a", 42])][dice.below(3)].clone())
            }
            "host.name" => odd_text(dice, value.take(), "host-9"),
            "host.os.type" => odd_text(dice, value.take(), "windows"),
            "event.type" => odd_text(dice, value.take(), "end"),
            "event.action" => odd_text(dice, value.take(), "disconnect_received"),
            _ => odd_text(dice, value.take(), "/tmp/other"),
        };
    }
    let mut document = Value::Object(serde_json::Map::new());
    for (name, value) in fields {
        if let Some(value) = value {
            place(dice, &mut document, name, value);
        }
    }
    document
}

/// The value missing, empty, repeated, in a list, beside another, or in other letters.
fn odd_text(dice: &mut Dice, value: Option<Value>, other: &str) -> Option<Value> {
    let value = value.unwrap_or_default();
    match dice.below(10) {
        0 => None,
        1 => Some(Value::Null),
        2 => Some(json!([])),
        3 => Some(json!([null])),
        4 => Some(json!([value])),
        5 => Some(json!([value, value])),
        6 => Some(json!([null, value])),
        7 if !other.is_empty() => Some(json!([value, other])),
        8 if !other.is_empty() => Some(json!("")),
        9 if !other.is_empty() => Some(json!(value.as_str().unwrap_or("").to_uppercase())),
        _ => Some(value),
    }
}

fn odd_address(dice: &mut Dice, public: &str) -> Option<Value> {
    let inside = INSIDE[dice.below(INSIDE.len())];
    match dice.below(10) {
        0 => None,
        1 => Some(json!([])),
        2 => Some(json!(NO_ADDRESS[dice.below(NO_ADDRESS.len())])),
        3 => Some(json!([public])),
        4 => Some(json!([public, public])),
        5 => Some(json!([public, inside])),
        6 => Some(json!([null, "8.8.8.8", "::ffff:8.8.8.8"])),
        _ => Some(json!(inside)),
    }
}

fn odd_time(dice: &mut Dice) -> Option<Value> {
    let begin = AT - 60 * MINUTE;
    let edges = [AT, AT + 1, AT - 1, begin, begin + 1, begin - 1, begin - MINUTE, begin - MINUTE - 1, AT + MINUTE];
    let edge = edges[dice.below(edges.len())];
    match dice.below(16) {
        0 => None,
        1 => Some(Value::Null),
        2 => Some(json!("yesterday")),
        3 => Some(json!([written(dice, AT - 5), written(dice, AT - 9)])),
        4 => Some(json!([written(dice, AT - 5)])),
        _ => Some(written(dice, edge)),
    }
}

/// The instant in one of the ways in which it may be written.
fn written(dice: &mut Dice, millis: i64) -> Value {
    let text = |east: i64, zone: &str, digits: usize| {
        let local = millis + east * MINUTE;
        let (days, clock) = (local.div_euclid(86_400_000), local.rem_euclid(86_400_000));
        // All instants are of one October.
        let day = days - date("2026-10-01").unwrap().div_euclid(86_400_000_000_000) as i64 + 1;
        let fraction = format!("{:03}000000", clock % 1_000);
        let (hour, minute, second) = (clock / 3_600_000, clock / 60_000 % 60, clock / 1_000 % 60);
        let time = format!("2026-10-{day:02}T{hour:02}:{minute:02}:{second:02}");
        json!(if digits == 0 { format!("{time}{zone}") } else { format!("{time}.{}{zone}", &fraction[..digits]) })
    };
    match dice.below(8) {
        0 => json!(millis),
        1 => text(120, "+02:00", 3),
        2 => text(-330, "-05:30", 3),
        3 => text(0, "Z", 6),
        4 => text(0, "Z", 9),
        5 if millis % 1_000 == 0 => text(0, "Z", 0),
        6 if millis % 100 == 0 => text(0, "Z", 1),
        _ => text(0, "Z", 3),
    }
}

/// Puts a field into the document: nested, dotted, or half of each.
fn place(dice: &mut Dice, document: &mut Value, name: &str, value: Value) {
    if let Some((first, rest)) = name.split_once('.') {
        if dice.in_hundred(70) {
            let inner = &mut document[first];
            if inner.is_null() {
                *inner = json!({});
            }
            place(dice, inner, rest, value);
            return;
        }
        if let Some((second, rest)) = rest.split_once('.')
            && dice.in_hundred(50)
        {
            document[format!("{first}.{second}")] = json!({ rest: value });
            return;
        }
    }
    document[name] = value;
}

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn millis(&mut self, limit: i64) -> i64 {
        (self.next() % limit as u64) as i64
    }

    fn in_hundred(&mut self, times: u64) -> bool {
        self.next() % 100 < times
    }
}

// ---- tests of the reference itself

#[cfg(test)]
mod tests {
    use super::*;

    fn event(change: impl Fn(&mut Value)) -> Value {
        let mut event = json!({
            "@timestamp": AT - MINUTE,
            "host": {"os": {"type": "linux"}, "name": "h"},
            "event": {"type": "start", "action": "connection_attempted"},
            "process": {"name": "x", "executable": "/tmp/x"},
            "destination": {"ip": "8.8.8.8"},
            "agent": {"id": "a"},
        });
        change(&mut event);
        event
    }

    /// How many of sixteen such events and one good one the rule counts; 0 where it returns nothing.
    fn counted(change: impl Fn(&mut Value)) -> u64 {
        let mut events = vec![event(|_| {}); 16];
        events.push(event(change));
        let rows = seed_rule(&events, AT);
        rows.iter().find(|row| row.process_executable.as_deref() == Some("/tmp/x")).map_or(0, |row| row.cc)
    }

    #[test]
    fn counts_what_the_prose_says() {
        assert_eq!(counted(|_| {}), 17);
        assert!(seed_rule(&vec![event(|_| {}); 15], AT).is_empty());
        let row = &seed_rule(&vec![event(|_| {}); 16], AT)[0];
        let expected = json!({
            "cc": 16, "agent_count": 1, "host.name": ["h"], "agent.id": ["a"], "process.executable": "/tmp/x",
        });
        assert_eq!(row.to_json(), expected);
        assert_eq!(counted(|e| e["agent"]["id"] = json!("b")), 0, "two agents");
        assert_eq!(counted(|e| e["agent"]["id"] = json!(["a", "b"])), 0);
        assert_eq!(counted(|e| e["agent"]["id"] = Value::Null), 17);
    }

    #[test]
    fn the_hour_begins_after_its_first_instant() {
        for (at, expected) in [
            (json!(AT), 17),
            (json!(AT + 1), 16),
            (json!(AT - 60 * MINUTE), 16),
            (json!(AT - 60 * MINUTE + 1), 17),
            (json!(AT - 61 * MINUTE), 16),
            (json!("2026-10-01T14:00:00+02:00"), 17),
            (json!("2026-10-01T06:30:00.000000001-05:30"), 16),
            (json!("2026-10-01T11:00:00.000000001Z"), 17),
            (json!("2026-10-01T11:30"), 17),
            (json!(["2026-10-01T11:30Z"]), 17),
            (json!(["2026-10-01T11:30Z", "2026-10-01T11:31Z"]), 16),
            (json!("2026-02-30T11:30Z"), 16),
            (Value::Null, 16),
        ] {
            assert_eq!(counted(|e| e["@timestamp"] = at.clone()), expected, "{at}");
        }
    }

    #[test]
    fn addresses_are_compared_as_numbers() {
        for (ip, expected) in [
            (json!("10.1.2.3"), 16),
            (json!("::ffff:10.1.2.3"), 16),
            (json!("::FFFF:0A01:0203"), 16),
            (json!("fe80::1"), 16),
            (json!("FEBF::1"), 16),
            (json!("fec0::1"), 17),
            (json!("::1"), 16),
            (json!("::2"), 17),
            (json!("::ffff:8.8.8.8"), 17),
            (json!(["8.8.8.8"]), 17),
            (json!(["8.8.8.8", "::ffff:8.8.8.8"]), 17),
            (json!(["8.8.8.8", "8.8.4.4"]), 16),
            (json!("no address"), 16),
            (Value::Null, 16),
        ] {
            assert_eq!(counted(|e| e["destination"]["ip"] = ip.clone()), expected, "{ip}");
        }
        assert_eq!(counted(|e| e["destination"] = Value::Null), 16);
    }

    #[test]
    fn neither_is_not_true() {
        let strange = json!(["/tmp/x", "/tmp/y"]);
        assert_eq!(counted(|e| e["process"]["executable"] = strange.clone()), 16);
        // A hidden name makes the path usual or not; the exceptions still ask for the path.
        let hidden = |executable: Value| {
            let change = |e: &mut Value| e["process"] = json!({"name": ".x", "executable": executable});
            seed_rule(&vec![event(change); 16], AT).len()
        };
        assert_eq!(hidden(json!("/usr/bin/x")), 1);
        assert_eq!(hidden(strange.clone()), 0);
        assert_eq!(hidden(Value::Null), 0);
        assert_eq!(hidden(json!("/nix/store/x")), 0);
        assert_eq!(or([None, Some(true)]), Some(true));
        assert_eq!(or([None, Some(false)]), None);
        assert_eq!(and([None, Some(false)]), Some(false));
        assert_eq!(and([None, Some(true)]), None);
    }

    #[test]
    fn fields_are_found_however_they_are_nested() {
        for document in [
            json!({"host": {"os": {"type": "linux"}}}),
            json!({"host.os.type": "linux"}),
            json!({"host": {"os.type": "linux"}}),
            json!({"host.os": {"type": ["linux", null]}}),
            json!({"host": [{"os": {"type": "linux"}}, {"os": {}}]}),
            json!({"host": {"os": {"type": "linux"}}, "host.os.type": "linux"}),
        ] {
            assert_eq!(texts(&document, "host.os.type"), ["linux"], "{document}");
        }
        assert!(texts(&json!({"host": "x", "host.os": 1}), "host.os.type").is_empty());
    }

    #[test]
    fn patterns_are_anchored_and_escape() {
        for (pattern, text, expected) in [
            ("/tmp/*", "/tmp/", true),
            ("/tmp/*", "/tmp", false),
            ("/tmp/*", "x/tmp/", false),
            ("/tmp/*", "/tmp/a\nb", true),
            (".*", ".", true),
            ("a?c", "aüc", true),
            ("a\\*c", "a*c", true),
            ("a\\*c", "abc", false),
            ("*b*d", "abcd", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
        assert_eq!(date("1970-01-01T00:00:00.001Z"), Some(1_000_000));
        assert_eq!(date("2026-10-01T12:00:00Z"), Some(nanos(AT)));
        assert_eq!(date("2000-03-01"), Some(951_868_800_000_000_000));
        assert_eq!(date("2026-10-01T12:00:00+0200"), date("2026-10-01T10:00Z"));
    }

    #[test]
    fn odd_events_reach_both_sides_of_every_condition() {
        let events = odd_events(1, 3_000);
        assert_eq!(events, odd_events(1, 3_000));
        assert_ne!(events, odd_events(2, 3_000));
        let rows = seed_rule(&events, AT);
        assert!((5..PROGRAMS.len()).contains(&rows.len()), "{rows:#?}");
        assert!(rows.windows(2).all(|pair| pair[0].cc <= pair[1].cc));
        let paths: Vec<_> = rows.iter().filter_map(|row| row.process_executable.as_deref()).collect();
        assert!(paths.contains(&"/tmp/a\"b\\c") && paths.contains(&"/usr/bin/spoof"), "{paths:?}");
        assert!(!paths.contains(&"/var/tmp/100%_x"), "runs on two agents");
        assert!(rows.iter().any(|row| row.host_name.as_ref().is_some_and(|hosts| hosts.len() > 1)));
        let judged: Vec<_> = events.iter().map(|event| passes(event, AT)).collect();
        for verdict in [Some(true), Some(false), None] {
            let count = judged.iter().filter(|&&found| found == verdict).count();
            assert!(count > 100, "{verdict:?}: {count}");
        }
        let text = ndjson(&events);
        assert_eq!(text.lines().count(), 3_000);
        let back: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(back, events);
    }

    /// The events that the product generates, with the list of what is to be found in them.
    #[test]
    fn planted_cases_are_the_whole_truth() {
        use egret::generate::{Config, Document, Layout, generate};
        for (seed, rows, days, agents) in [(7, 3_000, 1, 40), (3, 20_000, 2, 12)] {
            let folder = tempfile::tempdir().unwrap();
            let mut config = Config::new(folder.path().join("events.ndjson"), Layout::Ndjson);
            (config.seed, config.rows, config.days, config.agents) = (seed, rows, days, agents);
            config.document = Document::Compact;
            let summary = generate(&config, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
            let text = std::fs::read_to_string(&summary.files[0]).unwrap();
            let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let start = config.start.timestamp_millis();
            let mut found = Vec::new();
            for hour in 0..=i64::from(days) * 24 {
                let at = start + hour * 60 * MINUTE;
                for row in seed_rule(&events, at) {
                    found.push((
                        at,
                        row.process_executable.unwrap(),
                        row.cc,
                        row.agent_id.unwrap(),
                        row.host_name.unwrap(),
                    ));
                }
            }
            let positives = summary.planted.into_iter().filter_map(|case| {
                Some((case.execution.timestamp_millis(), case.executable, case.cc?, case.agents, case.hosts))
            });
            let mut expected: Vec<_> = positives.collect();
            assert!(expected.len() >= 8);
            found.sort();
            expected.sort();
            assert_eq!(found, expected);
        }
    }
}
