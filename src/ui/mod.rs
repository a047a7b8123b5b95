//! The page: puts the markup of the view into the document, and turns what a person does into a new scenario.
//!
//! One [`State`] of signals; each region is drawn again when the signals that it reads change, and patched in place.
//! Invariants: no arithmetic on quantities and no formatting of them (the view has the words), no markup of our own, no
//! request to anywhere. Leptos is the reactive system here: its own element types cost more to send than all of the rest.
//! Absent on purpose: a router, a store, and any knowledge about models or devices.

mod acts;
mod element;
pub mod files;
mod link;
mod listing;
mod masthead;
mod opening;
mod patch;
mod picture;
mod region;
mod stage;
mod state;
pub mod worker;

use leptos::prelude::*;

use crate::markup;

use self::state::State;

/// Starts whatever this context is for: the page, or a worker that waits to be called.
pub fn start() {
    if web_sys::window().is_none() {
        return;
    }
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(page);
}

fn page() {
    let theme = masthead::theme();
    masthead::set_theme(&theme);
    if let Some(body) = document().body() {
        let _ = body.insert_adjacent_html("beforeend", &markup::shell(&theme));
    }
    let (scenario, notes) = link::read();
    let state = State::new(scenario, notes, link::panels(), link::tab());
    region::follow(state);
    stage::operations(state);
    stage::package(state);
    link::follow(state);
    acts::follow(state);
}
