//! Icons: the files of `assets/icons`, once in the page and named where they stand. None stands without a word.

use super::Markup;
use crate::{estimate::Status, machine::Unit, report::words};

/// A picture of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// A cross.
    Close,
    /// A folder.
    Open,
    /// An arrow out of a box.
    Share,
    /// A verdict.
    Status(Status),
    /// A compute unit.
    Unit(Unit),
}

const EVERY: [Icon; 10] = [
    Icon::Close,
    Icon::Open,
    Icon::Share,
    Icon::Status(Status::Fits),
    Icon::Status(Status::Tight),
    Icon::Status(Status::Fails),
    Icon::Status(Status::Unknown),
    Icon::Unit(Unit::Ane),
    Icon::Unit(Unit::Gpu),
    Icon::Unit(Unit::Cpu),
];

impl Icon {
    /// The id of the picture, and its file.
    fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Close => ("#i-close", include_str!("../../assets/icons/close.svg")),
            Self::Open => ("#i-open", include_str!("../../assets/icons/open.svg")),
            Self::Share => ("#i-share", include_str!("../../assets/icons/share.svg")),
            Self::Status(Status::Fits) => ("#i-fits", include_str!("../../assets/icons/fits.svg")),
            Self::Status(Status::Tight) => ("#i-tight", include_str!("../../assets/icons/tight.svg")),
            Self::Status(Status::Fails) => ("#i-over", include_str!("../../assets/icons/over.svg")),
            Self::Status(Status::Unknown) => ("#i-unknown", include_str!("../../assets/icons/unknown.svg")),
            Self::Unit(Unit::Ane) => ("#i-ne", include_str!("../../assets/icons/unit-ne.svg")),
            Self::Unit(Unit::Gpu) => ("#i-gpu", include_str!("../../assets/icons/unit-gpu.svg")),
            Self::Unit(Unit::Cpu) => ("#i-cpu", include_str!("../../assets/icons/unit-cpu.svg")),
        }
    }

    /// What a `<use>` refers to.
    #[must_use]
    pub fn reference(self) -> &'static str {
        self.file().0
    }
}

/// Every picture, for the others to refer to.
pub(super) fn sprites(m: &mut Markup) {
    m.put("svg", &[("hidden", ""), ("aria-hidden", "true")], |m| {
        for icon in EVERY {
            let (reference, file) = icon.file();
            let (_, inside) = file.split_once('>').unwrap_or_default();
            m.put("symbol", &[("id", reference.trim_start_matches('#')), ("viewBox", "0 0 16 16")], |m| {
                m.drawn(inside.trim_end().trim_end_matches("</svg>"));
            });
        }
    });
}

/// The value of `data-verdict`.
#[must_use]
pub fn verdict_of(status: Status) -> &'static str {
    match status {
        Status::Fits => "fits",
        Status::Tight => "tight",
        Status::Fails => "over",
        Status::Unknown => "unknown",
    }
}

/// The value of `data-unit`.
#[must_use]
pub fn unit_of(unit: Unit) -> &'static str {
    match unit {
        Unit::Ane => "ne",
        Unit::Gpu => "gpu",
        Unit::Cpu => "cpu",
    }
}

/// A status within text: icon and word.
pub(super) fn badge(m: &mut Markup, status: Status) {
    m.put("span", &[("class", "badge"), ("data-verdict", verdict_of(status))], |m| {
        m.icon(Icon::Status(status));
        m.say("span", &[("class", "word")], words::status(status));
    });
}

/// A compute unit: icon and name.
pub(super) fn chip(m: &mut Markup, unit: Unit) {
    m.put("span", &[("class", "chip"), ("data-unit", unit_of(unit))], |m| {
        m.icon(Icon::Unit(unit));
        m.text(unit.name());
    });
}
