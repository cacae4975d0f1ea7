//! Functions of mathematics. What has no finite result is null, with a warning.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;

use super::{Call, Function, scalar};

/// A function of one number that is finite everywhere.
macro_rules! finite {
    ($name:literal, $sql:literal, $summary:literal, $example:literal, $gives:literal) => {
        scalar(
            ($name, concat!($name, "(number) -> double")),
            (1, 1),
            $summary,
            ($example, $gives),
            |lowering, call, _| {
                let number = lowering.double_argument(call, call.args.first()?)?;
                Some(Typed::single(build::call($sql, [number]), Type::Double))
            },
        )
    };
}

/// A function of numbers that may have no finite result.
macro_rules! partial {
    ($name:literal, $parameters:literal, $arity:expr, $summary:literal, $example:literal, $gives:literal, $make:expr) => {
        scalar(
            ($name, concat!($name, "(", $parameters, ") -> double")),
            $arity,
            $summary,
            ($example, $gives),
            |lowering, call, _| checked(lowering, call, $make),
        )
    };
}

/// A constant.
macro_rules! constant {
    ($name:literal, $summary:literal, $gives:literal) => {
        scalar(($name, concat!($name, "() -> double")), (0, 0), $summary, (concat!($name, "()"), $gives), |_, _, _| {
            Some(Typed::single(build::number($gives), Type::Double))
        })
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    constant!("pi", "the ratio of a circle's circumference to its diameter", "3.141592653589793"),
    constant!("tau", "the ratio of a circle's circumference to its radius", "6.283185307179586"),
    constant!("e", "the base of natural logarithms", "2.718281828459045"),
    partial!("sqrt", "number", (1, 1), "the square root", "sqrt(9)", "3.0", |args| of("sqrt", args)),
    finite!("cbrt", "cbrt", "the cube root", "round(cbrt(27), 6)", "3.0"),
    partial!("pow", "base, exponent", (2, 2), "the base to a power", "pow(2, 10)", "1024.0", |args| of("power", args)),
    partial!("exp", "number", (1, 1), "e to a power", "exp(0)", "1.0", |args| of("exp", args)),
    partial!("log", "[base, ]number", (1, 2), "the logarithm, natural without a base", "log(2, 8)", "3.0", |args| {
        if args.len() == 1 { of("ln", args) } else { of("log", args) }
    }),
    partial!("log10", "number", (1, 1), "the logarithm to base 10", "log10(1000)", "3.0", |args| of("log10", args)),
    partial!("hypot", "number, number", (2, 2), "the hypotenuse of two legs", "hypot(3, 4)", "5.0", |args| {
        let square = |leg: Sql| build::binary(leg.clone(), BinaryOperator::Multiply, leg);
        let sum = args.into_iter().map(square).reduce(|left, right| build::binary(left, BinaryOperator::Plus, right));
        of("sqrt", sum.into_iter().collect())
    }),
    partial!("scalb", "number, exponent", (2, 2), "the number times 2 to a power", "scalb(1.5, 3)", "12.0", |args| {
        let mut args = args.into_iter();
        let number = args.next().unwrap_or_else(build::null);
        let power = of("power", std::iter::once(build::number("2.0")).chain(args).collect());
        build::binary(number, BinaryOperator::Multiply, power)
    }),
    scalar(
        ("copy_sign", "copy_sign(number, sign) -> double"),
        (2, 2),
        "the first number with the sign of the second",
        ("copy_sign(2.0, -1)", "-2.0"),
        |lowering, call, _| {
            let [number, sign] = call.args else { return None };
            let (number, sign) = (lowering.double_argument(call, number), lowering.double_argument(call, sign));
            let (size, sign) = (build::call("abs", [number?]), sign?);
            let below = build::binary(sign.clone(), BinaryOperator::Lt, build::number(0));
            let known = build::is_null(sign, true);
            let arms = vec![(below, build::minus(size.clone())), (known, size)];
            Some(Typed::single(build::case(arms, None), Type::Double))
        },
    ),
    finite!("sin", "sin", "the sine of an angle in radians", "sin(0)", "0.0"),
    finite!("cos", "cos", "the cosine of an angle in radians", "cos(0)", "1.0"),
    finite!("tan", "tan", "the tangent of an angle in radians", "tan(0)", "0.0"),
    partial!("asin", "number", (1, 1), "the angle of a sine", "asin(0)", "0.0", |args| of("asin", args)),
    partial!("acos", "number", (1, 1), "the angle of a cosine", "acos(1)", "0.0", |args| of("acos", args)),
    finite!("atan", "atan", "the angle of a tangent", "atan(0)", "0.0"),
    scalar(
        ("atan2", "atan2(y, x) -> double"),
        (2, 2),
        "the angle of a point, seen from the origin",
        ("atan2(0, 1)", "0.0"),
        |lowering, call, _| {
            let numbers = numbers(lowering, call)?;
            Some(Typed::single(of("atan2", numbers), Type::Double))
        },
    ),
    partial!("sinh", "number", (1, 1), "the hyperbolic sine", "sinh(0)", "0.0", |args| of("sinh", args)),
    partial!("cosh", "number", (1, 1), "the hyperbolic cosine", "cosh(0)", "1.0", |args| of("cosh", args)),
    finite!("tanh", "tanh", "the hyperbolic tangent", "tanh(0)", "0.0"),
    finite!("to_degrees", "degrees", "an angle in radians as degrees", "to_degrees(pi())", "180.0"),
    finite!("to_radians", "radians", "an angle in degrees as radians", "to_radians(180)", "3.141592653589793"),
];

fn of(function: &str, args: Vec<Sql>) -> Sql {
    build::call(function, args)
}

/// The single numbers of all arguments, as doubles.
fn numbers(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Vec<Sql>> {
    let numbers: Vec<Option<Sql>> = call.args.iter().map(|arg| lowering.double_argument(call, arg)).collect();
    numbers.into_iter().collect()
}

fn checked(lowering: &mut Lowering<'_>, call: &Call<'_>, make: fn(Vec<Sql>) -> Sql) -> Option<Typed> {
    let made = make(numbers(lowering, call)?);
    Some(Typed::single(lowering.labelled("finite", vec![made], call.span), Type::Double))
}
