//! What holds for every text and every tree.

use proptest::prelude::*;

use super::ast::{
    Aggregate, Assign, BinaryOp, Command, CommandKind, Expr, ExprKind, Ident, LikeKind, Literal, Name, NamePattern,
    Query, Rename, SortKey, Stats, StringLiteral, TimeUnit,
};
use super::lexer::lex;
use super::{parse, print, print::print_named};
use crate::diagnostic::Span;

const NOWHERE: Span = Span::new(0, 0);

const QUERIES: [&str; 6] = [
    "FROM logs-*, -logs-x, c:y METADATA _id, _index | WHERE process.name == \"sh\" AND NOT user.id IN (1, 2.5) // note\n",
    "from a\n| eval b = c + 1 * -2, d = \"\"\"x\\y\"\"\", e = case(f > 1, \"g\\\"\", null)\n| keep b*, `c d`, *",
    "FROM a | STATS n = COUNT(*) WHERE b > 1, values(c)\n BY d, e = date_trunc(5 minutes, @timestamp) | SORT n DESC NULLS LAST",
    "FROM a /* x /* y */ */ | DISSECT b \"%{c} %{d}\" APPEND_SEPARATOR=\",\" | GROK e \"%{WORD:f}\", \"g\" | LIMIT 10",
    "ROW a = [1, 2], b = true | MV_EXPAND a | RENAME a AS c, d = b | DROP e.*",
    "FROM a | INLINE STATS m = max(b::double) BY c | COMPLETION d = prompt WITH { \"inference_id\": \"x\" } | WHERE e : \"f\"",
];

fn tiles(text: &str) {
    let mut at = 0;
    for token in lex(text).tokens {
        assert_eq!(token.span.start, at, "{text:?}");
        assert!(token.span.end > at && text.is_char_boundary(token.span.end), "{text:?}");
        at = token.span.end;
    }
    assert_eq!(at, text.len(), "{text:?}");
}

fn reads(text: &str) {
    let (query, diagnostics) = parse(text);
    assert_eq!(query.is_none(), !diagnostics.is_empty());
    for diagnostic in &diagnostics {
        let span = diagnostic.span;
        assert!(span.start <= span.end && span.end <= text.len(), "{text:?}: {diagnostic:?}");
        assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{text:?}: {diagnostic:?}");
    }
    if let Some(query) = query {
        is_fixed(&query);
        let named = print_named(&query, text);
        let (again, diagnostics) = parse(&named);
        assert_eq!(diagnostics, vec![], "{named}");
        assert_eq!(again.map(|q| print_named(&q, &named)).as_ref(), Some(&named));
    }
}

/// Printing, reading and printing again changes nothing, and the tree read is the tree printed.
fn is_fixed(query: &Query) {
    let shown = print(query);
    let (again, diagnostics) = parse(&shown);
    assert_eq!(diagnostics, vec![], "{shown}");
    let again = again.unwrap_or(Query { commands: Vec::new() });
    assert_eq!(print(&again), shown);
    assert_eq!(shape(&again), shape(query), "{shown}");
}

/// A tree without places and without what canonical text may change: how AND and OR are grouped, how strings are quoted.
fn shape(query: &Query) -> String {
    let debug = format!("{:?}", plain(query.clone()));
    let mut out = String::new();
    let mut rest = debug.as_str();
    while let Some(at) = rest.find("span: Span {") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = rest.find('}').map_or("", |end| &rest[end + 1..]);
    }
    out + rest
}

fn plain(mut query: Query) -> Query {
    for command in &mut query.commands {
        match &mut command.kind {
            CommandKind::Where(expr) => regroup(expr),
            CommandKind::Eval(columns) | CommandKind::Row(columns) => {
                regroup_all(columns.iter_mut().map(|c| &mut c.value));
            }
            CommandKind::Stats(stats) | CommandKind::InlineStats(stats) => {
                for aggregate in &mut stats.aggregates {
                    regroup(&mut aggregate.assign.value);
                    regroup_all(&mut aggregate.filter);
                }
                regroup_all(stats.by.iter_mut().map(|key| &mut key.value));
            }
            CommandKind::Sort(keys) => regroup_all(keys.iter_mut().map(|key| &mut key.value)),
            CommandKind::Dissect { input, pattern, append_separator } => {
                regroup(input);
                pattern.raw = false;
                unquote(append_separator);
            }
            CommandKind::Grok { input, patterns } => {
                regroup(input);
                unquote(patterns);
            }
            CommandKind::Completion { prompt, options, .. } => {
                regroup(prompt);
                regroup_options(options);
            }
            _ => {}
        }
    }
    query
}

/// Makes every chain of AND or OR lean right, and every string a plain one.
fn regroup(expr: &mut Expr) {
    if let ExprKind::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), .. } = expr.kind {
        let mut terms = Vec::new();
        let taken = std::mem::replace(expr, value(Literal::Null));
        terms_of(taken, op, &mut terms);
        regroup_all(&mut terms);
        let joined = terms.into_iter().rev().reduce(|right, left| binary(op, left, right));
        *expr = joined.unwrap_or(value(Literal::Null));
        return;
    }
    match &mut expr.kind {
        ExprKind::Literal(Literal::String(text)) => text.raw = false,
        ExprKind::Literal(Literal::List(items)) => regroup_all(items),
        ExprKind::Literal(_) | ExprKind::Field(_) => {}
        ExprKind::Unary { operand, .. }
        | ExprKind::Not(operand)
        | ExprKind::IsNull { operand, .. }
        | ExprKind::Cast { operand, .. } => regroup(operand),
        ExprKind::Match { query, .. } => regroup(query),
        ExprKind::Binary { left, right, .. } => {
            regroup(left);
            regroup(right);
        }
        ExprKind::In { operand, list, .. } => {
            regroup(operand);
            regroup_all(list);
        }
        ExprKind::Like { operand, patterns, .. } => {
            regroup(operand);
            regroup_all(patterns);
        }
        ExprKind::Call { args, options, .. } => {
            regroup_all(args);
            regroup_options(options);
        }
    }
}

fn regroup_all<'e>(exprs: impl IntoIterator<Item = &'e mut Expr>) {
    for expr in exprs {
        regroup(expr);
    }
}

fn regroup_options(options: &mut [(StringLiteral, Expr)]) {
    for (key, value) in options {
        key.raw = false;
        regroup(value);
    }
}

fn unquote<'s>(strings: impl IntoIterator<Item = &'s mut StringLiteral>) {
    for string in strings {
        string.raw = false;
    }
}

fn terms_of(expr: Expr, op: BinaryOp, terms: &mut Vec<Expr>) {
    match expr.kind {
        ExprKind::Binary { op: found, left, right } if found == op => {
            terms_of(*left, op, terms);
            terms_of(*right, op, terms);
        }
        kind => terms.push(Expr { kind, span: expr.span }),
    }
}

fn at(kind: ExprKind) -> Expr {
    Expr { kind, span: NOWHERE }
}

fn value(literal: Literal) -> Expr {
    at(ExprKind::Literal(literal))
}

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    at(ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) })
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_@][a-z0-9_]{1,4}",
        "[a-zA-Z]",
        "[ -~é\n]{1,5}",
        prop::sample::select(vec![
            "by".to_owned(),
            "NOT".to_owned(),
            "where".to_owned(),
            "null".to_owned(),
            "stats".to_owned(),
        ])
    ]
}

fn name() -> impl Strategy<Value = Name> {
    prop::collection::vec(word(), 1..3).prop_map(|parts| Name { text: parts.join("."), parts, span: NOWHERE })
}

fn string() -> impl Strategy<Value = StringLiteral> {
    ("[ -~é\t\n\r]{0,6}|[\"a]{0,5}", any::<bool>()).prop_map(|(value, raw)| StringLiteral { value, raw, span: NOWHERE })
}

fn text() -> impl Strategy<Value = Expr> {
    string().prop_map(|literal| value(Literal::String(literal)))
}

fn literal() -> impl Strategy<Value = Expr> {
    prop_oneof![
        Just(value(Literal::Null)),
        any::<bool>().prop_map(|b| value(Literal::Boolean(b))),
        any::<i64>().prop_map(|n| value(Literal::Integer(n))),
        (-2_i64..3).prop_map(|n| value(Literal::Integer(n))),
        (1_u64 << 63..).prop_map(|n| value(Literal::Unsigned(n))),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| value(Literal::Double(n))),
        text(),
        (any::<i64>(), prop::sample::select(vec![TimeUnit::Minute, TimeUnit::Month, TimeUnit::Millisecond]))
            .prop_map(|(value, unit)| at(ExprKind::Literal(Literal::TimeSpan { value, unit }))),
        prop::collection::vec(text(), 1..3).prop_map(|items| value(Literal::List(items))),
    ]
}

fn ident() -> impl Strategy<Value = Ident> {
    "[a-z]{2,4}x".prop_map(|text| Ident { text, span: NOWHERE })
}

fn options() -> impl Strategy<Value = Vec<(StringLiteral, Expr)>> {
    prop::collection::vec((string(), literal()), 0..2)
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![literal(), name().prop_map(|name| at(ExprKind::Field(name)))];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        let op = prop::sample::select(vec![
            BinaryOp::Or,
            BinaryOp::And,
            BinaryOp::Eq,
            BinaryOp::LtEq,
            BinaryOp::Add,
            BinaryOp::Subtract,
            BinaryOp::Multiply,
            BinaryOp::Modulo,
        ]);
        let like = prop::sample::select(vec![LikeKind::Like, LikeKind::Rlike]);
        prop_oneof![
            (op.clone(), inner.clone(), inner.clone()).prop_map(|(op, left, right)| binary(op, left, right)),
            (op, inner.clone(), inner.clone()).prop_map(|(op, left, right)| binary(op, left, right)),
            boxed().prop_map(|operand| at(ExprKind::Not(operand))),
            (any::<bool>(), boxed()).prop_map(|(negative, operand)| at(ExprKind::Unary { negative, operand })),
            (any::<bool>(), literal().prop_map(Box::new))
                .prop_map(|(negative, operand)| at(ExprKind::Unary { negative, operand })),
            (boxed(), any::<bool>()).prop_map(|(operand, negated)| at(ExprKind::IsNull { operand, negated })),
            (boxed(), prop::collection::vec(inner.clone(), 1..3), any::<bool>())
                .prop_map(|(operand, list, negated)| at(ExprKind::In { operand, list, negated })),
            (boxed(), like.clone(), prop::collection::vec(text(), 1..3), any::<bool>()).prop_map(
                |(operand, kind, patterns, negated)| at(ExprKind::Like {
                    operand,
                    kind,
                    patterns,
                    list: true,
                    negated
                })
            ),
            (boxed(), like, inner.clone(), any::<bool>()).prop_map(|(operand, kind, pattern, negated)| {
                at(ExprKind::Like { operand, kind, patterns: vec![pattern], list: false, negated })
            }),
            (name(), literal()).prop_map(|(field, query)| at(ExprKind::Match { field, query: Box::new(query) })),
            (ident(), prop::collection::vec(inner.clone(), 1..3), options())
                .prop_map(|(name, args, options)| at(ExprKind::Call { name, args, star: false, options })),
            (boxed(), ident()).prop_map(|(operand, ty)| at(ExprKind::Cast { operand, ty })),
        ]
    })
}

fn assign() -> impl Strategy<Value = Assign> {
    (prop::option::of(name()), expr()).prop_map(|(name, value)| Assign { name, value, span: NOWHERE })
}

fn assigns() -> impl Strategy<Value = Vec<Assign>> {
    prop::collection::vec(assign(), 1..3)
}

fn patterns() -> impl Strategy<Value = Vec<NamePattern>> {
    let piece = prop_oneof!["[a-z_.@1*é-]{1,3}", "[a-z]{1,3}"];
    let pattern = prop::collection::vec(prop_oneof![piece, Just(String::new())], 1..4)
        .prop_filter("not empty", |pieces| pieces.len() > 1 || !pieces.concat().is_empty())
        .prop_map(|pieces| NamePattern { text: pieces.join("*"), pieces, span: NOWHERE });
    prop::collection::vec(pattern, 1..3)
}

fn stats() -> impl Strategy<Value = Stats> {
    let aggregate = (assign(), prop::option::of(expr())).prop_map(|(assign, filter)| Aggregate { assign, filter });
    (prop::collection::vec(aggregate, 1..3), prop::collection::vec(assign(), 0..3))
        .prop_map(|(aggregates, by)| Stats { aggregates, by })
}

fn command() -> impl Strategy<Value = CommandKind> {
    let key = (expr(), any::<bool>(), any::<Option<bool>>()).prop_map(|(value, descending, nulls_first)| SortKey {
        value,
        descending,
        nulls_first,
    });
    prop_oneof![
        expr().prop_map(CommandKind::Where),
        assigns().prop_map(CommandKind::Eval),
        stats().prop_map(CommandKind::Stats),
        stats().prop_map(CommandKind::InlineStats),
        patterns().prop_map(CommandKind::Keep),
        patterns().prop_map(CommandKind::Drop),
        (name(), name()).prop_map(|(from, to)| CommandKind::Rename(vec![Rename { from, to }])),
        prop::collection::vec(key, 1..3).prop_map(CommandKind::Sort),
        any::<u64>().prop_map(CommandKind::Limit),
        name().prop_map(CommandKind::MvExpand),
        (expr(), string(), prop::option::of(string()))
            .prop_map(|(input, pattern, append_separator)| CommandKind::Dissect { input, pattern, append_separator }),
        (expr(), prop::collection::vec(string(), 1..3))
            .prop_map(|(input, patterns)| CommandKind::Grok { input, patterns }),
        (prop::option::of(name()), expr(), options()).prop_map(|(target, prompt, options)| CommandKind::Completion {
            target,
            prompt,
            options
        }),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let index = prop_oneof!["[a-z*.<>{}/-]{1,8}", "[a-z]{1,3}:[a-z]{1,3}", "[a-z]{1,3}::data", "[a-z|\"=é; ]{1,4}z"]
        .prop_filter("patterns are trimmed", |text| text.trim() == text)
        .prop_map(|text| Ident { text, span: NOWHERE });
    let metadata = "_[a-z]{1,4}".prop_map(|text| Ident { text, span: NOWHERE });
    let from = (prop::collection::vec(index, 1..3), prop::collection::vec(metadata, 0..2))
        .prop_map(|(patterns, metadata)| CommandKind::From { patterns, metadata });
    let source = prop_oneof![3 => from, 1 => assigns().prop_map(CommandKind::Row)];
    (source, prop::collection::vec(command(), 0..3)).prop_map(|(source, rest)| {
        let kinds = std::iter::once(source).chain(rest);
        Query { commands: kinds.map(|kind| Command { kind, span: NOWHERE }).collect() }
    })
}

/// A valid query with a few edits: a piece removed, doubled, or replaced.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0_usize..6, "[ -~é\n]{0,3}|[()|\"`]{1,2}|/\\*|\"\"\"");
    (prop::sample::select(QUERIES.to_vec()), prop::collection::vec(edit, 1..4)).prop_map(|(query, edits)| {
        edits.into_iter().fold(query.to_owned(), |text, (at, length, insert)| {
            let chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len() + 1);
            let end = (at + length).min(chars.len());
            chars[..at].iter().copied().chain(insert.chars()).chain(chars[end..].iter().copied()).collect()
        })
    })
}

#[test]
fn the_queries_that_are_mutated_are_valid() {
    for text in QUERIES {
        assert_eq!(parse(text).1, vec![], "{text}");
        tiles(text);
        reads(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_tiled_and_read(text in "\\PC{0,40}|[ -~\n]{0,60}|FROM [ -~\n]{0,60}") {
        tiles(&text);
        reads(&text);
    }

    #[test]
    fn mutated_queries_are_tiled_and_read(text in mutated()) {
        tiles(&text);
        reads(&text);
    }

    #[test]
    fn printed_trees_read_back(query in query()) {
        is_fixed(&query);
        tiles(&print(&query));
    }
}
