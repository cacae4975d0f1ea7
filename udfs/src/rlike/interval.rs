//! `<n-m>`: the whole numbers of an interval, as an expression over their digits.

use super::class::Class;
use super::parse::Node;

/// Returns the expression of the numbers from `low` to `high`: zero-padded to so many digits, or with any number of zeros
/// before them.
pub(crate) fn node(low: u32, high: u32, digits: Option<usize>) -> Node {
    let width = digits.unwrap_or_else(|| high.to_string().len());
    let pad = |number: u32| format!("{number:0width$}").into_bytes();
    let (low, high) = (pad(low), pad(high));
    if digits.is_some() {
        return between(&low, &high);
    }
    // Of a padded number the zeros before it may be there or not; any number of them may come before.
    let zeros = Node::Repeat(Box::new(Node::One(Class::of('0'))), 0, None);
    let mut forms = Vec::new();
    for skipped in 0..width {
        // The numbers that start with exactly so many zeros, without these zeros.
        let first = lowest_from(&low, skipped);
        let last = highest_from(&high, skipped);
        if let (Some(first), Some(last)) = (first, last)
            && first <= last
        {
            forms.push(between(&first, &last));
        }
    }
    Node::Concat(vec![zeros, Node::Union(forms)])
}

/// The digits of the lowest number that is no less than `low` and has `skipped` zeros before it, the first digit of
/// which is no zero unless it is the only one.
fn lowest_from(low: &[u8], skipped: usize) -> Option<Vec<u8>> {
    let (zeros, rest) = low.split_at_checked(skipped)?;
    if zeros.iter().any(|digit| *digit != b'0') {
        return None;
    }
    let mut rest = rest.to_vec();
    if rest.first() == Some(&b'0') && rest.len() > 1 {
        rest.fill(b'0');
        *rest.first_mut()? = b'1';
    }
    Some(rest)
}

/// The digits of the highest number that is no more than `high` and has `skipped` zeros before it.
fn highest_from(high: &[u8], skipped: usize) -> Option<Vec<u8>> {
    let (zeros, rest) = high.split_at_checked(skipped)?;
    if zeros.iter().any(|digit| *digit != b'0') {
        return Some(vec![b'9'; rest.len()]);
    }
    Some(rest.to_vec())
}

/// The numbers from `low` to `high`, both of the same length.
fn between(low: &[u8], high: &[u8]) -> Node {
    let (Some((first, low_rest)), Some((last, high_rest))) = (low.split_first(), high.split_first()) else {
        return Node::Concat(Vec::new());
    };
    let digits = |from: u8, to: u8| Node::One(Class::range(from.into(), to.into()));
    if first == last {
        return Node::Concat(vec![digits(*first, *first), between(low_rest, high_rest)]);
    }
    let any = |count: usize| Node::Concat(vec![digits(b'0', b'9'); count]);
    let (lowest, highest) = (vec![b'0'; low_rest.len()], vec![b'9'; low_rest.len()]);
    let mut forms = vec![Node::Concat(vec![digits(*first, *first), between(low_rest, &highest)])];
    if first + 1 < *last {
        forms.push(Node::Concat(vec![digits(first + 1, last - 1), any(low_rest.len())]));
    }
    forms.push(Node::Concat(vec![digits(*last, *last), between(&lowest, high_rest)]));
    Node::Union(forms)
}
