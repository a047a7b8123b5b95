//! Steps one after the other, in groups that each begin at zero: what a start is made of.
//!
//! A step begins where the likely value of the one before it ends; its whisker is its own range. Invariant: a step of
//! unknown length is a dashed line to the end of the sheet, never a bar of no length.

use plotters::element::{PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, Measure};
use super::backend::{FINE, Ink, Role, fill, stroke};
use super::sheet::{Area, Drawn, Grid, Inner, LINE, UNDER, mark, panel, sheet, text, ticks_for, width_of, wrapped};
use super::{Chart, Frame, Mark, Span, Table};

/// Groups of steps.
#[derive(Clone, Debug)]
pub struct Steps {
    /// What the steps are: head of the table's first column.
    pub subject: String,
    /// The axis.
    pub measure: Measure,
    /// The groups, top down.
    pub groups: Vec<StepGroup>,
    /// What stands in place of an unknown value.
    pub missing: String,
}

/// Steps that follow each other.
#[derive(Clone, Debug)]
pub struct StepGroup {
    /// Its name.
    pub name: String,
    /// The steps in order.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Its colour.
    pub ink: Ink,
    /// How long it takes; `None` where nobody knows.
    pub span: Option<Span>,
}

/// A range is drawn up to this multiple of the longest group; an arrow says that it goes on.
const REACH: f64 = 1.6;
/// A page narrower than this has the value under the name, not beside it.
const ONE_LINE: i32 = 640;

/// Draws steps.
#[must_use]
pub fn steps(frame: &Frame, data: &Steps) -> Chart {
    let width = width_of(frame);
    let inner_width = width - 24;
    let lines = |step: &Step| {
        let names = wrapped(&step.name, f64::from(inner_width - 4)).len();
        if width < ONE_LINE { 1 + i32::try_from(names).unwrap_or(1) } else { 1 }
    };
    let row = |step: &Step| lines(step) * LINE + 24;
    let longest = data.groups.iter().map(|group| starts(group).1).fold(0.0, f64::max);
    let mut ends = vec![longest];
    for group in &data.groups {
        for (start, step) in starts(group).0.into_iter().zip(&group.steps) {
            ends.extend(step.span.as_ref().map(|span| (start + span.high).min(longest * REACH)));
        }
    }
    let axis = Axis::over(&data.measure, ends.iter().copied(), ticks_for(inner_width, 62));
    let height_of = |group: &StepGroup| LINE + 12 + group.steps.iter().map(row).sum::<i32>();
    let height = data.groups.iter().map(height_of).sum::<i32>().max(LINE);
    let inner = Inner { left: 12, top: 4, right: width - 12, bottom: 4 + height };

    let mut marks = Vec::new();
    let mut chart = sheet(frame, inner.bottom + UNDER, &mut |root| {
        let y = Axis::names(vec![String::new()]);
        let plot = panel(root, inner, (&axis, &data.measure.name), (&y, 8), Grid::Across)?;
        let at = |value: f64| plot.backend_coord(&(value.min(axis.high()), 0.0)).0;
        let mut top = inner.top;
        for group in &data.groups {
            let style = text(Role::Note, HPos::Left, VPos::Top);
            root.draw_text(&group.name, &style, ((inner.left + 4) * FINE, (top + 6) * FINE))?;
            top += LINE + 12;
            for (start, step) in starts(group).0.into_iter().zip(&group.steps) {
                marks.push(one(
                    root,
                    data,
                    group,
                    step,
                    &at,
                    start,
                    axis.high(),
                    (top, row(step), lines(step)),
                    inner,
                )?);
                top += row(step);
            }
        }
        Ok(())
    });
    chart.marks = marks;
    chart.table = table(data);
    chart
}

/// Where each step of a group begins, and where the last one ends, by the likely values.
fn starts(group: &StepGroup) -> (Vec<f64>, f64) {
    let mut at = 0.0;
    let mut starts = Vec::with_capacity(group.steps.len());
    for step in &group.steps {
        starts.push(at);
        at += step.span.as_ref().map_or(0.0, |span| span.value);
    }
    (starts, at)
}

#[allow(clippy::too_many_arguments, reason = "one call, all of it layout")]
fn one(
    root: &Area,
    data: &Steps,
    group: &StepGroup,
    step: &Step,
    at: &dyn Fn(f64) -> i32,
    start: f64,
    high: f64,
    (top, row, lines): (i32, i32, i32),
    inner: Inner,
) -> Drawn<Mark> {
    let said = step.span.as_ref().map_or(&*data.missing, |span| &*span.text);
    let left = inner.left + 4;
    let style = text(Role::Text, HPos::Left, VPos::Top);
    let mut below = top;
    if lines > 1 {
        for line in wrapped(&step.name, f64::from(inner.right - left)) {
            root.draw_text(&line, &style, (left * FINE, below * FINE))?;
            below += LINE;
        }
    } else {
        root.draw_text(&step.name, &style, (left * FINE, top * FINE))?;
    }
    let (x, h_pos) = if lines > 1 { (left, HPos::Left) } else { (inner.right, HPos::Right) };
    root.draw_text(said, &text(Role::Note, h_pos, VPos::Top), (x * FINE, below * FINE))?;

    let (bar_top, bar_bottom) = ((top + lines * LINE + 2) * FINE, (top + row - 10) * FINE);
    let middle = bar_top.midpoint(bar_bottom);
    match &step.span {
        Some(span) => {
            // As wide as a line at least: a short step is still a step.
            let end = at(start + span.value).max(at(start) + FINE);
            root.draw(&Rectangle::new([(at(start), bar_top), (end, bar_bottom)], fill(Role::Bar, step.ink)))?;
            if span.high > span.low {
                let (from, to) = (at(start + span.low), at(start + span.high));
                let cap = 3 * FINE;
                let mut shape = vec![(from, middle - cap), (from, middle + cap), (from, middle), (to, middle)];
                if start + span.high > high {
                    shape.extend([(to - cap, middle - cap), (to, middle), (to - cap, middle + cap)]);
                } else {
                    shape.extend([(to, middle - cap), (to, middle + cap)]);
                }
                root.draw(&PathElement::new(shape.clone(), stroke(Role::Halo, Ink::Plain)))?;
                root.draw(&PathElement::new(shape, stroke(Role::Whisker, step.ink)))?;
            }
        }
        None => {
            let ends = vec![(at(start), middle), (at(high), middle)];
            root.draw(&PathElement::new(ends, stroke(Role::Reference, Ink::Plain)))?;
        }
    }
    let label = [&*group.name, ", ", &step.name].concat();
    Ok(mark((inner.left * FINE, top * FINE), (inner.right * FINE, (top + row - 6) * FINE), label, said.to_owned()))
}

fn table(data: &Steps) -> Table {
    let mut rows = Vec::new();
    for group in &data.groups {
        for step in &group.steps {
            let said = step.span.as_ref().map_or(&*data.missing, |span| &*span.text);
            rows.push(vec![[&*group.name, ", ", &step.name].concat(), said.to_owned()]);
        }
    }
    Table { head: vec![data.subject.clone(), data.measure.name.clone()], rows }
}
