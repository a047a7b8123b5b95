//! A treemap: areas in proportion to values, as square as can be (Bruls, Huizing and van Wijk's squarified layout).
//!
//! Drawn without plotters: it has no axes. A tile can be opened (`data-at`) or looked up (`data-find`); which of them is
//! data, the page decides what to do. Invariant: every text is escaped, also in attributes, because names come from files.

use super::Frame;
use super::backend::{Ink, push_escaped, text_width};
use super::sheet::{LINE, TEXT, width_of};
use crate::units::decimal;

/// One tile.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// What it is.
    pub label: String,
    /// Its value in words.
    pub text: String,
    /// Its value: its share of the area.
    pub value: f64,
    /// Its colour.
    pub ink: Ink,
    /// What it leads to.
    pub leads: Leads,
}

/// What a tile leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    /// To nothing.
    Nowhere,
    /// To what it is made of: the `at` of the next picture.
    Inside(String),
    /// To one row of a listing: what to search for.
    Row(String),
}

#[derive(Clone, Copy)]
struct Room {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

/// Draws the tiles, which stand in order of their values, largest first; returns the `<svg>`.
#[must_use]
pub fn treemap(frame: &Frame, tiles: &[Tile]) -> String {
    let width = f64::from(width_of(frame));
    // Wide pages get a flat picture, phones a square one.
    let height = (width * 0.42).max(260.0).min(width);
    let mut svg = String::from("<svg class=\"chart treemap\" role=\"group\" aria-label=\"");
    push_escaped(&mut svg, &frame.title);
    svg.push_str("\" viewBox=\"0 0 ");
    push(&mut svg, width);
    svg.push(' ');
    push(&mut svg, height);
    svg.push_str("\">");
    let total: f64 = tiles.iter().map(|tile| tile.value).sum();
    if total > 0.0 {
        let areas: Vec<f64> = tiles.iter().map(|tile| tile.value / total * width * height).collect();
        let rooms = squarify(&areas, Room { x: 0.0, y: 0.0, w: width, h: height });
        for (idx, (tile, room)) in tiles.iter().zip(rooms).enumerate() {
            draw(&mut svg, tile, room, idx == 0);
        }
    }
    svg.push_str("</svg>");
    svg
}

/// The room of each area.
fn squarify(areas: &[f64], mut left: Room) -> Vec<Room> {
    let mut rooms = Vec::with_capacity(areas.len());
    let mut rest = areas;
    while let Some(first) = rest.first() {
        // A row lies along the shorter side; it grows while its worst tile becomes squarer.
        let side = left.w.min(left.h).max(f64::MIN_POSITIVE);
        let (mut n, mut sum) = (1, *first);
        let mut worst = ratio(*first, *first, sum, side);
        while let Some(next) = rest.get(n) {
            let grown = ratio(*first, *next, sum + next, side);
            if grown > worst {
                break;
            }
            (n, sum, worst) = (n + 1, sum + next, grown);
        }
        let depth = sum / side;
        let mut at = 0.0;
        for area in rest.get(..n).unwrap_or_default() {
            let length = if sum > 0.0 { area / sum * side } else { 0.0 };
            rooms.push(if left.w >= left.h {
                Room { x: left.x, y: left.y + at, w: depth, h: length }
            } else {
                Room { x: left.x + at, y: left.y, w: length, h: depth }
            });
            at += length;
        }
        if left.w >= left.h {
            left = Room { x: left.x + depth, w: (left.w - depth).max(0.0), ..left };
        } else {
            left = Room { y: left.y + depth, h: (left.h - depth).max(0.0), ..left };
        }
        rest = rest.get(n..).unwrap_or_default();
    }
    rooms
}

/// How far from a square the worst tile of a row is, whose largest and smallest areas these are.
fn ratio(largest: f64, smallest: f64, sum: f64, side: f64) -> f64 {
    let (square, side) = (sum * sum, side * side);
    let of = |area: f64| if area > 0.0 && sum > 0.0 { (side * area / square).max(square / (side * area)) } else { 1e9 };
    of(largest).max(of(smallest))
}

fn draw(svg: &mut String, tile: &Tile, room: Room, is_first: bool) {
    let (role, attribute) = match &tile.leads {
        Leads::Nowhere => ("img", None),
        Leads::Inside(at) => ("button", Some((" data-at=\"", at))),
        Leads::Row(name) => ("button", Some((" data-find=\"", name))),
    };
    svg.push_str("<g class=\"tile\" role=\"");
    svg.push_str(role);
    // Arrow keys move between the tiles; the tab key passes the picture in one step.
    svg.push_str(if is_first { "\" tabindex=\"0\"" } else { "\" tabindex=\"-1\"" });
    if let Some((name, value)) = attribute {
        svg.push_str(name);
        push_escaped(svg, value);
        svg.push('"');
    }
    svg.push_str(" aria-label=\"");
    push_escaped(svg, &tile.label);
    svg.push_str(": ");
    push_escaped(svg, &tile.text);
    svg.push_str("\"><rect class=\"bar ");
    svg.push_str(tile.ink.class());
    for (name, value) in [("\" x=\"", room.x), ("\" y=\"", room.y), ("\" width=\"", room.w), ("\" height=\"", room.h)] {
        svg.push_str(name);
        push(svg, value);
    }
    svg.push_str("\"/>");
    let width = room.w - 12.0;
    // A value is shown whole or not at all; its first part, the size, says the most.
    let value = [tile.text.as_str(), tile.text.split(", ").next().unwrap_or_default()];
    let value = value.into_iter().find(|text| text_width(text, TEXT) <= width).unwrap_or_default();
    for (line, text) in [(1, fit(&tile.label, width)), (2, value.to_owned())] {
        let base = f64::from(LINE * line);
        if room.h < base + 6.0 || text.is_empty() {
            break;
        }
        svg.push_str("<text class=\"on-bar\" font-size=\"12\" x=\"");
        push(svg, room.x + 6.0);
        svg.push_str("\" y=\"");
        push(svg, room.y + base);
        svg.push_str("\">");
        push_escaped(svg, &text);
        svg.push_str("</text>");
    }
    svg.push_str("</g>");
}

/// As much of a text as has room, cut in its middle, because names differ at their ends; nothing when only a few letters
/// would stay.
fn fit(text: &str, room: f64) -> String {
    if text_width(text, TEXT) <= room {
        return text.to_owned();
    }
    let width = |letter: char| text_width(letter.encode_utf8(&mut [0; 4]), TEXT);
    let (mut left, mut front, mut back) = (room - width('…'), String::new(), Vec::new());
    let (mut letters, mut is_back) = (text.chars(), true);
    while let Some(letter) = if is_back { letters.next_back() } else { letters.next() } {
        left -= width(letter);
        if left < 0.0 {
            break;
        }
        if is_back {
            back.push(letter)
        } else {
            front.push(letter)
        }
        is_back = !is_back;
    }
    if back.len() < 2 {
        return String::new();
    }
    front.push('…');
    front.extend(back.iter().rev());
    front
}

fn push(out: &mut String, value: f64) {
    out.push_str(&decimal::fixed(value, 1));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(values: &[f64]) -> Vec<Room> {
        let total: f64 = values.iter().sum();
        let areas: Vec<f64> = values.iter().map(|value| value / total * 600.0).collect();
        squarify(&areas, Room { x: 0.0, y: 0.0, w: 30.0, h: 20.0 })
    }

    #[test]
    fn areas_are_in_proportion_and_fill_the_picture_without_overlap() {
        let values = [6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0];
        let rooms = rooms(&values);
        assert_eq!(rooms.len(), values.len());
        for (room, value) in rooms.iter().zip(values) {
            assert!((room.w * room.h - value / 24.0 * 600.0).abs() < 1e-9);
            assert!(
                room.x >= -1e-9 && room.y >= -1e-9 && room.x + room.w < 30.0 + 1e-9 && room.y + room.h < 20.0 + 1e-9
            );
        }
        for (idx, a) in rooms.iter().enumerate() {
            for b in rooms.iter().skip(idx + 1) {
                let across = (a.x + a.w).min(b.x + b.w) - a.x.max(b.x);
                let down = (a.y + a.h).min(b.y + b.h) - a.y.max(b.y);
                assert!(across < 1e-9 || down < 1e-9);
            }
        }
    }

    #[test]
    fn tiles_are_nearly_square() {
        let rooms = rooms(&[1.0; 24]);
        assert!(rooms.iter().all(|room| room.w / room.h < 2.0 && room.h / room.w < 2.0));
    }

    #[test]
    fn a_name_cannot_leave_its_attribute_or_its_element() {
        let name = "\"><script>alert(1)</script>&\u{7}";
        let tile = |leads| Tile { label: name.to_owned(), text: name.to_owned(), value: 1.0, ink: Ink::Series1, leads };
        let frame = Frame { id: "t".to_owned(), title: name.to_owned(), description: String::new(), width: 800 };
        let svg = treemap(&frame, &[tile(Leads::Inside(name.to_owned())), tile(Leads::Row(name.to_owned()))]);
        assert!(!svg.contains("<script") && !svg.contains('\u{7}'));
        assert_eq!(svg.matches('<').count(), svg.matches('>').count());
    }

    #[test]
    fn a_name_without_room_is_cut_in_its_middle() {
        let check = |text: &str, room, expected: &str| assert_eq!(fit(text, room), expected);
        check("layers_12", 100.0, "layers_12");
        check("layers_12", 52.0, "lay…_12");
        check("layers_12", 12.0, "");
        check("", 12.0, "");
    }

    #[test]
    fn nothing_and_zeros_draw_an_empty_picture() {
        let frame = Frame { id: "t".to_owned(), title: "t".to_owned(), description: String::new(), width: 0 };
        assert!(!treemap(&frame, &[]).contains("<g"));
        let zero = Tile { label: "a".into(), text: "b".into(), value: 0.0, ink: Ink::Plain, leads: Leads::Nowhere };
        assert!(!treemap(&frame, &[zero]).contains("<g"));
    }
}
