//! The sheet a chart is drawn on: the `<svg>` element, its panels, and the limit lines all charts share.

use std::convert::Infallible;

use plotters::chart::{ChartBuilder, ChartContext, LabelAreaPosition};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::PathElement;
use plotters::prelude::Cartesian2d;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle, TextStyle};

use super::axis::Axis;
use super::backend::{FINE, Ink, Role, Svg, color, invisible, push_escaped, stroke, text_width};
use super::{Chart, Frame, Limit, LimitKind, Mark};

/// The drawing area of a sheet or of a part of it.
pub(super) type Area<'a> = DrawingArea<Svg<'a>, Shift>;
/// A panel with its two axes.
pub(super) type Plot<'a, 'b> = ChartContext<'a, Svg<'b>, Cartesian2d<Axis, Axis>>;
/// What drawing answers. Writing text cannot fail; plotters can still refuse an area without room.
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<Infallible>>;

/// Size of all text, in view box units.
pub(super) const TEXT: f64 = 12.0;
/// Height of a line of text.
pub(super) const LINE: i32 = 16;
/// A chart narrower than this is drawn as if it had this width.
const NARROWEST: u32 = 260;

/// The width that is drawn for.
pub(super) fn width_of(frame: &Frame) -> i32 {
    i32::try_from(frame.width.clamp(NARROWEST, 4000)).unwrap_or(4000)
}

/// A sheet of the frame's width, drawn by `draw`.
pub(super) fn sheet(frame: &Frame, height: i32, draw: &mut dyn FnMut(&Area) -> Drawn) -> Chart {
    let (width, height) = (width_of(frame).unsigned_abs(), height.max(1).unsigned_abs());
    let mut shapes = String::new();
    {
        let fine = (width * FINE.unsigned_abs(), height * FINE.unsigned_abs());
        let root = Svg { svg: &mut shapes, size: fine }.into_drawing_area();
        // An area too small for its axes leaves a gap in the picture; the marks and the table still say everything.
        let _ = draw(&root);
    }
    let mut svg = String::with_capacity(shapes.len() + 400);
    svg.push_str("<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 ");
    svg.push_str(&width.to_string());
    svg.push(' ');
    svg.push_str(&height.to_string());
    svg.push_str("\" aria-labelledby=\"");
    push_escaped(&mut svg, &frame.id);
    svg.push_str("-title ");
    push_escaped(&mut svg, &frame.id);
    svg.push_str("-desc\">");
    for (element, suffix, text) in [("title", "-title", &frame.title), ("desc", "-desc", &frame.description)] {
        svg.push('<');
        svg.push_str(element);
        svg.push_str(" id=\"");
        push_escaped(&mut svg, &frame.id);
        svg.push_str(suffix);
        svg.push_str("\">");
        push_escaped(&mut svg, text);
        svg.push_str("</");
        svg.push_str(element);
        svg.push('>');
    }
    svg.push_str(&shapes);
    svg.push_str("</svg>");
    Chart { svg, width, height, title: frame.title.clone(), description: frame.description.clone(), ..Chart::default() }
}

/// Where a panel stands on its sheet, in view box units: the inner rectangle, without labels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inner {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) right: i32,
    pub(super) bottom: i32,
}

/// Which lines of the grid are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grid {
    /// Those of the horizontal axis.
    Across,
    /// Both.
    Both,
}

/// Room under a panel for its ticks and its name.
pub(super) const UNDER: i32 = 42;

/// A text style of ours at an anchor.
pub(super) fn text(role: Role, h_pos: HPos, v_pos: VPos) -> TextStyle<'static> {
    let font = FontDesc::new(FontFamily::SansSerif, TEXT * f64::from(FINE), FontStyle::Normal);
    TextStyle { font, color: color(role, Ink::Plain), pos: Pos::new(h_pos, v_pos) }
}

/// Draws axes, grid and names, and answers the panel to draw data on.
pub(super) fn panel<'a, 'b>(
    root: &'a Area<'b>,
    inner: Inner,
    (x, x_name): (&Axis, &str),
    (y, y_labels): (&Axis, i32),
    grid: Grid,
) -> Drawn<Plot<'a, 'b>> {
    let (width, height) = root.dim_in_pixel();
    let (width, height) = (i32::try_from(width).unwrap_or(0), i32::try_from(height).unwrap_or(0));
    let mut plot = ChartBuilder::on(root)
        .margin_left((inner.left - y_labels) * FINE)
        .margin_right(width - inner.right * FINE)
        .margin_top(inner.top * FINE)
        .margin_bottom(height - (inner.bottom + UNDER) * FINE)
        .set_label_area_size(LabelAreaPosition::Left, y_labels * FINE)
        .set_label_area_size(LabelAreaPosition::Bottom, UNDER * FINE)
        .build_cartesian_2d(x.clone(), y.clone())?;
    let mut mesh = plot.configure_mesh();
    mesh.set_all_tick_mark_size(4 * FINE)
        .light_line_style(invisible())
        .bold_line_style(stroke(Role::Grid, Ink::Plain))
        .axis_style(stroke(Role::Axis, Ink::Plain))
        .label_style(text(Role::Text, HPos::Center, VPos::Top))
        .axis_desc_style(text(Role::Note, HPos::Center, VPos::Bottom))
        .x_desc(x_name);
    match grid {
        Grid::Across => {
            mesh.disable_y_mesh();
        }
        Grid::Both => {}
    }
    mesh.draw()?;
    drop(mesh);
    Ok(plot)
}

/// A limit line with a place for its label above the panel.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    kind: LimitKind,
    at: Option<f64>,
    label: String,
    x: i32,
    h_pos: HPosition,
    row: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HPosition {
    StartsAt,
    EndsAt,
}

/// The roles of a line and of its label.
fn roles(kind: LimitKind) -> (Role, Role) {
    match kind {
        LimitKind::Barrier => (Role::Limit, Role::LimitText),
        LimitKind::Reference => (Role::Reference, Role::ReferenceText),
    }
}

impl Lane {
    /// The same lane further right.
    pub(super) fn moved(mut self, by: i32) -> Self {
        self.x += by;
        self
    }
}

/// The values of limits that an axis over `values` should still show: those within twice the largest.
/// A far limit would press the data into a corner; it is named at the edge instead.
pub(super) fn near<'a>(
    limits: &'a [Limit],
    values: impl Iterator<Item = f64>,
) -> impl Iterator<Item = f64> + Clone + 'a {
    let top = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
    limits.iter().map(|limit| limit.at).filter(move |at| *at <= 2.0 * top)
}

/// Gives every limit a row above the panel so that no labels meet. The rows count upwards from the panel.
pub(super) fn lanes(limits: &[Limit], axis: &Axis, left: i32, right: i32) -> Vec<Lane> {
    let mut order: Vec<&Limit> = limits.iter().collect();
    crate::order::by(&mut order, |a, b| a.at > b.at);
    let mut taken: Vec<(i32, i32, i32)> = Vec::new();
    let mut lanes = Vec::new();
    for limit in order {
        let shown = limit.at <= axis.high() && limit.at >= axis.low();
        let label = if shown { limit.label.clone() } else { format!("{} →", limit.label) };
        let wide = text_width(&label, TEXT) as i32 + 10;
        let x = left + (f64::from(right - left) * axis.share(limit.at)) as i32;
        let h_pos = if shown && x + wide <= right { HPosition::StartsAt } else { HPosition::EndsAt };
        let (from, to) = match h_pos {
            HPosition::StartsAt => (x, x + wide),
            HPosition::EndsAt => (x - wide, x),
        };
        let free = |row: &i32| taken.iter().all(|(r, a, b)| r != row || to < *a || from > *b);
        let row = (0..8).find(free).unwrap_or(8);
        taken.push((row, from, to));
        lanes.push(Lane { kind: limit.kind, at: shown.then_some(limit.at), label, x, h_pos, row });
    }
    lanes
}

/// Rows of labels above the panel.
pub(super) fn lanes_height(lanes: &[Lane]) -> i32 {
    lanes.iter().map(|lane| lane.row + 1).max().unwrap_or(0) * LINE
}

/// Draws the limit lines of a panel, then their labels: a label may lie over the line of another limit.
pub(super) fn draw_lanes(root: &Area, inner: Inner, lanes: &[Lane]) -> Drawn {
    let base = |lane: &Lane| inner.top - lane.row * LINE - 3;
    for lane in lanes.iter().filter(|lane| lane.at.is_some()) {
        let (line, _) = roles(lane.kind);
        let ends = [(lane.x * FINE, (base(lane) - LINE + 4) * FINE), (lane.x * FINE, inner.bottom * FINE)];
        root.draw(&PathElement::new(ends.to_vec(), stroke(line, Ink::Plain)))?;
    }
    for lane in lanes {
        let (_, label) = roles(lane.kind);
        let (h_pos, dx) = match lane.h_pos {
            HPosition::StartsAt => (HPos::Left, 5),
            HPosition::EndsAt => (HPos::Right, -5),
        };
        let style = text(label, h_pos, VPos::Bottom);
        root.draw_text(&lane.label, &style, ((lane.x + dx) * FINE, base(lane) * FINE))?;
    }
    Ok(())
}

/// Draws limits of the vertical axis: a line across, its label above the left end, away from falling lines.
/// Answers the boxes that the labels take, in view box units: left, top, right, bottom.
pub(super) fn draw_levels(
    root: &Area,
    plot: &Plot,
    inner: Inner,
    limits: &[Limit],
    axis: &Axis,
) -> Drawn<Vec<(i32, i32, i32, i32)>> {
    let mut taken = Vec::new();
    for limit in limits.iter().filter(|limit| limit.at <= axis.high() && limit.at >= axis.low()) {
        let (line, label) = roles(limit.kind);
        let (_, y) = plot.backend_coord(&(axis.low(), limit.at));
        let ends = vec![(inner.left * FINE, y), (inner.right * FINE, y)];
        root.draw(&PathElement::new(ends, stroke(line, Ink::Plain)))?;
        let style = text(label, HPos::Left, VPos::Bottom);
        root.draw_text(&limit.label, &style, ((inner.left + 6) * FINE, y - 2 * FINE))?;
        let (left, base) = (inner.left + 6, y / FINE);
        taken.push((left, base - LINE, left + text_width(&limit.label, TEXT) as i32, base));
    }
    Ok(taken)
}

/// A mark from fine coordinates.
pub(super) fn mark((x0, y0): (i32, i32), (x1, y1): (i32, i32), label: String, text: String) -> Mark {
    let unit = |fine: i32| f64::from(fine) / f64::from(FINE);
    let (x, y) = (unit(x0.min(x1)), unit(y0.min(y1)));
    Mark { x, y, w: unit((x1 - x0).abs()), h: unit((y1 - y0).abs()), label, text, pick: String::new() }
}

/// The text in lines of at most `room`, broken between words; a word that is wider than that has a line of its own.
pub(super) fn wrapped(text: &str, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if text_width(line, TEXT) + text_width(word, TEXT) + TEXT * 0.36 <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Ticks that fit a length.
pub(super) fn ticks_for(length: i32, each: i32) -> u32 {
    u32::try_from(length / each).unwrap_or(0).clamp(2, 8)
}
