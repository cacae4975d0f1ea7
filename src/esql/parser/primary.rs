//! What operators stand between: values, fields, calls, and expressions in parentheses, with `::type` behind them.

use super::super::ast::{Expr, ExprKind, Ident, Literal, StringLiteral, TimeUnit};
use super::super::lexer::{Token, TokenKind};
use super::cursor::{Parse, Parser};
use super::expr::{Tree, level};
use super::names::is_reserved;
use super::unknown::{is_command, nearest};
use crate::diagnostic::{Code, Diagnostic, Span};

/// The units of time spans as they may be written, in lower case.
const UNITS: [(&str, TimeUnit); 30] = [
    ("ms", TimeUnit::Millisecond),
    ("millisecond", TimeUnit::Millisecond),
    ("milliseconds", TimeUnit::Millisecond),
    ("s", TimeUnit::Second),
    ("sec", TimeUnit::Second),
    ("second", TimeUnit::Second),
    ("seconds", TimeUnit::Second),
    ("m", TimeUnit::Minute),
    ("min", TimeUnit::Minute),
    ("minute", TimeUnit::Minute),
    ("minutes", TimeUnit::Minute),
    ("h", TimeUnit::Hour),
    ("hour", TimeUnit::Hour),
    ("hours", TimeUnit::Hour),
    ("d", TimeUnit::Day),
    ("day", TimeUnit::Day),
    ("days", TimeUnit::Day),
    ("w", TimeUnit::Week),
    ("week", TimeUnit::Week),
    ("weeks", TimeUnit::Week),
    ("mo", TimeUnit::Month),
    ("month", TimeUnit::Month),
    ("months", TimeUnit::Month),
    ("q", TimeUnit::Quarter),
    ("quarter", TimeUnit::Quarter),
    ("quarters", TimeUnit::Quarter),
    ("y", TimeUnit::Year),
    ("yr", TimeUnit::Year),
    ("year", TimeUnit::Year),
    ("years", TimeUnit::Year),
];

impl TimeUnit {
    /// The unit that a word of a time span names, in any case and number: `h`, `Hours`.
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        UNITS.iter().find(|(name, _)| *name == word).map(|(_, unit)| *unit)
    }
}

impl Parser<'_> {
    /// A value, field, call or parenthesis, with its casts.
    pub(super) fn primary(&mut self, expected: &str) -> Parse<Tree> {
        let mut tree = self.uncast(expected)?;
        while self.eat(TokenKind::Cast) {
            let ty = self.ident("the name of a type behind ::")?;
            let span = tree.expr.span.to(ty.span);
            tree = Tree::node(ExprKind::Cast { operand: tree.expr, ty }, span, tree.height)?;
        }
        Ok(tree)
    }

    fn uncast(&mut self, expected: &str) -> Parse<Tree> {
        if let Some(value) = self.value()? {
            return Ok(value);
        }
        match self.kind() {
            TokenKind::LeftParen => self.parenthesis(),
            TokenKind::Word | TokenKind::QuotedName => self.call_or_field(expected),
            _ => Err(Box::new(self.unexpected(expected))),
        }
    }

    fn parenthesis(&mut self) -> Parse<Tree> {
        let opener = self.bump();
        let mut inner = self.climb(level::OR, "an expression in the parentheses")?;
        let closer = self.close(opener, "an operator or `)`")?;
        inner.expr.span = opener.span.to(closer.span);
        Ok(inner)
    }

    fn call_or_field(&mut self, expected: &str) -> Parse<Tree> {
        if self.nth(1).kind == TokenKind::LeftParen
            && let Some(name) = self.function_name()
        {
            return self.call(name);
        }
        self.field(expected)
    }

    /// The word that comes next as the name of a function, left behind unless it is a keyword.
    fn function_name(&mut self) -> Option<Ident> {
        let token = self.peek();
        let name = self.word_value(token)?;
        if token.kind == TokenKind::Word && is_reserved(&name.text) {
            return None;
        }
        self.bump();
        Some(name)
    }

    fn field(&mut self, expected: &str) -> Parse<Tree> {
        let name = self.name(expected)?;
        if self.is(TokenKind::LeftParen) {
            let message = format!("{} is no function", name.text);
            let help = "the names of functions hold no points";
            return Err(Box::new(Diagnostic::error(Code::UnknownFunction, name.span, message).with_help(help)));
        }
        let span = name.span;
        Ok(Tree::leaf(ExprKind::Field(name), span))
    }

    fn call(&mut self, name: Ident) -> Parse<Tree> {
        let opener = self.bump();
        let arguments = if self.is(TokenKind::Star) && self.nth(1).kind == TokenKind::RightParen {
            self.star(&name)?
        } else {
            self.arguments(&name.text)?
        };
        self.end_of_call(name, opener, arguments)
    }

    fn star(&mut self, name: &Ident) -> Parse<Arguments> {
        let star = self.bump();
        if name.text.eq_ignore_ascii_case("count") {
            return Ok(Arguments { star: true, ..Arguments::default() });
        }
        let message = format!("{} does not take *, only COUNT does", name.text);
        let help = "name the field that it is to be computed from";
        Err(Box::new(Diagnostic::error(Code::Arguments, star.span, message).with_help(help)))
    }

    fn arguments(&mut self, function: &str) -> Parse<Arguments> {
        let mut arguments = Arguments::default();
        let expected = format!("an argument of {function}");
        while !self.at_end() && !self.is(TokenKind::RightParen) {
            if self.is(TokenKind::LeftBrace) && !arguments.args.is_empty() {
                arguments.options = self.options()?;
                break;
            }
            let argument = self.climb(level::OR, &expected)?;
            arguments.push(argument);
            let comma = self.peek();
            if !self.eat(TokenKind::Comma) {
                break;
            }
            self.refuse_trailing(comma, "an argument")?;
        }
        Ok(arguments)
    }

    fn end_of_call(&mut self, name: Ident, opener: Token, arguments: Arguments) -> Parse<Tree> {
        let closer = self.close(opener, &format!("`,` or `)` behind an argument of {}", name.text))?;
        let span = name.span.to(closer.span);
        let Arguments { args, star, options, height } = arguments;
        let height = if options.is_empty() { height } else { height.max(2) };
        Tree::node(ExprKind::Call { name, args, star, options }, span, height)
    }

    /// A value that is written out: a number, text, true, false, null, a time span or a list.
    pub(super) fn constant(&mut self, expected: &str) -> Parse<Expr> {
        match self.value()? {
            Some(tree) => Ok(*tree.expr),
            None => Err(Box::new(self.unexpected(expected))),
        }
    }

    fn value(&mut self) -> Parse<Option<Tree>> {
        let token = self.peek();
        let literal = match token.kind {
            TokenKind::Integer | TokenKind::Decimal => return self.number(token, "").map(Some),
            TokenKind::Minus | TokenKind::Plus
                if matches!(self.nth(1).kind, TokenKind::Integer | TokenKind::Decimal) =>
            {
                self.bump();
                let sign = if token.kind == TokenKind::Minus { "-" } else { "" };
                return self.number(token, sign).map(Some);
            }
            TokenKind::LeftBracket => return self.list().map(Some),
            TokenKind::String | TokenKind::RawString => {
                let literal = self.string("a string")?;
                return Ok(Some(Tree::leaf(ExprKind::Literal(Literal::String(literal)), token.span)));
            }
            TokenKind::Word if self.is_word("true") => Literal::Boolean(true),
            TokenKind::Word if self.is_word("false") => Literal::Boolean(false),
            TokenKind::Word if self.is_word("null") => Literal::Null,
            _ => return Ok(None),
        };
        self.bump();
        Ok(Some(Tree::leaf(ExprKind::Literal(literal), token.span)))
    }

    /// The number that comes next, its sign left behind already, with the unit that makes it a time span.
    fn number(&mut self, start: Token, sign: &str) -> Parse<Tree> {
        let number = self.bump();
        let digits = self.text_of(number);
        let text = format!("{sign}{digits}");
        if let Some(unit) = self.unit(number)? {
            let span = self.span_from(start.span);
            let Ok(value) = text.parse() else {
                let message = format!("time span of {text} {}s", unit.name());
                let help = "the number of units is a whole number below 2^63";
                return Err(Box::new(Diagnostic::error(Code::BadLiteral, span, message).with_help(help)));
            };
            return Ok(Tree::leaf(ExprKind::Literal(Literal::TimeSpan { value, unit }), span));
        }
        let span = start.span.to(number.span);
        let literal = match (number.kind, text.parse::<i64>(), text.parse::<u64>()) {
            (TokenKind::Integer, Ok(value), _) => Literal::Integer(value),
            (TokenKind::Integer, _, Ok(value)) => Literal::Unsigned(value),
            _ => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Literal::Double(value),
                _ => {
                    let message = "number too large, expected one that a double holds";
                    return Err(Box::new(Diagnostic::error(Code::BadLiteral, span, message)));
                }
            },
        };
        Ok(Tree::leaf(ExprKind::Literal(literal), span))
    }

    /// The unit behind a number, left behind, or a mistake if the word there can only be meant for one.
    fn unit(&mut self, number: Token) -> Parse<Option<TimeUnit>> {
        let token = self.peek();
        if token.kind != TokenKind::Word {
            return Ok(None);
        }
        let word = self.text_of(token);
        let touches = token.span.start == number.span.end;
        if !touches && (is_reserved(word) || is_command(word)) {
            return Ok(None);
        }
        let Some(unit) = TimeUnit::from_word(word) else {
            let near = nearest(word, UNITS.iter().map(|(name, _)| *name).filter(|name| name.len() > 2));
            if !touches && near.is_none() {
                return Ok(None);
            }
            let message = format!("unknown unit of time {word}, expected one of ms, s, min, h, d, w, mo, q, y");
            let help = near.map_or("a time span is a number and its unit: 5 minutes".to_owned(), |name| {
                format!("the nearest unit is {name}")
            });
            return Err(Box::new(Diagnostic::error(Code::BadLiteral, token.span, message).with_help(help)));
        };
        self.bump();
        Ok(Some(unit))
    }

    /// `[1, 2]`
    fn list(&mut self) -> Parse<Tree> {
        let opener = self.bump();
        let mut first: Option<Kind> = None;
        let items = self.separated("a value", |parser| {
            let start = parser.peek();
            let item = match start.kind {
                TokenKind::LeftBracket => None,
                _ => parser.value()?.map(|tree| *tree.expr),
            };
            let kind = item.as_ref().and_then(|item| Kind::of(&item.kind));
            let (Some(item), Some(kind)) = (item, kind) else {
                parser.refuse_item(start)?;
                return Err(Box::new(parser.unexpected("a number, string or boolean in the list")));
            };
            if *first.get_or_insert(kind) != kind {
                let message = "values of several types in one list";
                let help = "a list holds numbers, strings or booleans only";
                return Err(Box::new(Diagnostic::error(Code::TypeMismatch, item.span, message).with_help(help)));
            }
            Ok(item)
        })?;
        let closer = self.close(opener, "`,` or `]` behind a value of the list")?;
        let span: Span = opener.span.to(closer.span);
        Tree::node(ExprKind::Literal(Literal::List(items)), span, 1)
    }

    /// A mistake that points at a value which no list holds.
    fn refuse_item(&self, start: Token) -> Parse<()> {
        if self.peek() == start {
            return Ok(());
        }
        let message = "a list holds neither null nor time spans";
        let help = "write numbers, strings or booleans";
        Err(Box::new(Diagnostic::error(Code::TypeMismatch, self.span_from(start.span), message).with_help(help)))
    }
}

/// What stands in the parentheses of a call.
#[derive(Default)]
struct Arguments {
    args: Vec<Expr>,
    star: bool,
    options: Vec<(StringLiteral, Expr)>,
    height: usize,
}

impl Arguments {
    fn push(&mut self, argument: Tree) {
        self.height = self.height.max(argument.height);
        self.args.push(*argument.expr);
    }
}

/// What a list may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Boolean,
}

impl Kind {
    const fn of(kind: &ExprKind) -> Option<Self> {
        match kind {
            ExprKind::Literal(Literal::Integer(_) | Literal::Unsigned(_) | Literal::Double(_)) => Some(Self::Number),
            ExprKind::Literal(Literal::String(_)) => Some(Self::Text),
            ExprKind::Literal(Literal::Boolean(_)) => Some(Self::Boolean),
            _ => None,
        }
    }
}
