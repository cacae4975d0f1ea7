//! Functions of text: its length, what it holds, its case. Lengths count characters.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::lowering::Lowering;

use super::{Call, Function, MANY, scalar};

/// What TRIM takes away: the white space of Java, which leaves out the spaces that do not break.
const WHITE_SPACE: &str = "\u{9}\u{a}\u{b}\u{c}\u{d}\u{1c}\u{1d}\u{1e}\u{1f}\u{20}\u{1680}\u{2000}\u{2001}\u{2002}\
    \u{2003}\u{2004}\u{2005}\u{2006}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{205f}\u{3000}";

/// A test of a text and a part.
macro_rules! tests {
    ($name:literal, $summary:literal, $part:literal) => {
        scalar(
            ($name, concat!($name, "(text, part) -> boolean")),
            (2, 2),
            $summary,
            (concat!($name, "(\"egret\", \"", $part, "\")"), "true"),
            |lowering, call, _| Some(Typed::single(build::call($name, texts(lowering, call)?), Type::Boolean)),
        )
    };
}

/// A function that takes white space away.
macro_rules! trims {
    ($name:literal, $sql:literal, $summary:literal, $gives:literal) => {
        scalar(
            ($name, concat!($name, "(text) -> keyword")),
            (1, 1),
            $summary,
            (concat!($name, "(\" a b \")"), $gives),
            |lowering, call, _| {
                let text = lowering.text_argument(call, call.args.first()?)?;
                Some(Typed::single(build::call($sql, [text, build::text(WHITE_SPACE)]), Type::Keyword))
            },
        )
    };
}

/// A size of a text.
macro_rules! sizes {
    ($name:literal, $sql:literal, $summary:literal, $gives:literal) => {
        scalar(
            ($name, concat!($name, "(text) -> integer")),
            (1, 1),
            $summary,
            (concat!($name, "(\"é\")"), $gives),
            |lowering, call, _| {
                let text = lowering.text_argument(call, call.args.first()?)?;
                Some(Typed::single(build::call($sql, [text]), Type::Integer))
            },
        )
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    scalar(
        ("to_lower", "to_lower(text) -> keyword"),
        (1, 1),
        "the text in lower case",
        ("to_lower(\"Bash\")", "\"bash\""),
        |lowering, call, want| change_case(lowering, call, want, ["lower", "mv_lower"]),
    ),
    scalar(
        ("to_upper", "to_upper(text) -> keyword"),
        (1, 1),
        "the text in upper case",
        ("to_upper(\"Bash\")", "\"BASH\""),
        |lowering, call, want| change_case(lowering, call, want, ["upper", "mv_upper"]),
    ),
    sizes!("length", "character_length", "how many characters a text has", "1"),
    sizes!("byte_length", "octet_length", "how many bytes a text has", "2"),
    sizes!("bit_length", "bit_length", "how many bits a text has", "16"),
    scalar(
        ("concat", "concat(text, text, ...) -> keyword"),
        (2, MANY),
        "the texts joined, null where one is null",
        ("concat(\"a\", \"-\", \"b\")", "\"a-b\""),
        |lowering, call, _| {
            let parts = texts(lowering, call)?;
            let join = |left, right| build::binary(left, BinaryOperator::StringConcat, right);
            Some(Typed::single(parts.into_iter().reduce(join)?, Type::Keyword))
        },
    ),
    tests!("starts_with", "whether a text starts with another", "eg"),
    tests!("ends_with", "whether a text ends with another", "ret"),
    tests!("contains", "whether a text holds another", "gre"),
    trims!("trim", "btrim", "the text without white space around it", "\"a b\""),
    trims!("ltrim", "ltrim", "the text without white space before it", "\"a b \""),
    trims!("rtrim", "rtrim", "the text without white space behind it", "\" a b\""),
];

/// The texts of all arguments; every one is checked.
fn texts(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Vec<Sql>> {
    let texts: Vec<Option<Sql>> = call.args.iter().map(|arg| lowering.text_argument(call, arg)).collect();
    texts.into_iter().collect()
}

/// Each value of a field for itself; where one is asked for, the case of the single value.
fn change_case(
    lowering: &mut Lowering<'_>,
    call: &Call<'_>,
    want: Want,
    [of_one, of_list]: [&str; 2],
) -> Option<Typed> {
    let arg = call.args.first()?;
    let value = lowering.wanted(arg, want)?;
    if !value.ty.is_text() && value.ty != Type::Null {
        return lowering.refuse(call, "text", value.ty, arg.span);
    }
    let (multi, list) = (value.multi, value.list);
    let text = lowering.demand(value, Type::Keyword).sql;
    let changed = build::call(if multi { of_list } else { of_one }, [text]);
    Some(Typed { multi, list, ..Typed::single(changed, Type::Keyword) })
}
