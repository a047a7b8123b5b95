//! One bar of named parts against limits: what memory is made of.

use plotters::element::{PathElement, Rectangle};
use plotters::style::TextStyle;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, Measure};
use super::backend::{FINE, Ink, Role, color, fill, stroke, text_width};
use super::sheet::{
    Grid, Inner, TEXT, UNDER, draw_lanes, lanes, lanes_height, mark, near, panel, sheet, text, ticks_for, width_of,
};
use super::{Chart, Frame, Key, Limit, Span, Table};

/// A stacked bar.
#[derive(Clone, Debug)]
pub struct Stack {
    /// What parts are called (`"part"`): head of the table's first column.
    pub subject: String,
    /// The axis; always drawn from zero, so its scale must be linear.
    pub measure: Measure,
    /// The parts, left to right. Their values are drawn, their ranges only told.
    pub parts: Vec<Part>,
    /// The whole with its range.
    pub total: Span,
    /// What the whole is called.
    pub total_name: String,
    /// What it is held against.
    pub limits: Vec<Limit>,
}

/// One part of the bar.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its colour.
    pub ink: Ink,
    /// How large it is.
    pub span: Span,
}

/// Draws a stacked bar.
#[must_use]
pub fn stack(frame: &Frame, data: &Stack) -> Chart {
    let width = width_of(frame);
    let (left, right) = (10, width - 14);
    let sum: f64 = data.parts.iter().map(|part| part.span.value).filter(|value| *value > 0.0).sum();
    let values = [data.total.value, data.total.low, data.total.high, sum].into_iter();
    let measure = Measure { scale: super::Scale::Linear, ..data.measure.clone() };
    let axis = Axis::over(&measure, values.clone().chain(near(&data.limits, values)), ticks_for(right - left, 70));
    let lanes = lanes(&data.limits, &axis, left, right);
    let top = lanes_height(&lanes) + 6;
    let inner = Inner { left, top, right, bottom: top + 52 };

    let mut marks = Vec::new();
    let mut chart = sheet(frame, inner.bottom + UNDER, &mut |root| {
        let y = Axis::names(vec![String::new()]);
        let mut plot = panel(root, inner, (&axis, &data.measure.name), (&y, 10), Grid::Across)?;
        let mut from = 0.0;
        for part in data.parts.iter().filter(|part| part.span.value > 0.0) {
            let to = from + part.span.value;
            plot.draw_series([Rectangle::new([(from, -0.3), (to, 0.3)], fill(Role::Bar, part.ink))])?;
            let (a, b) = (plot.backend_coord(&(from, -0.5)), plot.backend_coord(&(to, 0.5)));
            // A name is written into its part only where it has room; the legend has them all.
            let room = f64::from((b.0 - a.0) / FINE) - 10.0;
            if text_width(&part.name, TEXT) <= room {
                let style =
                    TextStyle { color: color(Role::OnBar, part.ink), ..text(Role::Text, HPos::Left, VPos::Center) };
                root.draw_text(&part.name, &style, (a.0 + 6 * FINE, (a.1 + b.1) / 2))?;
            }
            marks.push(mark(a, b, part.name.clone(), part.span.text.clone()));
            from = to;
        }
        if data.total.high > data.total.low {
            let ink = stroke(Role::Whisker, Ink::Plain);
            let cap = |at: f64| PathElement::new(vec![(at, 0.34), (at, 0.46)], ink);
            let range = PathElement::new(vec![(data.total.low, 0.4), (data.total.high, 0.4)], ink);
            plot.draw_series([range, cap(data.total.low), cap(data.total.high)])?;
        }
        draw_lanes(root, inner, &lanes)
    });
    chart.marks = marks;
    chart.keys = data.parts.iter().map(|part| Key { class: part.ink.class(), name: part.name.clone() }).collect();
    let parts = data.parts.iter().map(|part| vec![part.name.clone(), part.span.text.clone()]);
    let total = [vec![data.total_name.clone(), data.total.text.clone()]];
    chart.table =
        Table { head: vec![data.subject.clone(), data.measure.name.clone()], rows: parts.chain(total).collect() };
    chart
}
