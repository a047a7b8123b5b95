//! Icons: the files of `assets/icons`, inline. An icon never stands without a word.

use leptos::prelude::*;

use crate::{estimate::Status, machine::Unit, report::words};

#[derive(Clone, Copy)]
pub(super) enum Icon {
    Close,
    Open,
    Share,
    Status(Status),
    Unit(Unit),
}

impl Icon {
    fn svg(self) -> &'static str {
        match self {
            Self::Close => include_str!("../../assets/icons/close.svg"),
            Self::Open => include_str!("../../assets/icons/open.svg"),
            Self::Share => include_str!("../../assets/icons/share.svg"),
            Self::Status(Status::Fits) => include_str!("../../assets/icons/fits.svg"),
            Self::Status(Status::Tight) => include_str!("../../assets/icons/tight.svg"),
            Self::Status(Status::Fails) => include_str!("../../assets/icons/over.svg"),
            Self::Status(Status::Unknown) => include_str!("../../assets/icons/unknown.svg"),
            Self::Unit(Unit::Ane) => include_str!("../../assets/icons/unit-ne.svg"),
            Self::Unit(Unit::Gpu) => include_str!("../../assets/icons/unit-gpu.svg"),
            Self::Unit(Unit::Cpu) => include_str!("../../assets/icons/unit-cpu.svg"),
        }
    }
}

/// The icon. Its box is `display: contents`, so the `<svg>` lies as if it stood here itself.
pub(super) fn icon(icon: Icon) -> AnyView {
    view! { <span class="icon-box" inner_html=icon.svg()></span> }.into_any()
}

/// The value of `data-verdict`.
pub(super) fn verdict_of(status: Status) -> &'static str {
    match status {
        Status::Fits => "fits",
        Status::Tight => "tight",
        Status::Fails => "over",
        Status::Unknown => "unknown",
    }
}

/// The value of `data-unit`.
pub(super) fn unit_of(unit: Unit) -> &'static str {
    match unit {
        Unit::Ane => "ne",
        Unit::Gpu => "gpu",
        Unit::Cpu => "cpu",
    }
}

/// A status within text: icon and word.
pub(super) fn badge(status: Status) -> AnyView {
    view! {
        <span class="badge" data-verdict=verdict_of(status)>
            {icon(Icon::Status(status))}<span class="word">{words::status(status)}</span>
        </span>
    }
    .into_any()
}

/// A compute unit: icon and name.
pub(super) fn chip(unit: Unit) -> AnyView {
    view! { <span class="chip" data-unit=unit_of(unit)>{icon(Icon::Unit(unit))}{unit.name()}</span> }.into_any()
}
