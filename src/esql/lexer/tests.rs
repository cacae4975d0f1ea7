use super::*;

fn kinds(text: &str) -> Vec<TokenKind> {
    let lexed = lex(text);
    assert!(lexed.diagnostics.is_empty(), "{text}: {:?}", lexed.diagnostics);
    lexed.tokens.iter().map(|t| t.kind).filter(|k| !k.is_trivia()).collect()
}

fn texts(text: &str) -> Vec<&str> {
    lex(text).tokens.iter().filter(|t| !t.kind.is_trivia()).map(|t| t.span.text(text)).collect()
}

fn mistakes(text: &str) -> Vec<(Code, Span)> {
    lex(text).diagnostics.iter().map(|d| (d.code, d.span)).collect()
}

#[test]
fn operators() {
    use TokenKind as K;
    assert_eq!(
        kinds("a == b != c <= d >= e < f > g :: h : i = j + - * / % , . ( ) [ ] { } ; |")[..],
        [
            K::Word,
            K::Eq,
            K::Word,
            K::NotEq,
            K::Word,
            K::LtEq,
            K::Word,
            K::GtEq,
            K::Word,
            K::Lt,
            K::Word,
            K::Gt,
            K::Word,
            K::Cast,
            K::Word,
            K::Colon,
            K::Word,
            K::Assign,
            K::Word,
            K::Plus,
            K::Minus,
            K::Star,
            K::Slash,
            K::Percent,
            K::Comma,
            K::Dot,
            K::LeftParen,
            K::RightParen,
            K::LeftBracket,
            K::RightBracket,
            K::LeftBrace,
            K::RightBrace,
            K::Semicolon,
            K::Pipe,
        ]
    );
}

#[test]
fn numbers() {
    for (text, expected) in [
        ("x 1", vec!["x", "1"]),
        ("x 1.5e-3", vec!["x", "1.5e-3"]),
        ("x 1.", vec!["x", "1."]),
        ("x .5E+2", vec!["x", ".5E+2"]),
        ("x 1e", vec!["x", "1", "e"]),
        ("x 1min", vec!["x", "1", "min"]),
        ("x 1e5d", vec!["x", "1e5", "d"]),
        ("a.0.b", vec!["a", ".", "0.", "b"]),
        ("a*.5", vec!["a", "*", ".5"]),
    ] {
        assert_eq!(texts(text), expected);
    }
}

#[test]
fn words() {
    for (text, expected) in [
        ("x @timestamp _id a_1", vec!["x", "@timestamp", "_id", "a_1"]),
        ("x data-stream", vec!["x", "data", "-", "stream"]),
        ("x `a``b`.`c d`", vec!["x", "`a``b`", ".", "`c d`"]),
        ("x ?p ??q ?", vec!["x", "?p", "??q", "?"]),
    ] {
        assert_eq!(texts(text), expected);
    }
}

#[test]
fn strings() {
    for (text, expected) in [
        (r#"x "a|b" "" "a\"b""#, vec!["x", r#""a|b""#, r#""""#, r#""a\"b""#]),
        (r#"x """C:\*""" """a"""""  """"""."#, vec!["x", r#""""C:\*""""#, r#""""a""""""#, r#""""""""#, "."]),
        (r#"x """ // no comment""" // one"#, vec!["x", r#"""" // no comment""""#]),
    ] {
        assert_eq!(texts(text), expected);
        assert_eq!(mistakes(text), vec![]);
    }
}

#[test]
fn index_patterns() {
    for (text, expected) in [
        ("FROM logs-*,-logs-a.b METADATA _id", vec!["FROM", "logs-*", ",", "-logs-a.b", "METADATA", "_id"]),
        ("from <logs-{now/d}>|x", vec!["from", "<logs-{now/d}>", "|", "x"]),
        ("FROM c:logs-*::data", vec!["FROM", "c", ":", "logs-*", "::", "data"]),
        ("FROM a// b\n,c/* d */", vec!["FROM", "a", ",", "c"]),
        ("FROM \"a b\", `c` | KEEP a*", vec!["FROM", "\"a b\"", ",", "`c`", "|", "KEEP", "a", "*"]),
        ("FROM where, a | x", vec!["FROM", "where", ",", "a", "|", "x"]),
    ] {
        assert_eq!(texts(text), expected);
        assert_eq!(mistakes(text), vec![]);
    }
    // Without its |, a command is still read as one.
    assert_eq!(texts("FROM a\nWHERE b==1"), ["FROM", "a", "WHERE", "b", "==", "1"]);
}

#[test]
fn comments() {
    assert_eq!(texts("x // a\ny /* b\n* / */ z"), ["x", "y", "z"]);
    assert_eq!(texts("x /* a /* b */ c */ y"), ["x", "y"]);
    assert_eq!(texts("x /* a /* b */ y"), ["x", "y"]);
    assert_eq!(mistakes("x /* a"), [(Code::Unclosed, Span::new(2, 4))]);
    assert_eq!(mistakes("x /*"), [(Code::Unclosed, Span::new(2, 4))]);
}

#[test]
fn every_mistake_is_reported_and_lexing_goes_on() {
    for (text, expected) in [
        ("x \"a\ny", vec![(Code::Unclosed, Span::new(2, 4))]),
        ("x \"a\\\ny", vec![(Code::Unclosed, Span::new(2, 5))]),
        ("x \"\"\"a  \ny", vec![(Code::Unclosed, Span::new(2, 6))]),
        ("x `a | y", vec![(Code::Unclosed, Span::new(2, 8))]),
        ("x `` y", vec![(Code::Syntax, Span::new(2, 4))]),
        (r#"x "a\.b\.c""#, vec![(Code::Unclosed, Span::new(4, 6))]),
        ("x 'a' y", vec![(Code::Character, Span::new(2, 5))]),
        ("x ' y", vec![(Code::Character, Span::new(2, 3))]),
        ("x $# y é", vec![(Code::Character, Span::new(2, 3)), (Code::Character, Span::new(7, 9))]),
        ("x && y || z", vec![(Code::Syntax, Span::new(2, 4)), (Code::Syntax, Span::new(7, 9))]),
        (
            "x <> y =~ ! z",
            vec![(Code::Syntax, Span::new(2, 4)), (Code::Syntax, Span::new(7, 9)), (Code::Syntax, Span::new(10, 11))],
        ),
        ("x\u{a0}y", vec![(Code::Character, Span::new(1, 3))]),
    ] {
        assert_eq!(mistakes(text), expected, "{text}");
        assert_eq!(texts(text).first(), Some(&"x"));
    }
    assert_eq!(mistakes("\u{feff}FROM a"), vec![]);
}

#[test]
fn help_says_what_to_write() {
    for (text, help) in [
        ("x 'a'", "double quotes"),
        (r#"x "\d""#, r#""""\d""""#),
        ("x && y", "AND"),
        ("x || y", "OR"),
        ("x || where y", "single |"),
        ("x <> y", "!="),
        ("x \u{201c}a\u{201d}", "straight"),
    ] {
        let lexed = lex(text);
        let found = lexed.diagnostics[0].help.clone().unwrap_or_default();
        assert!(found.contains(help), "{text}: {found}");
    }
}
