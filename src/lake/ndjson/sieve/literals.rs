//! What documents must hold for a predicate over columns to be true of them.
//!
//! Only what is certain counts: a predicate that is not known here demands nothing. Where a comparison is true, its
//! columns are not null, so that the document has keys for them; where it compares a text with a literal, the document
//! has a value that holds the literal.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CastExpr, Column, InListExpr, IsNotNullExpr, LikeExpr, Literal, NotExpr, TryCastExpr,
};
use datafusion::physical_plan::PhysicalExpr;

use super::need::{Ends, Need};
use crate::lake::field::Kind;
use crate::lake::ndjson::ColumnSpec;

/// Functions that give one of the values of their argument as it is.
const ONE_OF_THE_VALUES: [&str; 5] = ["single_value", "mv_first", "mv_last", "mv_min", "mv_max"];

/// Functions that give the values of their argument as they are.
const THE_VALUES: [&str; 3] = ["mv_clean", "mv_dedupe", "mv_sort"];

/// Functions that are null where their first argument is.
const STRICT: [&str; 8] =
    ["to_ip", "cidr_match", "lower", "upper", "character_length", "starts_with", "ends_with", "contains"];

/// What a document must hold so that `predicate`, over these columns, may be true of it.
pub(crate) fn need(predicate: &Arc<dyn PhysicalExpr>, columns: &[ColumnSpec]) -> Need {
    Reader { columns }.true_of(predicate)
}

struct Reader<'a> {
    columns: &'a [ColumnSpec],
}

impl Reader<'_> {
    /// What holds where `expr` is true.
    fn true_of(&self, expr: &Arc<dyn PhysicalExpr>) -> Need {
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            return match binary.op() {
                Operator::And => {
                    let parts = [binary.left(), binary.right()].map(|part| self.true_of(part));
                    Need::all(parts.into_iter().chain([self.range(expr)]))
                }
                Operator::Or => Need::any([binary.left(), binary.right()].map(|part| self.true_of(part))),
                Operator::Eq => Need::all([self.equal(binary.left(), binary.right()), self.not_null(expr)]),
                _ => self.not_null(expr),
            };
        }
        if let Some(list) = expr.downcast_ref::<InListExpr>().filter(|list| !list.negated()) {
            let one = |item: &Arc<dyn PhysicalExpr>| self.equal(list.expr(), item);
            return Need::all([Need::any(list.list().iter().map(one)), self.not_null(list.expr())]);
        }
        if let Some(like) = expr.downcast_ref::<LikeExpr>().filter(|like| !like.negated() && !like.case_insensitive()) {
            let pattern = text_of(like.pattern()).filter(|_| self.is_text(like.expr()));
            return Need::all([pattern.map_or(Need::Nothing, like_pattern), self.not_null(expr)]);
        }
        if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() {
            return Need::all([self.call(call), self.not_null(expr)]);
        }
        if let Some(inner) = expr.downcast_ref::<IsNotNullExpr>() {
            return self.not_null(inner.arg());
        }
        self.not_null(expr)
    }

    /// What holds where `expr` is not null.
    fn not_null(&self, expr: &Arc<dyn PhysicalExpr>) -> Need {
        if let Some(column) = expr.downcast_ref::<Column>() {
            return match self.columns.get(column.index()) {
                Some(ColumnSpec::Field(field)) if field.name == column.name() => Need::key(&field.name),
                _ => Need::Nothing,
            };
        }
        if let Some(inner) = cast_input(expr) {
            return self.not_null(inner);
        }
        if let Some(inner) = expr.downcast_ref::<NotExpr>() {
            return self.not_null(inner.arg());
        }
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            let decides_alone = matches!(
                binary.op(),
                Operator::And | Operator::Or | Operator::IsDistinctFrom | Operator::IsNotDistinctFrom
            );
            let parts = || [binary.left(), binary.right()].map(|part| self.not_null(part));
            return if decides_alone { Need::Nothing } else { Need::all(parts()) };
        }
        if let Some(like) = expr.downcast_ref::<LikeExpr>() {
            return self.not_null(like.expr());
        }
        if let Some(list) = expr.downcast_ref::<InListExpr>().filter(|list| !list.list().is_empty()) {
            return self.not_null(list.expr());
        }
        if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() {
            // `glob_match` with `*` is false for null.
            let strict = STRICT.contains(&call.name())
                || ONE_OF_THE_VALUES.contains(&call.name())
                || THE_VALUES.contains(&call.name())
                || (call.name() == "glob_match"
                    && glob_patterns(call).is_some_and(|all| all.iter().all(|p| !is_any(p))));
            return call.args().first().filter(|_| strict).map_or(Need::Nothing, |arg| self.not_null(arg));
        }
        Need::Nothing
    }

    /// What holds where `left = right`.
    fn equal(&self, left: &Arc<dyn PhysicalExpr>, right: &Arc<dyn PhysicalExpr>) -> Need {
        let one_way = |value, literal| text_of(literal).filter(|_| self.is_text(value));
        match one_way(left, right).or_else(|| one_way(right, left)) {
            Some(text) => Need::value(text, Ends::BOTH),
            None => Need::Nothing,
        }
    }

    /// What holds where `x >= 'a' AND x < 'b'`: x begins as both ends do.
    fn range(&self, expr: &Arc<dyn PhysicalExpr>) -> Need {
        let mut bounds: Vec<(&Arc<dyn PhysicalExpr>, bool, &str)> = Vec::new();
        self.bounds(expr, &mut bounds);
        let lows = bounds.iter().filter(|(_, is_low, _)| *is_low);
        let pairs = lows.flat_map(|low| {
            let highs = bounds.iter().filter(move |(value, is_low, _)| !is_low && *value == low.0);
            highs.map(move |high| Need::value(common_start(low.2, high.2), Ends::START))
        });
        Need::all(pairs.collect::<Vec<_>>())
    }

    fn bounds<'e>(
        &self,
        expr: &'e Arc<dyn PhysicalExpr>,
        bounds: &mut Vec<(&'e Arc<dyn PhysicalExpr>, bool, &'e str)>,
    ) {
        let Some(binary) = expr.downcast_ref::<BinaryExpr>() else { return };
        let is_low = match binary.op() {
            Operator::And => {
                self.bounds(binary.left(), bounds);
                return self.bounds(binary.right(), bounds);
            }
            Operator::Gt | Operator::GtEq => true,
            Operator::Lt | Operator::LtEq => false,
            _ => return,
        };
        if let Some(text) = text_of(binary.right()).filter(|_| self.is_text(binary.left())) {
            bounds.push((binary.left(), is_low, text));
        }
    }

    fn call(&self, call: &ScalarFunctionExpr) -> Need {
        if !call.args().first().is_some_and(|value| self.is_text(value)) {
            return Need::Nothing;
        }
        let part = |ends| match call.args() {
            [_, part] => text_of(part).map_or(Need::Nothing, |text| Need::value(text, ends)),
            _ => Need::Nothing,
        };
        match call.name() {
            "glob_match" => match glob_patterns(call) {
                Some(patterns) => Need::any(patterns.into_iter().map(glob_pattern)),
                None => Need::Nothing,
            },
            "starts_with" => part(Ends::START),
            "ends_with" => part(Ends::END),
            "contains" => part(Ends::NEITHER),
            _ => Need::Nothing,
        }
    }

    /// Whether an expression gives texts of documents as they are.
    fn is_text(&self, expr: &Arc<dyn PhysicalExpr>) -> bool {
        self.texts(expr).is_some()
    }

    /// Whether the texts that an expression gives are one or several a row; nothing where they are no texts as documents
    /// have them.
    fn texts(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<Texts> {
        if let Some(column) = expr.downcast_ref::<Column>() {
            let Some(ColumnSpec::Field(field)) = self.columns.get(column.index()) else { return None };
            let is_text =
                field.name == column.name() && matches!(field.kind, Kind::Keyword | Kind::Text | Kind::Version);
            return is_text.then_some(if field.multi { Texts::Several } else { Texts::One });
        }
        if let Some(inner) = cast_input(expr) {
            // As one text a list is spelled with brackets.
            return match (self.texts(inner)?, cast_texts(expr)?) {
                (Texts::Several, Texts::One) => None,
                (_, target) => Some(target),
            };
        }
        let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
        let texts = self.texts(call.args().first()?)?;
        match call.name() {
            name if ONE_OF_THE_VALUES.contains(&name) => Some(Texts::One),
            name if THE_VALUES.contains(&name) => Some(texts),
            _ => None,
        }
    }
}

/// How many texts an expression gives a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Texts {
    One,
    Several,
}

fn cast_input(expr: &Arc<dyn PhysicalExpr>) -> Option<&Arc<dyn PhysicalExpr>> {
    let cast = expr.downcast_ref::<CastExpr>().map(CastExpr::expr);
    cast.or_else(|| expr.downcast_ref::<TryCastExpr>().map(TryCastExpr::expr))
}

/// How many texts a cast gives a row.
fn cast_texts(expr: &Arc<dyn PhysicalExpr>) -> Option<Texts> {
    let is_text = |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let cast = expr.downcast_ref::<CastExpr>().map(CastExpr::cast_type);
    match cast.or_else(|| expr.downcast_ref::<TryCastExpr>().map(TryCastExpr::cast_type))? {
        DataType::List(item) | DataType::LargeList(item) => is_text(item.data_type()).then_some(Texts::Several),
        one => is_text(one).then_some(Texts::One),
    }
}

/// The text that a literal is.
fn text_of(expr: &Arc<dyn PhysicalExpr>) -> Option<&str> {
    if let Some(inner) = cast_input(expr).filter(|_| cast_texts(expr) == Some(Texts::One)) {
        return text_of(inner);
    }
    expr.downcast_ref::<Literal>()?.value().try_as_str().flatten()
}

fn common_start<'t>(a: &'t str, b: &str) -> &'t str {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    a.get(..same).unwrap_or("")
}

/// What matches of a pattern of LIKE hold.
fn like_pattern(pattern: &str) -> Need {
    if !pattern.contains('\\') {
        return pieces(pattern, |c| c == '%' || c == '_');
    }
    // What stands behind an escape is not looked at.
    let mut runs = Vec::new();
    for (at, part) in pattern.split('\\').enumerate() {
        let mut chars = part.chars();
        if at > 0 {
            chars.next();
        }
        runs.extend(chars.as_str().split(['%', '_']).map(|run| Need::value(run, Ends::NEITHER)));
    }
    Need::all(runs)
}

/// What matches of a pattern hold whose wildcards are single characters.
fn pieces(pattern: &str, is_wildcard: fn(char) -> bool) -> Need {
    let runs: Vec<&str> = pattern.split(is_wildcard).collect();
    let last = runs.len() - 1;
    let run = |(at, run): (usize, &str)| {
        let ends = Ends { start: at == 0, end: at == last };
        if run.is_empty() && last > 0 { Need::Nothing } else { Need::value(run, ends) }
    };
    Need::all(runs.into_iter().enumerate().map(run))
}

/// The patterns of a call of `glob_match`, where all are literals.
fn glob_patterns(call: &ScalarFunctionExpr) -> Option<Vec<&str>> {
    call.args().get(1..)?.iter().map(text_of).collect()
}

/// What matches of a pattern of `glob_match` hold.
fn glob_pattern(pattern: &str) -> Need {
    if !pattern.contains('\\') {
        return pieces(pattern, |c| c == '*' || c == '?');
    }
    // A backslash takes the meaning from what stands behind it.
    let mut runs = vec![String::new()];
    let mut chars = pattern.chars();
    while let Some(character) = chars.next() {
        let literal = match character {
            '*' | '?' => None,
            '\\' => chars.next(),
            other => Some(other),
        };
        match (literal, runs.last_mut()) {
            (Some(literal), Some(run)) => run.push(literal),
            _ => runs.push(String::new()),
        }
    }
    Need::all(runs.iter().map(|run| Need::value(run, Ends::NEITHER)))
}

/// Whether a pattern of `glob_match` asks for nothing but a value.
fn is_any(pattern: &str) -> bool {
    pattern.chars().all(|c| c == '*')
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;
    use crate::lake::field::Field;
    use crate::lake::ndjson::{Metadata, NdjsonOptions, NdjsonSource};
    use datafusion::common::DFSchema;
    use datafusion::prelude::SessionContext;

    /// What a condition, as SQL spells it, demands of documents.
    fn demands(condition: &str) -> String {
        let field = |(name, kind, multi): (&str, Kind, bool)| {
            ColumnSpec::Field(Field { name: name.into(), kind, data_type: kind.data_type(), multi })
        };
        let fields = [
            ("name", Kind::Keyword, true),
            ("one", Kind::Keyword, false),
            ("port", Kind::Long, true),
            ("ip", Kind::Ip, true),
            ("flag", Kind::Boolean, false),
            ("t", Kind::Date, false),
        ];
        let columns: Vec<_> = fields.into_iter().map(field).chain([ColumnSpec::Metadata(Metadata::Id)]).collect();
        let source = NdjsonSource::new(NdjsonOptions { columns: columns.clone(), ..NdjsonOptions::default() });
        let context = SessionContext::new();
        egret_udfs::register_all(&context).unwrap();
        let schema = DFSchema::try_from(source.file_schema().as_ref().clone()).unwrap();
        let expr = context.parse_sql_expr(condition, &schema).unwrap();
        let predicate = context.create_physical_expr(expr, &schema).unwrap();
        need(&predicate, &columns).to_string()
    }

    #[test]
    fn comparisons_with_texts() {
        assert_eq!(demands("single_value(name) = 'linux'"), r#"`"linux"` and `name"`"#);
        assert_eq!(demands("'linux' = one"), r#"`"linux"` and `one"`"#);
        assert_eq!(demands("one = '443'"), r#"`443` and `one"`"#);
        assert_eq!(demands("one IN ('a', 'b', 'c', 'd')"), r#"(`"a"` or `"b"` or `"c"` or `"d"`) and `one"`"#);
        assert_eq!(demands("one LIKE '/tmp/%'"), r#"`"/tmp/` and `one"`"#);
        assert_eq!(demands("one LIKE '%a_b%c%'"), r#"`one"`"#);
        assert_eq!(demands("one LIKE 'aa%bb_cc'"), r#"`"aa` and `bb` and `cc"` and `one"`"#);
        assert_eq!(demands(r"one LIKE 'aa\_bb%cc'"), r#"`aa` and `bb` and `cc` and `one"`"#);
        assert_eq!(demands("one >= '/tmp/go_build' AND one < '/tmp/go_builf'"), r#"`one"` and `"/tmp/go_buil`"#);
        assert_eq!(demands("glob_match(single_value(name), '/tmp/go_b*')"), r#"`"/tmp/go_b` and `name"`"#);
        assert_eq!(
            demands("glob_match(single_value(name), 'aa*bb?cc', '*dd')"),
            r#"((`"aa` and `bb` and `cc"`) or `dd"`) and `name"`"#
        );
        assert_eq!(demands(r"glob_match(name, 'C:\\Te?p\\*')"), r#"`C:\\Te` and `p\\` and `name"`"#);
        assert_eq!(
            demands("starts_with(one, 'ab') OR ends_with(one, 'cd')"),
            r#"(`"ab` and `one"`) or (`cd"` and `one"`)"#
        );
        assert_eq!(demands("contains(one, 'ab')"), r#"`ab` and `one"`"#);
    }

    #[test]
    fn what_is_not_certain_demands_nothing() {
        for condition in [
            "one IS NULL",
            "one IS DISTINCT FROM 'aa'",
            "coalesce(one, 'aa') = 'aa'",
            "glob_match(name, '*')",
            "_id = 'aa'",
        ] {
            let found = demands(condition);
            assert!(found == "anything" || (condition.contains("'*'") && found == "`name\"`"), "{condition}: {found}");
        }
        assert_eq!(demands("one = 'aa' OR single_value(port) > 3"), r#"(`"aa"` and `one"`) or `port"`"#);
        assert_eq!(demands("one = 'aa' OR one IS NULL"), "anything");
        assert_eq!(demands("NOT (one = 'aa' AND single_value(port) > 3)"), "anything");
        assert_eq!(demands("CASE WHEN one = 'aa' THEN flag ELSE true END"), "anything");
    }

    #[test]
    fn a_comparison_needs_its_fields() {
        assert_eq!(demands("single_value(port) = 443"), "`port\"`");
        assert_eq!(demands("flag"), "`flag\"`");
        assert_eq!(demands("NOT cidr_match(to_ip(single_value(ip)), '10.0.0.0/8')"), "`ip\"`");
        assert_eq!(demands("ip IS NOT NULL AND NOT one LIKE 'aa%'"), r#"`ip"` and `one"`"#);
        assert_eq!(demands("lower(one) = 'aa'"), "`one\"`");
        assert_eq!(demands("t > '2026-10-01T00:00:00Z'"), "`t\"`");
        assert_eq!(demands("CAST(name AS VARCHAR) = '[aa]'"), "`name\"`", "a list as a text is spelled otherwise");
    }
}
