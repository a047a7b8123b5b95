//! The picture of what is around an operation: what it depends on at the left, what depends on it at the right, coloured
//! by unit; an edge between two units is dashed and heavier.
//!
//! Every node is a button that moves to its operation; the lists under the picture say the same of its nearest ones.

use crate::{
    markup::Markup,
    report::inspection::{Sketch, SketchNode},
    texts::{names, sketch as text},
};

// Width of a node, distance of two columns, height of a node and distance of two rows, in the picture's own units.
const NODE: i32 = 150;
const COLUMN: i32 = 190;
const TALL: i32 = 34;
const ROW: i32 = 46;
/// Letters of an operation's kind that fit into a node.
const LETTERS: usize = 18;
const STEPS: [(i8, &str); 5] =
    [(-2, text::TWO_UP), (-1, text::ONE_UP), (0, text::HERE), (1, text::ONE_DOWN), (2, text::TWO_DOWN)];

/// Draws the picture; nothing for an operation that stands alone.
pub(super) fn draw(m: &mut Markup, sketch: &Sketch, title: &str) {
    if sketch.nodes.len() < 2 {
        return;
    }
    let places = places(&sketch.nodes);
    let lowest = places.iter().map(|(_, y)| y + TALL).max().unwrap_or(TALL);
    let first = places.iter().map(|(x, _)| *x).min().unwrap_or(0);
    let last = places.iter().map(|(x, _)| x + NODE).max().unwrap_or(NODE);
    let n_crossing = sketch.edges.iter().filter(|edge| edge.crosses).count();
    let said = text::said(
        &(sketch.nodes.len() - 1).to_string(),
        title,
        &n_crossing.to_string(),
        &sketch.edges.len().to_string(),
    );
    let view_box = format!("{} 0 {} {}", first - 4, last - first + 8, lowest + 24);
    let name = text::title(title);
    let attributes = [
        ("class", "sketch"),
        ("viewBox", &*view_box),
        ("role", "group"),
        ("aria-labelledby", "sketch-title"),
        ("aria-describedby", "sketch-said"),
    ];
    m.put("div", &[("class", "scroller")], |m| {
        m.put("svg", &attributes, |m| {
            m.say("title", &[("id", "sketch-title")], &name);
            m.say("desc", &[("id", "sketch-said")], &said);
            for edge in &sketch.edges {
                let ends = (places.get(edge.from as usize), places.get(edge.to as usize));
                let (Some((x1, y1)), Some((x2, y2))) = ends else { continue };
                let class = if edge.crosses { "edge crosses" } else { "edge" };
                let d = format!(
                    "M{} {}C{} {} {} {} {x2} {}",
                    x1 + NODE,
                    y1 + TALL / 2,
                    x1 + NODE + 20,
                    y1 + TALL / 2,
                    x2 - 20,
                    y2 + TALL / 2,
                    y2 + TALL / 2
                );
                m.say("path", &[("class", class), ("d", &d)], "");
            }
            for (node, (x, y)) in sketch.nodes.iter().zip(&places) {
                mark(m, node, *x, *y);
            }
            for (step, n_more) in &sketch.more {
                let x = (i32::from(*step) * COLUMN + NODE / 2).to_string();
                let text = text::more(&n_more.to_string());
                let at = [("class", "more"), ("x", &*x), ("y", &*(lowest + 16).to_string()), ("text-anchor", "middle")];
                m.say("text", &at, &text);
            }
        });
    });
    m.put("ul", &[("class", "legend")], |m| {
        for (ink, name) in [("unit-ne", names::ANE), ("unit-gpu", names::GPU), ("unit-cpu", names::CPU)] {
            m.put("li", &[], |m| {
                m.say("span", &[("class", &["swatch ", ink].concat())], "");
                m.text(name);
            });
        }
        m.say("li", &[], text::DASHED);
    });
}

/// The upper left corner of each node; the columns are centred on the tallest.
fn places(nodes: &[SketchNode]) -> Vec<(i32, i32)> {
    let count = |step: i8| nodes.iter().filter(|node| node.step == step).count() as i32;
    let most = STEPS.iter().map(|(step, _)| count(*step)).max().unwrap_or(1);
    let mut next: Vec<(i8, i32)> = STEPS.iter().map(|(step, _)| (*step, 0)).collect();
    let place = |node: &SketchNode| {
        let above = (most - count(node.step)) * ROW / 2;
        let at = next.iter_mut().find(|(step, _)| *step == node.step).map_or(0, |(_, at)| {
            *at += 1;
            *at - 1
        });
        (i32::from(node.step) * COLUMN, above + at * ROW + 4)
    };
    nodes.iter().map(place).collect()
}

fn mark(m: &mut Markup, node: &SketchNode, x: i32, y: i32) {
    let (unit, unit_name) = match node.unit.as_str() {
        "ane" => ("ne", names::ANE),
        "gpu" => ("gpu", names::GPU),
        _ => ("cpu", names::CPU),
    };
    let step = STEPS.iter().find(|(step, _)| *step == node.step).map_or("", |(_, name)| name);
    let label = text::node(&node.name, unit_name, step);
    let class = if node.step == 0 { "tile node here" } else { "tile node" };
    let own = [
        ("class", class),
        ("role", "button"),
        ("tabindex", "0"),
        ("aria-label", &*label),
        ("data-row", &*node.row.to_string()),
        ("transform", &*format!("translate({x} {y})")),
    ];
    m.put("g", &own, |m| {
        let (wide, tall) = (NODE.to_string(), TALL.to_string());
        m.say("rect", &[("class", "face"), ("width", &wide), ("height", &tall), ("rx", "5")], "");
        m.say("rect", &[("class", &["bar unit-", unit].concat()), ("width", "6"), ("height", &tall), ("rx", "3")], "");
        let mut kind: String = node.kind.chars().take(LETTERS).collect();
        if kind.len() < node.kind.len() {
            kind.push('…');
        }
        m.say("text", &[("x", "14"), ("y", "15"), ("class", "kind")], &kind);
        m.say("text", &[("x", "14"), ("y", "28"), ("class", "unit-name")], unit_name);
    });
}
