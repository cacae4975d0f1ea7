//! Functions of one row. Most want single values: without one, or with several, they give null.

use super::backtrack::Regex;
use super::date;
use super::expr::one;
use super::pattern::Dialect;
use super::value::{Cell, Value, address, distinct, in_block, instant, single};

/// What a function gives for its arguments.
pub(super) fn call(name: &str, args: &[Cell]) -> Cell {
    let text = |at: usize| single(&args[at]).and_then(Value::as_text);
    let whole = |at: usize| single(&args[at]).and_then(Value::whole);
    let boolean = |truth: Option<bool>| one(truth.map(Value::Boolean));
    match name {
        "to_string" | "to_ip" | "to_double" | "to_long" | "to_integer" | "to_boolean" | "to_datetime" => {
            convert(name.trim_start_matches("to_"), &args[0])
        }
        "to_lower" => each_text(&args[0], |text| Value::Text(text.to_lowercase())),
        "to_upper" => each_text(&args[0], |text| Value::Text(text.to_uppercase())),
        "length" => one(text(0).map(|text| Value::Integer(text.chars().count() as i64))),
        "concat" => {
            let parts: Option<Vec<&str>> = (0..args.len()).map(text).collect();
            one(parts.map(|parts| Value::Text(parts.concat())))
        }
        "starts_with" => boolean(text(0).zip(text(1)).map(|(text, start)| text.starts_with(start))),
        "ends_with" => boolean(text(0).zip(text(1)).map(|(text, end)| text.ends_with(end))),
        "contains" => boolean(text(0).zip(text(1)).map(|(text, part)| text.contains(part))),
        "substring" => one(text(0).zip(whole(1)).map(|(text, start)| {
            let chars: Vec<char> = text.chars().collect();
            let start = if start < 0 { (chars.len() as i64 + start).max(0) } else { (start - 1).max(0) } as usize;
            let count = if args.len() > 2 { whole(2).unwrap() as usize } else { chars.len() };
            Value::Text(chars.iter().skip(start).take(count).collect())
        })),
        "locate" => one(text(0)
            .zip(text(1))
            .map(|(text, part)| Value::Integer(text.find(part).map_or(0, |at| text[..at].chars().count() as i64 + 1)))),
        "replace" => match (text(0), text(1), text(2)) {
            (Some(text), Some(pattern), Some(template)) => {
                vec![Value::Text(Regex::new(pattern, Dialect::Java).replace(text, template))]
            }
            _ => Vec::new(),
        },
        "split" => match text(0).zip(text(1)) {
            Some((text, delimiter)) => text.split(delimiter).map(Value::text).collect(),
            None => Vec::new(),
        },
        "trim" => one(text(0).map(|text| Value::text(text.trim()))),
        "url_decode" => one(text(0).and_then(url_decoded).map(Value::Text)),
        "json_extract" => one(text(0).zip(text(1)).and_then(|(json, path)| json_extract(json, path))),
        "cidr_match" => {
            let blocks: Vec<&str> = (1..args.len()).filter_map(text).collect();
            match single(&args[0]) {
                Some(Value::Ip(ip)) => boolean(Some(blocks.iter().any(|block| in_block(*ip, block)))),
                _ => Vec::new(),
            }
        }
        "date_trunc" => match (single(&args[0]), single(&args[1])) {
            (Some(Value::Span(count, unit)), Some(Value::Date(at))) => {
                vec![Value::Date(date::truncated(*count, *unit, *at))]
            }
            _ => Vec::new(),
        },
        "date_diff" => match (text(0), single(&args[1]), single(&args[2])) {
            (Some(unit), Some(Value::Date(from)), Some(Value::Date(to))) => one(date::difference(unit, *from, *to)),
            _ => Vec::new(),
        },
        "round" => one(single(&args[0]).and_then(|value| {
            let places = if args.len() > 1 { whole(1)? } else { 0 };
            match value {
                Value::Double(n) => {
                    let scale = 10_f64.powi(places as i32);
                    Some(Value::Double((n * scale).round() / scale))
                }
                whole => Some(whole.clone()),
            }
        })),
        "abs" => one(single(&args[0]).map(|value| match value {
            Value::Double(n) => Value::Double(n.abs()),
            Value::Long(n) => Value::Long(n.abs()),
            other => other.clone(),
        })),
        name if name.starts_with("mv_") => of_several(&name[3..], args),
        name => panic!("no function {name}"),
    }
}

/// Functions that take all values of their first argument.
fn of_several(name: &str, args: &[Cell]) -> Cell {
    let values = &args[0];
    let extreme = |wanted: std::cmp::Ordering| {
        let better = |best: &Value, value: &Value| value.order(best) == Some(wanted);
        one(values.iter().cloned().reduce(|best, value| if better(&best, &value) { value } else { best }))
    };
    match name {
        "first" => one(values.first().cloned()),
        "last" => one(values.last().cloned()),
        "min" => extreme(std::cmp::Ordering::Less),
        "max" => extreme(std::cmp::Ordering::Greater),
        "count" => {
            if values.is_empty() {
                Vec::new()
            } else {
                vec![Value::Integer(values.len() as i64)]
            }
        }
        "sum" => summed(values),
        "dedupe" => distinct(values),
        "sort" => super::value::sorted(values.clone()),
        "concat" => match single(&args[1]) {
            Some(Value::Text(delimiter)) if !values.is_empty() => {
                let texts: Vec<&str> = values.iter().map(|value| value.as_text().unwrap()).collect();
                vec![Value::Text(texts.join(delimiter))]
            }
            _ => Vec::new(),
        },
        "slice" => {
            let place = |at: usize| {
                let index = single(&args[at]).and_then(Value::whole).unwrap();
                if index < 0 { values.len() as i64 + index } else { index }
            };
            let (start, end) = (place(1), if args.len() > 2 { place(2) } else { place(1) });
            let kept = values.iter().enumerate().filter(|(at, _)| (start..=end).contains(&(*at as i64)));
            kept.map(|(_, value)| value.clone()).collect()
        }
        "intersection" => distinct(values).into_iter().filter(|value| args[1].contains(value)).collect(),
        "contains" => vec![Value::Boolean(args[1].iter().all(|value| values.contains(value)))],
        name => panic!("no function mv_{name}"),
    }
}

/// The sum of some numbers in their own type; null of none, or where it does not fit.
fn summed(values: &[Value]) -> Cell {
    let whole: Option<Vec<i64>> = values.iter().map(Value::whole).collect();
    match (values.first(), whole) {
        (None, _) => Vec::new(),
        (Some(first), Some(numbers)) => {
            let sum: i128 = numbers.iter().map(|n| i128::from(*n)).sum();
            match first {
                Value::Integer(_) => one(i32::try_from(sum).ok().map(|sum| Value::Integer(i64::from(sum)))),
                _ => one(i64::try_from(sum).ok().map(Value::Long)),
            }
        }
        (Some(_), None) => vec![Value::Double(values.iter().filter_map(Value::number).sum())],
    }
}

fn each_text(cell: &[Value], change: impl Fn(&str) -> Value) -> Cell {
    cell.iter().filter_map(Value::as_text).map(change).collect()
}

/// Each value in another type; those that have no such form are left out.
pub(super) fn convert(ty: &str, cell: &[Value]) -> Cell {
    let one = |value: &Value| -> Option<Value> {
        Some(match (ty, value) {
            ("string" | "keyword", value) => Value::Text(value.written()),
            ("ip", Value::Text(text)) => Value::Ip(address(text)?),
            ("ip", ip @ Value::Ip(_)) => ip.clone(),
            ("double", Value::Text(text)) => Value::Double(text.parse().ok()?),
            ("double", number) => Value::Double(number.number()?),
            ("long", Value::Date(millis)) => Value::Long(*millis),
            ("long", Value::Text(text)) => Value::Long(text.parse().ok()?),
            ("long", number) => Value::Long(number.whole()?),
            ("integer" | "int", Value::Text(text)) => Value::Integer(i64::from(text.parse::<i32>().ok()?)),
            ("integer" | "int", number) => Value::Integer(i64::from(i32::try_from(number.whole()?).ok()?)),
            ("boolean", Value::Text(text)) => Value::Boolean(text.eq_ignore_ascii_case("true")),
            ("datetime" | "date", Value::Text(text)) => Value::Date(instant(text)?),
            ("datetime" | "date", date @ Value::Date(_)) => date.clone(),
            (ty, value) => panic!("{} to {ty}", value.type_name()),
        })
    };
    cell.iter().filter_map(one).collect()
}

fn url_decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = std::str::from_utf8(bytes.get(at + 1..at + 3)?).ok()?;
                out.push(u8::from_str_radix(digits, 16).ok()?);
                at += 2;
            }
            byte => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out).ok()
}

fn json_extract(json: &str, path: &str) -> Option<Value> {
    let document: serde_json::Value = serde_json::from_str(json).ok()?;
    let found = path.split('.').try_fold(&document, |value, key| value.get(key))?;
    match found {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(Value::text(text)),
        other => Some(Value::Text(other.to_string())),
    }
}
