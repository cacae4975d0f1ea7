//! Points on earth as text: `to_geopoint`, `st_x`, `st_y`, `st_distance`.
//!
//! A point is written `POINT (x y)`, x being the longitude. Elasticsearch's other spellings are read as well: `lat,lon`
//! and an object with `lat` and `lon`.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let sql = "SELECT round(st_distance('POINT (13.4 52.5)', 'POINT (2.35 48.86)') / 1000) AS km";
//! let rows = context.sql(sql).await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("876"));
//! # Ok(())
//! # }
//! ```

use datafusion::logical_expr::{Documentation, ScalarUDF};

use crate::documentation::documentation;
use crate::number::java_double;
use crate::row::{Each, Gives, Made, RowFunction, Shape, Takes};
use crate::warnings::Warnings;

/// The mean radius of the earth in metres, as Lucene has it.
const EARTH_RADIUS: f64 = 6_371_008.771_4;
const NO_POINT: &str = "no point on earth, taken as null";

/// Returns the functions of this file, reporting to `warnings`.
pub(crate) fn functions(warnings: &Warnings) -> Vec<ScalarUDF> {
    let of_point = |name, gives, each, documentation| Shape {
        name,
        takes: &[Takes::Text],
        optional: 0,
        gives,
        each,
        check: None,
        documentation,
    };
    let shapes = [
        of_point("to_geopoint", Gives::Text, to_geopoint, describe_to_geopoint),
        of_point("st_x", Gives::Double, || coordinate(|point| point.x), || describe_coordinate("x", "longitude")),
        of_point("st_y", Gives::Double, || coordinate(|point| point.y), || describe_coordinate("y", "latitude")),
        Shape {
            takes: &[Takes::Text, Takes::Text],
            ..of_point("st_distance", Gives::Double, st_distance, describe_distance)
        },
    ];
    shapes.into_iter().map(|shape| RowFunction::udf(shape, warnings)).collect()
}

/// A point on earth, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    x: f64,
    y: f64,
}

impl Point {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let point = if text.starts_with('{') {
            Self::of_object(text)?
        } else if let Some((lat, lon)) = text.split_once(',') {
            Self { x: lon.trim().parse().ok()?, y: lat.trim().parse().ok()? }
        } else {
            Self::of_wkt(text)?
        };
        let on_earth = (-180.0..=180.0).contains(&point.x) && (-90.0..=90.0).contains(&point.y);
        on_earth.then_some(point)
    }

    fn of_wkt(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_at_checked("point".len())?;
        let inner = rest.trim().strip_prefix('(')?.strip_suffix(')')?;
        let mut numbers = inner.split_whitespace().map(str::parse);
        let (x, y) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        (kind.eq_ignore_ascii_case("point") && numbers.next().is_none()).then_some(Self { x, y })
    }

    fn of_object(text: &str) -> Option<Self> {
        let object: serde_json::Value = serde_json::from_str(text).ok()?;
        Some(Self { x: object.get("lon")?.as_f64()?, y: object.get("lat")?.as_f64()? })
    }

    /// Metres along a great circle.
    fn distance(self, other: Self) -> f64 {
        let half_sine = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
        let across = self.y.to_radians().cos() * other.y.to_radians().cos() * half_sine(self.x - other.x);
        2.0 * EARTH_RADIUS * (half_sine(self.y - other.y) + across).sqrt().min(1.0).asin()
    }
}

fn to_geopoint() -> Each {
    Box::new(|values| {
        let [text] = values else { return Ok(Made::Null) };
        let point = Point::parse(text.text()).ok_or(NO_POINT)?;
        Ok(Made::Text(format!("POINT ({} {})", java_double(point.x), java_double(point.y))))
    })
}

fn coordinate(of: fn(Point) -> f64) -> Each {
    Box::new(move |values| {
        let [point] = values else { return Ok(Made::Null) };
        Point::parse(point.text()).map(|point| Made::Double(of(point))).ok_or(NO_POINT)
    })
}

fn st_distance() -> Each {
    Box::new(|values| {
        let [left, right] = values else { return Ok(Made::Null) };
        let (left, right) = Point::parse(left.text()).zip(Point::parse(right.text())).ok_or(NO_POINT)?;
        Ok(Made::Double(left.distance(right)))
    })
}

fn describe_to_geopoint() -> Documentation {
    documentation(
        "Returns a point on earth as `POINT (x y)`; null, with a warning, if the text writes none.",
        "to_geopoint(text)",
        "SELECT to_geopoint('52.5,13.4');",
    )
    .with_argument("text", "Text: `POINT (x y)`, `lat,lon`, or an object with `lat` and `lon`.")
    .build()
}

fn describe_coordinate(name: &str, meaning: &str) -> Documentation {
    documentation(
        &format!("Returns the {meaning} of a point on earth in degrees; null, with a warning, if it is none."),
        &format!("st_{name}(point)"),
        &format!("SELECT st_{name}('POINT (13.4 52.5)');"),
    )
    .with_argument("point", "Text: a point.")
    .build()
}

fn describe_distance() -> Documentation {
    documentation(
        "Returns the metres between two points on earth along a great circle.",
        "st_distance(point, point)",
        "SELECT st_distance('POINT (13.4 52.5)', 'POINT (2.35 48.86)');",
    )
    .with_argument("point", "Text: a point.")
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_in_three_spellings() {
        let point = Some(Point { x: 13.4, y: 52.5 });
        for text in ["POINT (13.4 52.5)", "point(13.4 52.5)", "52.5, 13.4", "{\"lat\": 52.5, \"lon\": 13.4}"] {
            assert_eq!(Point::parse(text), point, "{text}");
        }
        for wrong in ["", "POINT", "POINT (1)", "POINT (1 2 3)", "POINT (1 91)", "LINE (1 2)", "1;2", "{\"lat\": 1}"] {
            assert_eq!(Point::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_quarter_of_the_equator() {
        let quarter = Point { x: 0.0, y: 0.0 }.distance(Point { x: 90.0, y: 0.0 });
        assert!((quarter - EARTH_RADIUS * std::f64::consts::FRAC_PI_2).abs() < 1e-6, "{quarter}");
    }
}
