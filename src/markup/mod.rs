//! The page as text: pure functions from a view to HTML, which `ui` puts into the document.
//!
//! Invariants: every text and every attribute is escaped where it is written, so no name in a file can become markup;
//! what is opened is closed; no inline style, no script. What a control does is said by an attribute: `data-press`
//! (click), `data-change`, `data-slide` (input); `ui::acts` knows their words.
//! Absent on purpose: state, the document, and any number or sentence that the view does not already have.

mod answers;
mod icon;
mod matrix;
mod panels;
mod picture;
mod rail;
mod sheet;
mod shell;

pub use answers::{empty, figures, notes, verdict};
pub use icon::{Icon, unit_of, verdict_of};
pub use matrix::matrix;
pub use panels::{known, limits, memory, panel, pictured, placement};
pub use picture::{figure, table};
pub use rail::{Reading, device, model, workload};
pub use sheet::{sheet, sheet_of, waiting};
pub use shell::{DRAWN_BY_WORKER, REGIONS, Region, TABS, Tab, shared, shell, summary, tabs};

/// The value of an attribute that is not written at all.
pub const ABSENT: &str = "\0";

/// The value of a boolean attribute.
#[must_use]
pub fn when(holds: bool) -> &'static str {
    if holds { "" } else { ABSENT }
}

/// The value of an attribute of ARIA that is `true` or `false`.
#[must_use]
pub fn truth(holds: bool) -> &'static str {
    if holds { "true" } else { "false" }
}

/// Attributes with their values.
pub type Attributes<'a> = &'a [(&'a str, &'a str)];

/// HTML in the making.
#[derive(Default)]
pub struct Markup {
    text: String,
    open: Vec<&'static str>,
}

impl Markup {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens an element; [`Self::close`] ends it.
    pub fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.start(tag, attributes);
        self.open.push(tag);
    }

    /// Ends the innermost element.
    pub fn close(&mut self) {
        if let Some(tag) = self.open.pop() {
            self.text.push_str("</");
            self.text.push_str(tag);
            self.text.push('>');
        }
    }

    /// An element with whatever `inside` writes in it.
    pub fn put(&mut self, tag: &'static str, attributes: Attributes<'_>, inside: impl FnOnce(&mut Self)) {
        self.open(tag, attributes);
        inside(self);
        self.close();
    }

    /// An element with a text in it.
    pub fn say(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.open(tag, attributes);
        self.text(text);
        self.close();
    }

    /// An element that never has anything in it, such as `<input>`.
    pub fn void(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.start(tag, attributes);
    }

    /// Text.
    pub fn text(&mut self, text: &str) {
        escape(&mut self.text, text);
    }

    /// A term of the glossary: a press opens its definition.
    pub fn term(&mut self, id: &str, text: &str) {
        let attributes = [
            ("class", "term"),
            ("type", "button"),
            ("aria-haspopup", "dialog"),
            ("data-press", "why"),
            ("data-key", &*["word:", id].concat()),
        ];
        self.say("button", &attributes, text);
    }

    /// An icon.
    pub fn icon(&mut self, icon: Icon) {
        self.put("svg", &[("class", "icon"), ("aria-hidden", "true")], |m| {
            m.say("use", &[("href", icon.reference())], "");
        });
    }

    /// The whole.
    #[must_use]
    pub fn done(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }

    /// Markup of a chart, which that room has escaped, or of an icon's file.
    pub(crate) fn drawn(&mut self, svg: &str) {
        self.text.push_str(svg);
    }

    fn start(&mut self, tag: &str, attributes: Attributes<'_>) {
        self.text.push('<');
        self.text.push_str(tag);
        for (name, value) in attributes {
            if *value == ABSENT {
                continue;
            }
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(&mut self.text, value);
            self.text.push('"');
        }
        self.text.push('>');
    }
}

/// Writes a text so that it is nothing but text, in an element or between double quotes.
fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // What no text shows: HTML has no way to write it.
            '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}' => out.push('\u{fffd}'),
            // A file's name must not turn the text around it the other way.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
}
