//! Expressions, by precedence climbing. From loose to tight: OR, AND, NOT, the predicates (IN, LIKE, RLIKE, IS NULL, `:`),
//! comparisons, `+ -`, `* / %`, signs, `::`. Predicates and comparisons do not chain.

use super::super::ast::{BinaryOp, Expr, ExprKind, LikeKind, Literal};
use super::super::lexer::TokenKind;
use super::cursor::{Parse, Parser, too_deep};
use super::depth::{LEANING, MAX_DEPTH};
use crate::diagnostic::{Code, Diagnostic, Span};

/// How tight an operator binds. A left operand must bind at least as tight, a right operand tighter.
pub(in super::super) mod level {
    pub(in super::super::super) const OR: u8 = 1;
    pub(in super::super::super) const AND: u8 = 2;
    pub(in super::super::super) const NOT: u8 = 3;
    pub(in super::super::super) const PREDICATE: u8 = 4;
    pub(in super::super::super) const COMPARISON: u8 = 5;
    pub(in super::super::super) const SUM: u8 = 6;
    pub(in super::super::super) const PRODUCT: u8 = 7;
    pub(in super::super::super) const SIGN: u8 = 8;
    pub(in super::super::super) const PRIMARY: u8 = 9;
}

/// An expression and how high its tree is. Boxed, so that the frames of the recursion stay small.
pub(super) struct Tree {
    pub(super) expr: Box<Expr>,
    pub(super) height: usize,
}

impl Tree {
    /// A leaf.
    pub(super) fn leaf(kind: ExprKind, span: Span) -> Self {
        Self { expr: Box::new(Expr { kind, span }), height: 1 }
    }

    /// A node over parts of which the highest has this height.
    pub(super) fn node(kind: ExprKind, span: Span, below: usize) -> Parse<Self> {
        if below >= MAX_DEPTH {
            return Err(Box::new(too_deep(span)));
        }
        Ok(Self { expr: Box::new(Expr { kind, span }), height: below + 1 })
    }
}

/// What comes behind an operand.
#[derive(Clone, Copy)]
enum Operator {
    Binary(BinaryOp),
    In,
    Like(LikeKind),
    Is,
    Match,
}

impl Operator {
    const fn level(self) -> u8 {
        match self {
            Self::Binary(op) => binary_level(op),
            _ => level::PREDICATE,
        }
    }
}

/// How tight a binary operator binds.
pub(in super::super) const fn binary_level(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => level::OR,
        BinaryOp::And => level::AND,
        BinaryOp::Add | BinaryOp::Subtract => level::SUM,
        BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo => level::PRODUCT,
        _ => level::COMPARISON,
    }
}

impl Parser<'_> {
    /// Any expression.
    pub(super) fn expression(&mut self, expected: &str) -> Parse<Expr> {
        Ok(*self.climb(level::OR, expected)?.expr)
    }

    /// An expression of operators that bind at least as tight as `min`.
    pub(super) fn climb(&mut self, min: u8, expected: &str) -> Parse<Tree> {
        self.enter()?;
        let first = self.operand(min, expected)?;
        let whole = self.climb_on(first, min)?;
        self.leave();
        Ok(whole)
    }

    /// What stands before the first operator.
    fn operand(&mut self, min: u8, expected: &str) -> Parse<Tree> {
        if self.is_word("not") || self.is(TokenKind::Bang) {
            return self.negation(min);
        }
        if matches!(self.kind(), TokenKind::Minus | TokenKind::Plus)
            && !matches!(self.nth(1).kind, TokenKind::Integer | TokenKind::Decimal)
        {
            let sign = self.bump();
            let operand = self.climb(level::SIGN, "a value behind the sign")?;
            let span = sign.span.to(operand.expr.span);
            let negative = sign.kind == TokenKind::Minus;
            return Tree::node(ExprKind::Unary { negative, operand: operand.expr }, span, operand.height);
        }
        self.primary(expected)
    }

    fn negation(&mut self, min: u8) -> Parse<Tree> {
        if min > level::NOT {
            let message = "NOT stands behind an operator that binds tighter";
            let help = "put the negated condition in parentheses";
            return Err(Box::new(Diagnostic::error(Code::Syntax, self.peek().span, message).with_help(help)));
        }
        let not = self.bump();
        let operand = self.climb(level::NOT, "a condition behind NOT")?;
        let span = not.span.to(operand.expr.span);
        Tree::node(ExprKind::Not(operand.expr), span, operand.height)
    }

    /// Operators behind `left`, as long as they bind tight enough.
    fn climb_on(&mut self, mut left: Tree, min: u8) -> Parse<Tree> {
        // The loosest operator so far: what binds tighter cannot take the whole left side as its operand.
        let mut ceiling = level::PRODUCT;
        while let Some(operator) = self.operator() {
            let level = operator.level();
            if level < min {
                break;
            }
            if level > ceiling {
                return Err(Box::new(self.does_not_chain()));
            }
            ceiling = level;
            left = match operator {
                Operator::Binary(op @ (BinaryOp::And | BinaryOp::Or)) => self.chain(left, op)?,
                Operator::Binary(op) => self.binary(left, op)?,
                Operator::In => self.in_list(left)?,
                Operator::Like(kind) => self.like(left, kind)?,
                Operator::Is => self.is_null(left)?,
                Operator::Match => self.match_text(left)?,
            };
            if matches!(level, level::PREDICATE | level::COMPARISON) {
                ceiling = level - 1;
            }
        }
        Ok(left)
    }

    fn operator(&self) -> Option<Operator> {
        let op = match self.kind() {
            TokenKind::Eq => BinaryOp::Eq,
            TokenKind::NotEq => BinaryOp::NotEq,
            TokenKind::Lt => BinaryOp::Lt,
            TokenKind::LtEq => BinaryOp::LtEq,
            TokenKind::Gt => BinaryOp::Gt,
            TokenKind::GtEq => BinaryOp::GtEq,
            TokenKind::Plus => BinaryOp::Add,
            TokenKind::Minus => BinaryOp::Subtract,
            TokenKind::Star => BinaryOp::Multiply,
            TokenKind::Slash => BinaryOp::Divide,
            TokenKind::Percent => BinaryOp::Modulo,
            TokenKind::AndAnd => BinaryOp::And,
            TokenKind::OrOr => BinaryOp::Or,
            TokenKind::Colon => return Some(Operator::Match),
            TokenKind::Word if self.is_word("and") => BinaryOp::And,
            TokenKind::Word if self.is_word("or") => BinaryOp::Or,
            TokenKind::Word if self.is_word("is") => return Some(Operator::Is),
            TokenKind::Word => {
                let ahead = usize::from(self.is_word("not"));
                return if self.nth_is_word(ahead, "in") {
                    Some(Operator::In)
                } else if self.nth_is_word(ahead, "like") {
                    Some(Operator::Like(LikeKind::Like))
                } else if self.nth_is_word(ahead, "rlike") {
                    Some(Operator::Like(LikeKind::Rlike))
                } else {
                    None
                };
            }
            _ => return None,
        };
        Some(Operator::Binary(op))
    }

    fn does_not_chain(&self) -> Diagnostic {
        let found = self.peek();
        let message = format!("{} takes a condition that is not in parentheses", self.describe(found));
        let help = "comparisons and predicates do not chain: join two of them with AND, or put one in parentheses";
        Diagnostic::error(Code::Syntax, found.span, message).with_help(help)
    }

    fn binary(&mut self, left: Tree, op: BinaryOp) -> Parse<Tree> {
        let expected = if op.is_comparison() { "a value to compare with" } else { "a value behind the operator" };
        self.bump();
        let right = self.climb(binary_level(op) + 1, expected)?;
        join(op, left, right)
    }

    /// `left AND b AND c ...`: all terms of one operator at once, so that thousands of them make no deep tree.
    fn chain(&mut self, left: Tree, op: BinaryOp) -> Parse<Tree> {
        let mut terms = vec![left];
        while matches!(self.operator(), Some(Operator::Binary(next)) if next == op) {
            self.bump();
            let expected = if op == BinaryOp::And { "a condition behind AND" } else { "a condition behind OR" };
            terms.push(self.climb(binary_level(op) + 1, expected)?);
        }
        let leaning = terms.iter().enumerate().map(|(at, term)| term.height + terms.len() - at).max().unwrap_or(0);
        while terms.len() > 1 {
            let mut rest = terms.into_iter();
            let mut joined = Vec::new();
            while let Some(first) = rest.next() {
                let Some(second) = rest.next() else {
                    joined.push(first);
                    break;
                };
                joined.push(join(op, first, second)?);
                if leaning <= LEANING {
                    // Only the two first ones: the tree leans left, as it is read.
                    joined.extend(rest.by_ref());
                }
            }
            terms = joined;
        }
        terms.pop().ok_or_else(|| Box::new(self.unexpected("a condition")))
    }

    fn is_null(&mut self, left: Tree) -> Parse<Tree> {
        self.bump();
        let negated = self.eat_word("not");
        if !self.is_word("null") {
            let found = self.peek();
            let message = format!("expected NULL or NOT NULL behind IS, found {}", self.describe(found));
            let help = "IS only asks for null: write == to compare with a value";
            return Err(Box::new(Diagnostic::error(Code::Syntax, found.span, message).with_help(help)));
        }
        let null = self.bump();
        let span = left.expr.span.to(null.span);
        Tree::node(ExprKind::IsNull { operand: left.expr, negated }, span, left.height)
    }

    fn in_list(&mut self, left: Tree) -> Parse<Tree> {
        let negated = self.eat_word("not");
        self.bump();
        let opener = self.peek();
        if opener.kind != TokenKind::LeftParen {
            let message = format!("expected a list in parentheses behind IN, found {}", self.describe(opener));
            let help = "write IN (\"a\", \"b\")";
            return Err(Box::new(Diagnostic::error(Code::Syntax, opener.span, message).with_help(help)));
        }
        self.bump();
        if ["from", "row", "ts"].iter().any(|word| self.is_word(word)) && self.nth(1).kind != TokenKind::Comma {
            let message = "a query within a query is not supported";
            return Err(Box::new(Diagnostic::error(Code::Unsupported, self.peek().span, message)));
        }
        let mut height = left.height;
        let list = self.separated("a value", |parser| {
            let item = parser.climb(level::COMPARISON, "a value of the list behind IN")?;
            height = height.max(item.height);
            Ok(*item.expr)
        })?;
        let closer = self.close(opener, "`,` or `)` in the list behind IN")?;
        let span = left.expr.span.to(closer.span);
        Tree::node(ExprKind::In { operand: left.expr, list, negated }, span, height)
    }

    fn like(&mut self, left: Tree, kind: LikeKind) -> Parse<Tree> {
        let negated = self.eat_word("not");
        self.bump();
        let opener = self.peek();
        let is_list = opener.kind == TokenKind::LeftParen
            && matches!(self.nth(1).kind, TokenKind::String | TokenKind::RawString)
            && matches!(self.nth(2).kind, TokenKind::Comma | TokenKind::RightParen);
        let mut height = left.height;
        let patterns = if is_list {
            self.bump();
            let patterns = self.separated("a pattern", |parser| {
                let literal = parser.string("a pattern in quotes; the patterns of a list are strings")?;
                let span = literal.span;
                Ok(Expr { kind: ExprKind::Literal(Literal::String(literal)), span })
            })?;
            self.close(opener, "`,` or `)` in the list of patterns")?;
            height = height.max(1);
            patterns
        } else {
            self.enter()?;
            let pattern = self.primary("a pattern in quotes")?;
            self.leave();
            height = height.max(pattern.height);
            vec![*pattern.expr]
        };
        let span = self.span_from(left.expr.span);
        let operand = left.expr;
        Tree::node(ExprKind::Like { operand, kind, patterns, list: is_list, negated }, span, height)
    }

    fn match_text(&mut self, left: Tree) -> Parse<Tree> {
        let colon = self.bump();
        let ExprKind::Field(field) = left.expr.kind else {
            let message = "the left side of : is no field";
            let help = "write field : \"text\"; a type is written with ::, an equality with ==";
            return Err(Box::new(Diagnostic::error(Code::Syntax, colon.span, message).with_help(help)));
        };
        let query = Box::new(self.constant("the text to search for behind :")?);
        let span = left.expr.span.to(query.span);
        Tree::node(ExprKind::Match { field, query }, span, 2)
    }
}

/// `left op right`
fn join(op: BinaryOp, left: Tree, right: Tree) -> Parse<Tree> {
    let span = left.expr.span.to(right.expr.span);
    let below = left.height.max(right.height);
    Tree::node(ExprKind::Binary { op, left: left.expr, right: right.expr }, span, below)
}
