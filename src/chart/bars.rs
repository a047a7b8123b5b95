//! Grouped horizontal bars with ranges: panels side by side (or one under the other on a narrow page) that share
//! their categories.

use plotters::element::{PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, Measure};
use super::backend::{FINE, Ink, Role, fill, stroke, text_width};
use super::sheet::{
    Area, Drawn, Grid, Inner, LINE, Lane, TEXT, UNDER, draw_lanes, lanes, lanes_height, mark, near, panel, sheet, text,
    ticks_for, width_of,
};
use super::{Chart, Frame, Key, Limit, Mark, Span, Table};

/// Bars for categories.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What the categories are (`"variant"`): head of the table's first column.
    pub subject: String,
    /// Their names, top down.
    pub categories: Vec<String>,
    /// The category that is highlighted.
    pub chosen: Option<usize>,
    /// One panel for each quantity.
    pub panels: Vec<Panel>,
    /// What stands in place of a missing value (`"unknown"`).
    pub missing: String,
}

/// One quantity over all categories.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Its axis.
    pub measure: Measure,
    /// One bar each in every category.
    pub series: Vec<BarSeries>,
    /// What it is held against.
    pub limits: Vec<Limit>,
}

/// One bar in every category.
#[derive(Clone, Debug)]
pub struct BarSeries {
    /// Its name; empty when the panel has one series.
    pub name: String,
    /// Its colour.
    pub ink: Ink,
    /// A colour for each category instead; empty for one colour.
    pub inks: Vec<Ink>,
    /// One for each category.
    pub values: Vec<Option<Span>>,
}

/// Room at the right of the last panel, for half of the last tick's label.
const MARGIN: i32 = 18;
/// A page narrower than this takes panels one under the other.
const SIDE_BY_SIDE: i32 = 560;

/// Draws bars.
#[must_use]
pub fn bars(frame: &Frame, data: &Bars) -> Chart {
    let width = width_of(frame);
    let n_panels = i32::try_from(data.panels.len()).unwrap_or(0).max(1);
    let beside = width >= SIDE_BY_SIDE;
    let name_width = data.categories.iter().map(|name| text_width(name, TEXT)).fold(0.0, f64::max) as i32 + 18;
    // Names that would take too much of the width stand above their bars: half a name can be that of another bar.
    let stacked = name_width > width * 2 / 5;
    let names = if stacked { 12 } else { name_width };
    let gap = 28;
    let inner_width =
        if beside { (width - names - MARGIN - gap * (n_panels - 1)) / n_panels } else { width - names - MARGIN };

    // Limits decide how much room a panel needs above it.
    let planned: Vec<(Axis, Vec<Lane>)> = data.panels.iter().map(|panel| plan(panel, inner_width)).collect();
    let own_above = |lanes: &[Lane]| lanes_height(lanes) + 6;
    let above = planned.iter().map(|(_, lanes)| own_above(lanes)).max().unwrap_or(6);
    let n_series = data.panels.iter().map(|panel| panel.series.len()).max().unwrap_or(1).max(1);
    let row = if n_series == 1 { 28 } else { 10 + 16 * i32::try_from(n_series).unwrap_or(1) };
    let row = if stacked { row + LINE } else { row };
    let rows = row * i32::try_from(data.categories.len()).unwrap_or(0).max(1);
    let height = if beside {
        above + rows + UNDER
    } else {
        planned.iter().map(|(_, lanes)| own_above(lanes) + rows + UNDER + LINE).sum::<i32>() - LINE
    };

    let mut marks = Vec::new();
    let mut chart = sheet(frame, height, &mut |root| {
        let mut used = 0;
        for ((idx, data_panel), (axis, lanes)) in (0i32..).zip(&data.panels).zip(&planned) {
            let (left, top) =
                if beside { (names + idx * (inner_width + gap), above) } else { (names, used + own_above(lanes)) };
            let inner = Inner { left, top, right: left + inner_width, bottom: top + rows };
            used = inner.bottom + UNDER + LINE;
            let labelled = match (stacked, beside && idx > 0) {
                (true, _) => Names::Above(row),
                (false, true) => Names::Left,
                (false, false) => Names::Shown(names),
            };
            draw_panel(root, data, data_panel, axis, lanes, inner, labelled, &mut marks)?;
        }
        Ok(())
    });
    chart.marks = marks;
    chart.keys = keys(&data.panels);
    chart.table = table(data);
    chart
}

enum Names {
    /// At the left of the panel, in so much room.
    Shown(i32),
    /// Each above its bars, in rows of this height.
    Above(i32),
    /// Those of the panel at the left are for this one as well.
    Left,
}

fn plan(panel: &Panel, inner_width: i32) -> (Axis, Vec<Lane>) {
    let values = panel.series.iter().flat_map(|series| series.values.iter().flatten());
    let values = values.flat_map(|span| [span.value, span.low, span.high]);
    let all = values.clone().chain(near(&panel.limits, values));
    let axis = Axis::over(&panel.measure, all, ticks_for(inner_width, 62));
    let lanes = lanes(&panel.limits, &axis, 0, inner_width);
    (axis, lanes)
}

#[allow(clippy::too_many_arguments, reason = "one call, all of it layout")]
fn draw_panel(
    root: &Area,
    data: &Bars,
    data_panel: &Panel,
    axis: &Axis,
    lanes: &[Lane],
    inner: Inner,
    labelled: Names,
    marks: &mut Vec<Mark>,
) -> Drawn {
    let categories = data.categories.iter().map(|name| match labelled {
        Names::Shown(_) => name.clone(),
        Names::Above(_) | Names::Left => String::new(),
    });
    let y = Axis::names(categories.collect());
    let label_room = match labelled {
        Names::Shown(width) => width,
        Names::Above(_) | Names::Left => 8,
    };
    let mut plot = panel(root, inner, (axis, &data_panel.measure.name), (&y, label_room), Grid::Across)?;
    if let Some(chosen) = data.chosen.filter(|chosen| *chosen < data.categories.len()) {
        let at = chosen as f64;
        let band = Rectangle::new([(axis.low(), at - 0.5), (axis.high(), at + 0.5)], fill(Role::Chosen, Ink::Plain));
        plot.draw_series([band])?;
    }
    let n_series = data_panel.series.len().max(1) as f64;
    // The part of a row that is bars, and where it begins, from the row's middle.
    let (from, part) = match labelled {
        Names::Above(row) => {
            let name = f64::from(LINE) / f64::from(row);
            (name - 0.46, 0.88 - name)
        }
        Names::Shown(_) | Names::Left => (-0.36, 0.72),
    };
    let thick = part / n_series;
    for (series_idx, series) in data_panel.series.iter().enumerate() {
        for (category_idx, (category, span)) in data.categories.iter().zip(&series.values).enumerate() {
            let top = category_idx as f64 + from + thick * series_idx as f64;
            let (near, far, middle) = (top + thick * 0.08, top + thick * 0.92, top + thick * 0.5);
            let ink = series.inks.get(category_idx).copied().unwrap_or(series.ink);
            let end = match span {
                Some(span) => {
                    let bar = Rectangle::new([(axis.low(), near), (span.value, far)], fill(Role::Bar, ink));
                    plot.draw_series([bar])?;
                    if span.high > span.low {
                        let (from, to) = (near + thick * 0.2, far - thick * 0.2);
                        let ends = [(span.low, from), (span.low, to), (span.low, middle)];
                        let other = [(span.high, middle), (span.high, from), (span.high, to)];
                        let shape: Vec<(f64, f64)> = ends.into_iter().chain(other).collect();
                        // Twice: a light edge first, so that the part inside the bar is seen as well.
                        let halo = PathElement::new(shape.clone(), stroke(Role::Halo, Ink::Plain));
                        plot.draw_series([halo, PathElement::new(shape, stroke(Role::Whisker, ink))])?;
                    }
                    span.text.clone()
                }
                None => {
                    let (x, y) = plot.backend_coord(&(axis.low(), middle));
                    let style = text(Role::Note, HPos::Left, VPos::Center);
                    root.draw_text(&data.missing, &style, (x + 6 * FINE, y))?;
                    data.missing.clone()
                }
            };
            let (x0, y0) = plot.backend_coord(&(axis.low(), top));
            let (x1, y1) = plot.backend_coord(&(axis.high(), top + thick));
            let mut label = category.clone();
            if !series.name.is_empty() {
                label.push_str(", ");
                label.push_str(&series.name);
            }
            label.push_str(", ");
            label.push_str(&data_panel.measure.name);
            marks.push(mark((x0, y0), (x1, y1), label, end));
        }
    }
    draw_lanes(root, inner, &shifted(lanes, inner.left))?;
    // Over the lines of the limits.
    if matches!(labelled, Names::Above(_)) {
        for (idx, name) in data.categories.iter().enumerate() {
            let (_, y) = plot.backend_coord(&(axis.low(), idx as f64 - 0.46));
            let room = f64::from(inner.right - inner.left - 4);
            let style = text(Role::Text, HPos::Left, VPos::Top);
            root.draw_text(&shortened(name, room), &style, ((inner.left + 4) * FINE, y))?;
        }
    }
    Ok(())
}

fn shifted(lanes: &[Lane], by: i32) -> Vec<Lane> {
    lanes.iter().cloned().map(|lane| lane.moved(by)).collect()
}

/// The text with its end left out, if it would be wider than `room`.
fn shortened(name: &str, room: f64) -> String {
    if text_width(name, TEXT) <= room {
        return name.to_owned();
    }
    let mut short = String::new();
    for letter in name.chars() {
        short.push(letter);
        if text_width(&short, TEXT) > room - TEXT {
            short.pop();
            break;
        }
    }
    short.push('…');
    short
}

fn keys(panels: &[Panel]) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for series in panels.iter().flat_map(|panel| &panel.series).filter(|series| !series.name.is_empty()) {
        let key = Key { class: series.ink.class(), name: series.name.clone() };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

fn table(data: &Bars) -> Table {
    let mut head = vec![data.subject.clone()];
    for panel in &data.panels {
        for series in &panel.series {
            let name = &panel.measure.name;
            head.push(if series.name.is_empty() { name.clone() } else { format!("{name}, {}", series.name) });
        }
    }
    let rows = data.categories.iter().enumerate().map(|(idx, category)| {
        let cells = data.panels.iter().flat_map(|panel| &panel.series).map(|series| {
            let span = series.values.get(idx).and_then(Option::as_ref);
            span.map_or_else(|| data.missing.clone(), |span| span.text.clone())
        });
        std::iter::once(category.clone()).chain(cells).collect()
    });
    Table { rows: rows.collect(), head }
}
