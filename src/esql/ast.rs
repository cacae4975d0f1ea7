//! The shape of an ES|QL query: commands in order, each part with its place in the text.

use crate::diagnostic::Span;

/// A whole query: a source command and the commands piped behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The commands as written; the first one is a source command.
    pub commands: Vec<Command>,
}

/// One command with its place, from its keyword to its last token.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// What it does.
    pub kind: CommandKind,
    /// Where it stands.
    pub span: Span,
}

/// The commands of the language.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandKind {
    /// `FROM logs-*, other METADATA _id, _index`
    From {
        /// Index patterns, each as written.
        patterns: Vec<Ident>,
        /// Names behind METADATA.
        metadata: Vec<Ident>,
    },
    /// `ROW a = 1, b = "x"`
    Row(Vec<Assign>),
    /// `SHOW INFO` and the like.
    Show(Ident),
    /// `WHERE condition`
    Where(Expr),
    /// `EVAL a = b + 1, length(c)`
    Eval(Vec<Assign>),
    /// `STATS count(*) WHERE x, m = max(y) BY z`
    Stats(Stats),
    /// `INLINE STATS ...`
    InlineStats(Stats),
    /// `KEEP a, b*`
    Keep(Vec<NamePattern>),
    /// `DROP a, b*`
    Drop(Vec<NamePattern>),
    /// `RENAME a AS b, c = d`
    Rename(Vec<Rename>),
    /// `SORT a DESC NULLS LAST, b`
    Sort(Vec<SortKey>),
    /// `LIMIT 100`
    Limit(u64),
    /// `MV_EXPAND a`
    MvExpand(Name),
    /// `DISSECT input "pattern" APPEND_SEPARATOR=","`
    Dissect {
        /// The text that is taken apart.
        input: Expr,
        /// The pattern.
        pattern: StringLiteral,
        /// What appended values are joined with.
        append_separator: Option<StringLiteral>,
    },
    /// `GROK input "pattern", "pattern"`
    Grok {
        /// The text that is searched.
        input: Expr,
        /// The patterns, the first that matches wins.
        patterns: Vec<StringLiteral>,
    },
    /// `COMPLETION name = prompt WITH { "inference_id": "x" }`
    Completion {
        /// The column that takes the answer; `completion` where none is named.
        target: Option<Name>,
        /// The prompt.
        prompt: Expr,
        /// Options behind WITH.
        options: Vec<(StringLiteral, Expr)>,
    },
}

/// Aggregates and what they are grouped by.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// Aggregates in written order.
    pub aggregates: Vec<Aggregate>,
    /// Keys behind BY in written order.
    pub by: Vec<Assign>,
}

/// `name = expression WHERE condition` of a STATS.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Name and expression.
    pub assign: Assign,
    /// Only rows for which this is true are aggregated.
    pub filter: Option<Expr>,
}

/// `name = expression`, or an expression whose text is its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Assign {
    /// The name, where one is written.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
    /// From the name to the end of the value.
    pub span: Span,
}

/// `from AS to`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rename {
    /// The old name.
    pub from: Name,
    /// The new name.
    pub to: Name,
}

/// One key of a SORT.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey {
    /// What is compared.
    pub value: Expr,
    /// Whether DESC is written.
    pub descending: bool,
    /// Whether NULLS FIRST (true) or NULLS LAST (false) is written.
    pub nulls_first: Option<bool>,
}

/// A word with its place: a keyword, an index pattern, a function's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ident {
    /// The word, unquoted.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// The name of a field or column, dotted, without its backquotes: `host.os.type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The parts joined with dots.
    pub text: String,
    /// The parts, each unquoted. A part that was backquoted may itself hold dots.
    pub parts: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

/// A name of KEEP or DROP that may hold `*` where it is not quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    /// The name as written, without backquotes.
    pub text: String,
    /// Literal pieces between the wildcards; a single piece where there is no wildcard.
    pub pieces: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

impl NamePattern {
    /// Whether it holds a wildcard.
    pub fn is_wildcard(&self) -> bool {
        self.pieces.len() > 1
    }

    /// Whether `name` matches the whole pattern.
    pub fn matches(&self, name: &str) -> bool {
        let (Some(first), Some(last)) = (self.pieces.first(), self.pieces.last()) else {
            return false;
        };
        if self.pieces.len() == 1 {
            return first == name;
        }
        let Some(mut rest) = name.strip_prefix(first.as_str()) else {
            return false;
        };
        for piece in &self.pieces[1..self.pieces.len() - 1] {
            match rest.find(piece.as_str()) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }
}

/// A string as its author meant it, escapes resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringLiteral {
    /// The value.
    pub value: String,
    /// Whether it stands in triple quotes.
    pub raw: bool,
    /// Where it stands, quotes included.
    pub span: Span,
}

impl StringLiteral {
    /// The place in the query's text of some bytes of the value: where they are written, escapes included.
    ///
    /// ```
    /// use egret::esql::{ast::StringLiteral, kql};
    /// use egret::diagnostic::Span;
    ///
    /// let text = r#"FROM logs | WHERE KQL("a:\"b\" or")"#;
    /// let literal = StringLiteral { value: "a:\"b\" or".into(), raw: false, span: Span::new(22, 34) };
    /// let mistake = kql::parse(&literal.value).unwrap_err();
    /// assert_eq!(literal.place(text, mistake.at), Span::new(33, 33));
    /// assert_eq!(literal.place(text, 2..5).text(text), r#"\"b\""#);
    /// ```
    pub fn place(&self, text: &str, bytes: std::ops::Range<usize>) -> Span {
        let quotes = if self.raw { 3 } else { 1 };
        let end = self.span.end.saturating_sub(quotes);
        let mut at = (self.span.start + quotes).min(end);
        let (mut value, mut start) = (0, None);
        while value < bytes.end {
            if value >= bytes.start {
                start.get_or_insert(at);
            }
            let Some(c) = text.get(at..end).and_then(|rest| rest.chars().next()) else { break };
            // An escape is two characters that mean one of one byte.
            let escape = c == '\\' && !self.raw;
            value += if escape { 1 } else { c.len_utf8() };
            at += if escape { 2 } else { c.len_utf8() };
        }
        Span::new(start.unwrap_or(at), at)
    }
}

/// An expression with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The expressions of the language.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A value.
    Literal(Literal),
    /// A field or column.
    Field(Name),
    /// `-x`, `+x`
    Unary {
        /// Whether it is a minus.
        negative: bool,
        /// The operand.
        operand: Box<Expr>,
    },
    /// `NOT x`
    Not(Box<Expr>),
    /// `a + b`, `a == b`, `a AND b`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// The left side.
        left: Box<Expr>,
        /// The right side.
        right: Box<Expr>,
    },
    /// `x IS NULL`, `x IS NOT NULL`
    IsNull {
        /// The operand.
        operand: Box<Expr>,
        /// Whether NOT is written.
        negated: bool,
    },
    /// `x IN (a, b)`, `x NOT IN (a, b)`
    In {
        /// The value that is looked for.
        operand: Box<Expr>,
        /// The list.
        list: Vec<Expr>,
        /// Whether NOT is written.
        negated: bool,
    },
    /// `x LIKE "p"`, `x RLIKE ("p", "q")`, with NOT before it or without
    Like {
        /// The value that is matched.
        operand: Box<Expr>,
        /// LIKE or RLIKE.
        kind: LikeKind,
        /// One pattern, or those of a list.
        patterns: Vec<Expr>,
        /// Whether the patterns stand in parentheses.
        list: bool,
        /// Whether NOT is written.
        negated: bool,
    },
    /// `field : "text"`
    Match {
        /// The field.
        field: Name,
        /// The text that is looked for.
        query: Box<Expr>,
    },
    /// `function(a, b)`, `count(*)`
    Call {
        /// The function's name as written.
        name: Ident,
        /// The arguments; empty for `count(*)` and `count()`.
        args: Vec<Expr>,
        /// Whether the argument is `*`.
        star: bool,
        /// Options in braces behind the arguments.
        options: Vec<(StringLiteral, Expr)>,
    },
    /// `x::type`
    Cast {
        /// The operand.
        operand: Box<Expr>,
        /// The type's name.
        ty: Ident,
    },
}

/// LIKE or RLIKE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LikeKind {
    /// `*` and `?`.
    Like,
    /// A regular expression of Lucene.
    Rlike,
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the operators")]
pub enum BinaryOp {
    Or,
    And,
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl BinaryOp {
    /// The operator as ES|QL writes it.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Or => "OR",
            Self::And => "AND",
            Self::Eq => "==",
            Self::NotEq => "!=",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }

    /// Whether it is `==`, `!=`, `<`, `<=`, `>` or `>=`.
    pub const fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::NotEq | Self::Lt | Self::LtEq | Self::Gt | Self::GtEq)
    }

    /// Whether it is `+`, `-`, `*`, `/` or `%`.
    pub const fn is_arithmetic(self) -> bool {
        matches!(self, Self::Add | Self::Subtract | Self::Multiply | Self::Divide | Self::Modulo)
    }
}

/// A value written in a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// A number without point or exponent that fits 64 bits.
    Integer(i64),
    /// A whole number between 2^63 and 2^64.
    Unsigned(u64),
    /// A number with point or exponent, or one too large for the others.
    Double(f64),
    /// `"text"`, `"""text"""`
    String(StringLiteral),
    /// `1 hour`
    TimeSpan {
        /// How many.
        value: i64,
        /// Of what.
        unit: TimeUnit,
    },
    /// `[1, 2]`, of one type
    List(Vec<Expr>),
}

/// Units of a time span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the units")]
pub enum TimeUnit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl TimeUnit {
    /// The unit's canonical name, singular.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Millisecond => "millisecond",
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }
}
