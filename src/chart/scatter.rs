//! Labelled points: size against speed, predicted against measured.

use plotters::element::{Circle, PathElement, Polygon};
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, Measure};
use super::backend::{FINE, Ink, Role, fill, stroke, text_width};
use super::sheet::{
    Area, Drawn, Grid, Inner, LINE, TEXT, UNDER, draw_lanes, draw_levels, lanes, lanes_height, mark, near, panel,
    sheet, text, ticks_for, width_of,
};
use super::{Chart, Frame, Limit, Span, Table};

/// Most points whose names are written beside them.
const NAMED: usize = 40;

/// Points of two quantities.
#[derive(Clone, Debug)]
pub struct Scatter {
    /// What the points are: head of the table's first column.
    pub subject: String,
    /// The horizontal axis.
    pub x: Measure,
    /// The vertical axis.
    pub y: Measure,
    /// The points.
    pub dots: Vec<Dot>,
    /// A line to read them by.
    pub guide: Guide,
    /// Upright limit lines.
    pub x_limits: Vec<Limit>,
    /// Level limit lines.
    pub y_limits: Vec<Limit>,
}

/// One point.
#[derive(Clone, Debug)]
pub struct Dot {
    /// Its name.
    pub name: String,
    /// Its colour.
    pub ink: Ink,
    /// What says more than the colour.
    pub look: Look,
    /// Where it stands, with its range.
    pub x: Span,
    /// Where it stands, with its range.
    pub y: Span,
}

/// How a point is drawn, besides its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Its outline.
    pub shape: Shape,
    /// Only the outline is drawn.
    pub hollow: bool,
    /// It is the one that is chosen: a circle goes round it.
    pub picked: bool,
    /// Where its name stands.
    pub naming: Naming,
}

/// The outline of a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the outlines")]
pub enum Shape {
    #[default]
    Disc,
    Square,
    Diamond,
    Triangle,
}

/// Where the name of a point stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// Beside it, where there is room.
    #[default]
    Beside,
    /// In its mark and in the table alone.
    Listed,
}

/// A line through the points.
#[derive(Clone, Debug, PartialEq)]
pub enum Guide {
    /// None.
    None,
    /// Joins the points of these indices, in order: a Pareto frontier.
    Through(Vec<usize>),
    /// Where both quantities are equal; both axes then take the same range.
    Equal,
}

/// Draws points.
#[must_use]
pub fn scatter(frame: &Frame, data: &Scatter) -> Chart {
    let width = width_of(frame);
    let plot_height = (width / 2).clamp(220, 380);
    let xs = data.dots.iter().flat_map(|dot| [dot.x.value, dot.x.low, dot.x.high]);
    let ys = data.dots.iter().flat_map(|dot| [dot.y.value, dot.y.low, dot.y.high]);
    let shared = match data.guide {
        Guide::Equal => usize::MAX,
        Guide::None | Guide::Through(_) => 0,
    };
    let y_all = ys.clone().chain(near(&data.y_limits, ys.clone())).chain(xs.clone().take(shared));
    let y = Axis::over(&data.y, y_all, ticks_for(plot_height, 44));
    let left = y.widest(TEXT) as i32 + 18;
    let right = width - 18;
    let x_all = xs.clone().chain(near(&data.x_limits, xs)).chain(ys.take(shared));
    let x = Axis::over(&data.x, x_all, ticks_for(right - left, 62));
    let lanes = lanes(&data.x_limits, &x, left, right);
    let top = LINE + 6 + lanes_height(&lanes);
    let inner = Inner { left, top, right, bottom: top + plot_height };

    let mut marks = Vec::new();
    let mut chart = sheet(frame, inner.bottom + UNDER, &mut |root| {
        root.draw_text(&data.y.name, &text(Role::Note, HPos::Left, VPos::Top), (0, 0))?;
        let mut plot = panel(root, inner, (&x, &data.x.name), (&y, left), Grid::Both)?;
        let levels = draw_levels(root, &plot, inner, &data.y_limits, &y)?;
        draw_lanes(root, inner, &lanes)?;
        let guide: Vec<(f64, f64)> = match &data.guide {
            Guide::None => Vec::new(),
            Guide::Through(order) => {
                order.iter().filter_map(|idx| data.dots.get(*idx)).map(|dot| (dot.x.value, dot.y.value)).collect()
            }
            Guide::Equal => {
                let (low, high) = (x.low().max(y.low()), x.high().min(y.high()));
                vec![(low, low), (high, high)]
            }
        };
        if guide.len() > 1 {
            plot.draw_series([PathElement::new(guide, stroke(Role::Frontier, Ink::Plain))])?;
        }
        let mut places = Vec::new();
        for dot in &data.dots {
            let ink = stroke(Role::Whisker, dot.ink);
            if dot.x.high > dot.x.low {
                plot.draw_series([PathElement::new(vec![(dot.x.low, dot.y.value), (dot.x.high, dot.y.value)], ink)])?;
            }
            if dot.y.high > dot.y.low {
                plot.draw_series([PathElement::new(vec![(dot.x.value, dot.y.low), (dot.x.value, dot.y.high)], ink)])?;
            }
            let at = (dot.x.value, dot.y.value);
            let (px, py) = plot.backend_coord(&at);
            point(root, (px, py), dot)?;
            let name = if dot.look.naming == Naming::Beside { dot.name.as_str() } else { "" };
            places.push((px / FINE, py / FINE, name));
            let reach = 12 * FINE;
            let text = format!("{}; {}", dot.x.text, dot.y.text);
            marks.push(mark((px - reach, py - reach), (px + reach, py + reach), dot.name.clone(), text));
        }
        // Of so many points the names would be a carpet: marks and table have them.
        if places.iter().filter(|(_, _, name)| !name.is_empty()).count() > NAMED {
            Ok(())
        } else {
            label(root, inner, &places, levels)
        }
    });
    chart.marks = marks;
    let head = vec![data.subject.clone(), data.x.name.clone(), data.y.name.clone()];
    let rows = data.dots.iter().map(|dot| vec![dot.name.clone(), dot.x.text.clone(), dot.y.text.clone()]);
    chart.table = Table { rows: rows.collect(), head };
    chart
}

/// The point itself, in fine units.
fn point(root: &Area, (x, y): (i32, i32), dot: &Dot) -> Drawn {
    if dot.look.picked {
        root.draw(&Circle::new((x, y), 9 * FINE, stroke(Role::Picked, Ink::Plain)))?;
    }
    let style = fill(if dot.look.hollow { Role::Ring } else { Role::Dot }, dot.ink);
    let corners: &[(i32, i32)] = match dot.look.shape {
        Shape::Disc => return root.draw(&Circle::new((x, y), 4 * FINE, style)),
        Shape::Square => &[(-36, -36), (36, -36), (36, 36), (-36, 36)],
        Shape::Diamond => &[(0, -54), (54, 0), (0, 54), (-54, 0)],
        Shape::Triangle => &[(0, -50), (50, 38), (-50, 38)],
    };
    let corners: Vec<(i32, i32)> = corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
    root.draw(&Polygon::new(corners, style))
}

/// A box in view box units: left, top, right, bottom.
type Space = (i32, i32, i32, i32);

/// Writes each name beside its point where it covers no other point and no other name; a name without such a place
/// is left to the marks and the table.
fn label(root: &Area, inner: Inner, places: &[(i32, i32, &str)], levels: Vec<Space>) -> Drawn {
    let mut taken = levels;
    taken.extend(places.iter().map(|(x, y, _)| (x - 5, y - 5, x + 5, y + 5)));
    for (x, y, name) in places.iter().filter(|(_, _, name)| !name.is_empty()) {
        let wide = text_width(name, TEXT) as i32;
        let tries = [
            (HPos::Left, 8, 0, (x + 8, y - 7)),
            (HPos::Right, -8, 0, (x - 8 - wide, y - 7)),
            (HPos::Center, 0, -14, (x - wide / 2, y - 21)),
            (HPos::Center, 0, 14, (x - wide / 2, y + 7)),
        ];
        for (h_pos, dx, dy, (left, top)) in tries {
            let space = (left, top, left + wide, top + 14);
            let inside =
                space.0 >= inner.left && space.2 <= inner.right && space.1 >= inner.top && space.3 <= inner.bottom;
            if inside && taken.iter().all(|other| apart(space, *other)) {
                root.draw_text(name, &text(Role::Text, h_pos, VPos::Center), ((x + dx) * FINE, (y + dy) * FINE))?;
                taken.push(space);
                break;
            }
        }
    }
    Ok(())
}

fn apart(a: Space, b: Space) -> bool {
    a.2 < b.0 || b.2 < a.0 || a.3 < b.1 || b.3 < a.1
}
