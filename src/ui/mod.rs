//! The page: draws `report::view`, edits a `Scenario`, reads files.
//!
//! Invariant: no arithmetic on quantities and no formatting of them, no words about plans. Absent on purpose: a router,
//! a state library, inline styles.

pub mod files;
pub mod worker;

/// Starts whatever this context is for: the page, or a worker that waits to be called.
pub fn start() {
    if web_sys::window().is_some() {
        console_error_panic_hook::set_once();
        mount();
    }
}

fn mount() {}
