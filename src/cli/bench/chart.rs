//! The table as a picture: for each work a bar a contender, as long as its time is many times Egret's.

use svg::Document;
use svg::node::element::{Rectangle, Text};

use super::results::Results;

const ROW: usize = 18;
const LABELS: usize = 170;
const BARS: usize = 520;
const WIDTH: usize = 820;

/// The picture, as SVG.
pub(super) fn draw(results: &Results) -> String {
    let greatest =
        results.groups.iter().flat_map(|group| &group.figures).map(|figure| figure.ratio).fold(1.0, f64::max);
    let mut document = Document::new();
    let mut y = ROW;
    for group in &results.groups {
        document = document.add(text(&group.title, 8, y).set("font-weight", "bold"));
        y += ROW;
        for figure in &group.figures {
            let length = (figure.ratio / greatest * BARS as f64).max(1.0);
            let colour = if figure.name.starts_with("egret") { "#c2410c" } else { "#94a3b8" };
            let bar = Rectangle::new()
                .set("x", LABELS)
                .set("y", y - ROW + 6)
                .set("width", format!("{length:.1}"))
                .set("height", ROW - 5)
                .set("fill", colour);
            document = document.add(text(&figure.name, LABELS - 6, y).set("text-anchor", "end")).add(bar).add(text(
                &format!("{:.2} ({:.3} s)", figure.ratio, figure.seconds),
                LABELS + length as usize + 6,
                y,
            ));
            y += ROW;
        }
        y += ROW / 2;
    }
    document.set("viewBox", (0, 0, WIDTH, y)).set("width", WIDTH).set("height", y).to_string()
}

fn text(content: &str, x: usize, y: usize) -> Text {
    Text::new(content).set("x", x).set("y", y).set("font-family", "sans-serif").set("font-size", 12)
}
