//! Lines with a band for their range: a quantity over another, as decode speed over context.

use plotters::element::{Circle, Polygon};
use plotters::series::LineSeries;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, Measure};
use super::backend::{FINE, Ink, Role, fill, stroke};
use super::sheet::{
    Grid, Inner, LINE, TEXT, UNDER, draw_lanes, draw_levels, lanes, lanes_height, mark, near, panel, sheet, text,
    ticks_for, width_of,
};
use super::{Chart, Frame, Key, Limit, Span, Table};

/// Lines over a shared horizontal axis.
#[derive(Clone, Debug)]
pub struct Lines {
    /// The horizontal axis.
    pub x: Measure,
    /// The vertical axis.
    pub y: Measure,
    /// The lines.
    pub series: Vec<Line>,
    /// Upright lines: the chosen context, the trained context.
    pub x_limits: Vec<Limit>,
    /// Level lines: reading speed.
    pub y_limits: Vec<Limit>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its colour.
    pub ink: Ink,
    /// Its points, left to right.
    pub points: Vec<LinePoint>,
}

/// One point of a line.
#[derive(Clone, Debug)]
pub struct LinePoint {
    /// Where it stands.
    pub x: f64,
    /// How that is said.
    pub x_text: String,
    /// What it is there.
    pub y: Span,
}

/// Draws lines.
#[must_use]
pub fn lines(frame: &Frame, data: &Lines) -> Chart {
    let width = width_of(frame);
    let plot_height = (width * 2 / 5).clamp(180, 280);
    let points = data.series.iter().flat_map(|line| &line.points);
    let ys = points.clone().flat_map(|point| [point.y.value, point.y.low, point.y.high]);
    let y = Axis::over(&data.y, ys.clone().chain(near(&data.y_limits, ys)), ticks_for(plot_height, 44));
    let left = y.widest(TEXT) as i32 + 18;
    let right = width - 26;
    let xs = points.map(|point| point.x);
    let x_all = xs.clone().chain(near(&data.x_limits, xs));
    let x = Axis::over(&data.x, x_all, ticks_for(right - left, 62));
    let lanes = lanes(&data.x_limits, &x, left, right);
    let top = LINE + 6 + lanes_height(&lanes);
    let inner = Inner { left, top, right, bottom: top + plot_height };

    let mut marks = Vec::new();
    let mut chart = sheet(frame, inner.bottom + UNDER, &mut |root| {
        root.draw_text(&data.y.name, &text(Role::Note, HPos::Left, VPos::Top), (0, 0))?;
        let mut plot = panel(root, inner, (&x, &data.x.name), (&y, left), Grid::Both)?;
        draw_levels(root, &plot, inner, &data.y_limits, &y)?;
        draw_lanes(root, inner, &lanes)?;
        for line in &data.series {
            let there = line.points.iter().map(|point| (point.x, point.y.high));
            let back = line.points.iter().rev().map(|point| (point.x, point.y.low));
            let band: Vec<(f64, f64)> = there.chain(back).collect();
            plot.draw_series([Polygon::new(band, fill(Role::Band, line.ink))])?;
        }
        for line in &data.series {
            let curve = line.points.iter().map(|point| (point.x, point.y.value));
            plot.draw_series(LineSeries::new(curve, stroke(Role::Curve, line.ink)))?;
            for point in &line.points {
                let at = (point.x, point.y.value);
                plot.draw_series([Circle::new(at, 3 * FINE, fill(Role::Dot, line.ink))])?;
                let (px, py) = plot.backend_coord(&at);
                let reach = 12 * FINE;
                let label = format!("{}, {}", line.name, point.x_text);
                marks.push(mark((px - reach, py - reach), (px + reach, py + reach), label, point.y.text.clone()));
            }
        }
        Ok(())
    });
    chart.marks = marks;
    chart.keys = data.series.iter().map(|line| Key { class: line.ink.class(), name: line.name.clone() }).collect();
    let head = [String::new(), data.x.name.clone(), data.y.name.clone()].to_vec();
    let rows = data.series.iter().flat_map(|line| {
        line.points.iter().map(|point| vec![line.name.clone(), point.x_text.clone(), point.y.text.clone()])
    });
    chart.table = Table { rows: rows.collect(), head };
    chart
}
