//! Points on earth.

use crate::sql::catalog::Type;
use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;

use super::{Call, Function, scalar};

pub(super) static FUNCTIONS: &[Function] = &[
    scalar(
        ("to_geopoint", "to_geopoint(text | geo_point) -> geo_point"),
        (1, 1),
        "the point that a text writes: the longitude comes first",
        ("to_geopoint(\"POINT(13.4 52.5)\")", "\"POINT (13.4 52.5)\""),
        |lowering, call, want| lowering.convert(call.args.first()?, Type::GeoPoint, call.span, want),
    ),
    scalar(
        ("st_x", "st_x(geo_point) -> double"),
        (1, 1),
        "the longitude of a point",
        ("st_x(to_geopoint(\"POINT(13.4 52.5)\"))", "13.4"),
        |lowering, call, _| of_points(lowering, call, "st_x"),
    ),
    scalar(
        ("st_y", "st_y(geo_point) -> double"),
        (1, 1),
        "the latitude of a point",
        ("st_y(to_geopoint(\"POINT(13.4 52.5)\"))", "52.5"),
        |lowering, call, _| of_points(lowering, call, "st_y"),
    ),
    scalar(
        ("st_distance", "st_distance(geo_point, geo_point) -> double"),
        (2, 2),
        "the metres between two points along a great circle",
        ("round(st_distance(to_geopoint(\"POINT(0 0)\"), to_geopoint(\"POINT(0 1)\")))", "111195.0"),
        |lowering, call, _| of_points(lowering, call, "st_distance"),
    ),
];

fn of_points(lowering: &mut Lowering<'_>, call: &Call<'_>, function: &str) -> Option<Typed> {
    let mut points = Vec::new();
    for arg in call.args {
        let value = lowering.single(arg);
        points.push(value.and_then(|value| match value.ty {
            Type::GeoPoint | Type::Null => Some(lowering.demand(value, Type::GeoPoint).sql),
            ty => lowering.refuse(call, "a geo_point (convert a text with to_geopoint(..))", ty, arg.span),
        }));
    }
    let points = points.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Typed::single(lowering.labelled(function, points, call.span), Type::Double))
}
