//! Patterns as comparisons that the engine knows: they prune row groups by statistics, a function never does.
//!
//! | pattern | becomes |
//! |---|---|
//! | `*` | `x IS NOT NULL` |
//! | `text` | `x = 'text'` |
//! | `text*` | `x LIKE 'text%'`, or `x >= 'text' AND x < 'texu'` where the text holds `%`, `_` or `\` |
//! | `text*more`, `text?` | the comparison for `text*` AND the matcher |
//! | `*text`, `*text*` | `x LIKE '%text'`, `x LIKE '%text%'` where the text holds none of those |
//!
//! Dictionaries other than of `Utf8` take the range in any case, and for the last row the matcher. An escaped `_` would cost LIKE its fast kernels, hence the range. Text compares by bytes, which for UTF-8 is the
//! order of characters, so the range holds exactly the values with that prefix.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Like};

use super::pattern::Pattern;

/// Returns the comparison that means the pattern for a value of this type, or `None` if there is no faster one.
pub(crate) fn comparison(value: &Expr, data_type: &DataType, pattern: &Pattern) -> Option<Expr> {
    let literal = |text: String| Expr::Literal(text_scalar(data_type, text), None);
    match pattern {
        Pattern::Everything => Some(value.clone().is_not_null()),
        Pattern::Exact(text) => Some(value.clone().eq(literal(text.clone()))),
        Pattern::Prefix(text) if is_plain(text) && likes(data_type) => Some(like(value, data_type, format!("{text}%"))),
        Pattern::Prefix(text) => {
            let low = value.clone().gt_eq(literal(text.clone()));
            match successor(text) {
                Some(next) => Some(low.and(value.clone().lt(literal(next)))),
                None => Some(low),
            }
        }
        Pattern::Suffix(text) if is_plain(text) && likes(data_type) => Some(like(value, data_type, format!("%{text}"))),
        Pattern::Contains(text) if is_plain(text) && likes(data_type) => {
            Some(like(value, data_type, format!("%{text}%")))
        }
        Pattern::Suffix(_) | Pattern::Contains(_) | Pattern::Pieces(_) => None,
    }
}

/// Returns a comparison that holds for every match of the pattern, and prunes, or `None` if there is none.
pub(crate) fn guard(value: &Expr, data_type: &DataType, pattern: &Pattern) -> Option<Expr> {
    pattern.start().and_then(|start| comparison(value, data_type, &Pattern::Prefix(start.to_owned())))
}

/// True if a comparison with the pattern can prune.
pub(crate) fn prunes(pattern: &Pattern) -> bool {
    matches!(pattern, Pattern::Everything | Pattern::Exact(_) | Pattern::Prefix(_))
}

/// True if LIKE gives the text no meaning of its own.
fn is_plain(text: &str) -> bool {
    !text.contains(['%', '_', '\\'])
}

/// True if LIKE takes the type as it is: of dictionaries only those of `Utf8`. The others would have to be unpacked,
/// which costs more than the range or the matcher.
fn likes(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => **value == DataType::Utf8,
        _ => true,
    }
}

fn like(value: &Expr, data_type: &DataType, pattern: String) -> Expr {
    let text_type = match data_type {
        DataType::Dictionary(_, inner) => inner,
        plain => plain,
    };
    let pattern = Expr::Literal(text_scalar(text_type, pattern), None);
    Expr::Like(Like::new(false, Box::new(value.clone()), Box::new(pattern), None, false))
}

/// Returns a literal of exactly this type: these expressions come after the planner has coerced types.
fn text_scalar(data_type: &DataType, text: String) -> ScalarValue {
    match data_type {
        DataType::Dictionary(key, value) => ScalarValue::Dictionary(key.clone(), Box::new(text_scalar(value, text))),
        DataType::LargeUtf8 => ScalarValue::LargeUtf8(Some(text)),
        DataType::Utf8View => ScalarValue::Utf8View(Some(text)),
        _ => ScalarValue::Utf8(Some(text)),
    }
}

/// Returns the least text above every text that starts with `prefix`, or `None` if there is none.
fn successor(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // A range of characters steps over the surrogates by itself.
        if let Some(next) = (last..=char::MAX).nth(1) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn successors() {
        assert_eq!(successor("/tmp/go_build").as_deref(), Some("/tmp/go_buile"));
        assert_eq!(successor("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(successor("a\u{10ffff}\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(successor("\u{10ffff}"), None);
        assert_eq!(successor("\u{7f}").as_deref(), Some("\u{80}"));
    }

    proptest! {
        #[test]
        fn the_range_holds_exactly_the_prefix(prefix in "(\\PC|[ab\u{7f}\u{7ff}\u{ffff}\u{10ffff}]){1,3}", value in ".{0,4}", tail in ".{0,3}") {
            for value in [value.clone(), format!("{prefix}{value}"), format!("{}{tail}", successor(&prefix).unwrap_or_default())] {
                let within = value >= prefix && successor(&prefix).is_none_or(|next| value < next);
                prop_assert_eq!(within, value.starts_with(&prefix), "{:?}", value);
            }
        }

        #[test]
        fn nothing_lies_between(prefix in "[ab\u{7f}\u{7ff}\u{d7ff}\u{ffff}\u{10ffff}]{1,3}", value in "[abc\u{7f}\u{80}\u{7ff}\u{800}\u{e000}\u{10000}\u{10ffff}]{0,4}") {
            let within = value >= prefix && successor(&prefix).is_none_or(|next| value < next);
            prop_assert_eq!(within, value.starts_with(&prefix));
        }
    }

    #[test]
    fn literals_have_the_type_of_the_column() {
        let column = datafusion::logical_expr::col("x");
        let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::LargeUtf8));
        let exact = comparison(&column, &dictionary, &Pattern::Exact("a".into())).unwrap();
        let Expr::BinaryExpr(equal) = exact else { unreachable!("an exact pattern is an equality") };
        assert!(matches!(*equal.right, Expr::Literal(ref scalar, _) if scalar.data_type() == dictionary));
        assert_eq!(comparison(&column, &DataType::Utf8, &Pattern::Contains("a%".into())), None);
    }
}
