//! The plotters backend: writes SVG text in which colours are class names.
//!
//! Plotters works in whole pixels, so everything is drawn ten times too large and written with one decimal.
//! A "colour" is a code of (role, ink) that never reaches the page: it becomes `class="bar series-2"`.
//! Deliberately absent: bitmaps and single pixels (no chart of ours has any) and every question to a font.

use std::convert::Infallible;

use plotters::style::{RGBAColor, ShapeStyle};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontTransform,
};

/// Units of plotters for one unit of the view box.
pub(super) const FINE: i32 = 10;

/// Whose datum it is: a colour of the palette in `tokens.css`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the palette is numbered; the compute units have their own colours")]
pub enum Ink {
    Series1,
    Series2,
    Series3,
    Series4,
    Series5,
    Series6,
    NeuralEngine,
    Gpu,
    Cpu,
    Plain,
}

const INKS: [Ink; 10] = [
    Ink::Series1,
    Ink::Series2,
    Ink::Series3,
    Ink::Series4,
    Ink::Series5,
    Ink::Series6,
    Ink::NeuralEngine,
    Ink::Gpu,
    Ink::Cpu,
    Ink::Plain,
];

impl Ink {
    /// Its class in the SVG and on the swatch of a legend.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Series1 => "series-1",
            Self::Series2 => "series-2",
            Self::Series3 => "series-3",
            Self::Series4 => "series-4",
            Self::Series5 => "series-5",
            Self::Series6 => "series-6",
            Self::NeuralEngine => "unit-ne",
            Self::Gpu => "unit-gpu",
            Self::Cpu => "unit-cpu",
            Self::Plain => "",
        }
    }
}

/// What a shape does in the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Bar,
    Band,
    Curve,
    Dot,
    Whisker,
    Halo,
    Axis,
    Grid,
    Text,
    Note,
    Limit,
    LimitText,
    Reference,
    ReferenceText,
    Chosen,
    Frontier,
    OnBar,
    Ring,
    Picked,
}

const ROLES: [Role; 19] = [
    Role::Bar,
    Role::Band,
    Role::Curve,
    Role::Dot,
    Role::Whisker,
    Role::Halo,
    Role::Axis,
    Role::Grid,
    Role::Text,
    Role::Note,
    Role::Limit,
    Role::LimitText,
    Role::Reference,
    Role::ReferenceText,
    Role::Chosen,
    Role::Frontier,
    Role::OnBar,
    Role::Ring,
    Role::Picked,
];

impl Role {
    fn class(self) -> &'static str {
        match self {
            Self::Bar => "bar",
            Self::Band => "band",
            Self::Curve => "curve",
            Self::Dot => "dot",
            Self::Whisker => "whisker",
            Self::Halo => "halo",
            Self::Axis => "axis",
            Self::Grid => "grid",
            Self::Text => "text",
            Self::Note => "note",
            Self::Limit => "limit",
            Self::LimitText => "limit-text",
            Self::Reference => "reference",
            Self::ReferenceText => "reference-text",
            Self::Chosen => "chosen",
            Self::Frontier => "frontier",
            Self::OnBar => "on-bar",
            Self::Ring => "ring",
            Self::Picked => "picked",
        }
    }
}

/// The sentinel colour of a role and an ink. Zero is left free: it is no code of ours.
pub(super) fn color(role: Role, ink: Ink) -> BackendColor {
    BackendColor { alpha: 1.0, rgb: (role as u8 + 1, ink as u8 + 1, 0) }
}

/// A stroke.
pub(super) fn stroke(role: Role, ink: Ink) -> ShapeStyle {
    let (role, ink, _) = color(role, ink).rgb;
    ShapeStyle { color: RGBAColor(role, ink, 0, 1.0), filled: false, stroke_width: 1 }
}

/// A filled shape.
pub(super) fn fill(role: Role, ink: Ink) -> ShapeStyle {
    ShapeStyle { filled: true, ..stroke(role, ink) }
}

/// Nothing is drawn with it.
pub(super) fn invisible() -> ShapeStyle {
    ShapeStyle { color: RGBAColor(0, 0, 0, 0.0), filled: false, stroke_width: 0 }
}

/// Width of a text in the interface font at a size, from a table of letter widths: close enough to place labels,
/// and the same everywhere.
#[must_use]
pub fn text_width(text: &str, size: f64) -> f64 {
    let ems: f64 = text
        .chars()
        .map(|letter| match letter {
            'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '\u{2009}' => 0.27,
            ' ' | 'f' | 't' | 'r' | 'I' | '(' | ')' | '[' | ']' | '/' | '-' => 0.36,
            'm' | 'w' | 'M' | 'W' | '@' | '%' | '→' | '—' | '…' => 0.95,
            'A'..='Z' => 0.68,
            _ => 0.6,
        })
        .sum();
    ems * size
}

/// The backend. `svg` receives elements only; the `<svg>` around them is written by the sheet.
pub(super) struct Svg<'a> {
    pub(super) svg: &'a mut String,
    /// Width and height in fine units.
    pub(super) size: (u32, u32),
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl Svg<'_> {
    fn open(&mut self, element: &str, color: BackendColor) {
        self.svg.push('<');
        self.svg.push_str(element);
        let (role, ink, _) = color.rgb;
        let role = ROLES.get(usize::from(role).wrapping_sub(1)).map_or("", |role| role.class());
        let ink = INKS.get(usize::from(ink).wrapping_sub(1)).map_or("", |ink| ink.class());
        self.svg.push_str(" class=\"");
        self.svg.push_str(role);
        if !ink.is_empty() {
            self.svg.push(' ');
            self.svg.push_str(ink);
        }
        self.svg.push('"');
    }

    fn number(&mut self, name: &str, fine: i32) {
        self.svg.push(' ');
        self.svg.push_str(name);
        self.svg.push_str("=\"");
        push_fine(self.svg, fine);
        self.svg.push('"');
    }

    fn points(&mut self, points: impl IntoIterator<Item = BackendCoord>) {
        self.svg.push_str(" points=\"");
        for (idx, (x, y)) in points.into_iter().enumerate() {
            if idx > 0 {
                self.svg.push(' ');
            }
            push_fine(self.svg, x);
            self.svg.push(',');
            push_fine(self.svg, y);
        }
        self.svg.push_str("\"/>");
    }
}

impl DrawingBackend for Svg<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, _: BackendCoord, _: BackendColor) -> Drawn {
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        let color = style.color();
        if color.alpha > 0.0 {
            self.open("line", color);
            self.number("x1", from.0);
            self.number("y1", from.1);
            self.number("x2", to.0);
            self.number("y2", to.1);
            self.svg.push_str("/>");
        }
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, _: bool) -> Drawn {
        let color = style.color();
        if color.alpha > 0.0 {
            self.open("rect", color);
            self.number("x", a.0.min(b.0));
            self.number("y", a.1.min(b.1));
            self.number("width", (b.0 - a.0).abs());
            self.number("height", (b.1 - a.1).abs());
            self.svg.push_str("/>");
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        let color = style.color();
        if color.alpha > 0.0 {
            self.open("polyline", color);
            self.points(path);
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, center: BackendCoord, radius: u32, style: &S, _: bool) -> Drawn {
        let color = style.color();
        if color.alpha > 0.0 {
            self.open("circle", color);
            self.number("cx", center.0);
            self.number("cy", center.1);
            self.number("r", i32::try_from(radius).unwrap_or(0));
            self.svg.push_str("/>");
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, corners: I, style: &S) -> Drawn {
        let color = style.color();
        if color.alpha > 0.0 {
            self.open("polygon", color);
            self.points(corners);
        }
        Ok(())
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, at: BackendCoord) -> Drawn {
        let color = style.color();
        if color.alpha <= 0.0 || text.is_empty() {
            return Ok(());
        }
        let size = style.size();
        // SVG places the baseline; the anchor is the top, middle or bottom of a line of capitals.
        let drop = match style.anchor().v_pos {
            VPos::Top => 0.85 * size,
            VPos::Center => 0.35 * size,
            VPos::Bottom => -0.2 * size,
        };
        self.open("text", color);
        self.number("x", at.0);
        self.number("y", at.1 + drop as i32);
        self.number("font-size", size as i32);
        match style.anchor().h_pos {
            HPos::Left => {}
            HPos::Center => self.svg.push_str(" text-anchor=\"middle\""),
            HPos::Right => self.svg.push_str(" text-anchor=\"end\""),
        }
        let turn = match style.transform() {
            FontTransform::None => "",
            FontTransform::Rotate90 => "90",
            FontTransform::Rotate180 => "180",
            FontTransform::Rotate270 => "-90",
        };
        if !turn.is_empty() {
            self.svg.push_str(" transform=\"rotate(");
            self.svg.push_str(turn);
            self.svg.push(' ');
            push_fine(self.svg, at.0);
            self.svg.push(' ');
            push_fine(self.svg, at.1);
            self.svg.push_str(")\"");
        }
        self.svg.push('>');
        push_escaped(self.svg, text);
        self.svg.push_str("</text>");
        Ok(())
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        text: &str,
        style: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        Ok((text_width(text, style.size()) as u32, style.size() as u32))
    }
}

/// Writes fine units as view box units with at most one decimal.
fn push_fine(out: &mut String, fine: i32) {
    if fine < 0 {
        out.push('-');
    }
    let fine = fine.unsigned_abs();
    out.push_str(&(fine / FINE as u32).to_string());
    let tenth = fine % FINE as u32;
    if tenth > 0 {
        out.push('.');
        out.push_str(&tenth.to_string());
    }
}

/// Writes text so that it can stand in an element or an attribute.
pub(super) fn push_escaped(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Control characters are not allowed in XML at all.
            '\u{0}'..='\u{1f}' => out.push(' '),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_roles_and_inks_lead_back_to_them() {
        for (idx, role) in ROLES.iter().enumerate() {
            assert_eq!(*role as usize, idx);
        }
        for (idx, ink) in INKS.iter().enumerate() {
            assert_eq!(*ink as usize, idx);
        }
    }

    #[test]
    fn coordinates_have_at_most_one_decimal() {
        let check = |fine, expected: &str| {
            let mut out = String::new();
            push_fine(&mut out, fine);
            assert_eq!(out, expected);
        };
        check(1234, "123.4");
        check(1230, "123");
        check(-5, "-0.5");
        check(0, "0");
    }

    #[test]
    fn text_cannot_close_its_element() {
        let mut out = String::new();
        push_escaped(&mut out, "a<b>&\"c\"\n");
        assert_eq!(out, "a&lt;b&gt;&amp;&quot;c&quot; ");
    }
}
