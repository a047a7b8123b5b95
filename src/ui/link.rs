//! The scenario in the address bar: read at the start and when it changes, written a moment after the last change.

use leptos::{ev, leptos_dom::helpers::TimeoutHandle, prelude::*};

use crate::{
    report::controls,
    scenario::{Scenario, url},
};

use super::state::State;

use std::time::Duration;

const QUIET: Duration = Duration::from_millis(250);

/// The scenario that the address names, and what was wrong with it.
pub(super) fn read() -> (Scenario, Vec<String>) {
    let hash = window().location().hash().unwrap_or_default();
    let (mut scenario, mut notes) = url::decode(&hash);
    notes.extend(controls::repair(&mut scenario));
    (scenario, notes)
}

/// The address of the scenario as it is now.
pub(super) fn address(state: State) -> String {
    let location = window().location();
    let page = location.href().unwrap_or_default();
    let page = page.split('#').next().unwrap_or_default();
    format!("{page}#{}", state.scenario.with_untracked(url::encode))
}

/// Keeps the address and the scenario together.
pub(super) fn follow(state: State) {
    let handle = window_event_listener(ev::hashchange, move |_| {
        let (scenario, notes) = read();
        if state.scenario.with_untracked(|own| *own != scenario) {
            state.scenario.set(scenario);
        }
        state.notes.set(notes);
    });
    on_cleanup(move || handle.remove());

    let waiting = StoredValue::new(None::<TimeoutHandle>);
    Effect::new(move |before: Option<()>| {
        state.scenario.track();
        // The first run is the start: the address is left as the person wrote it.
        if before.is_some() {
            if let Some(handle) = waiting.get_value() {
                handle.clear();
            }
            waiting.set_value(set_timeout_with_handle(move || write(state), QUIET).ok());
        }
    });
}

fn write(state: State) {
    let Ok(history) = window().history() else { return };
    // A browser that refuses (too many changes, an opaque origin) leaves an old address; sharing still has the new one.
    let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&address(state)));
    // A page that embeds the planner hears of the change (assets/frame.js).
    if let Ok(event) = web_sys::Event::new("planner:change") {
        let _ = window().dispatch_event(&event);
    }
}
