//! The scenario in the address bar: read at the start and when it changes, written a moment after the last change.

use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*};

use crate::{
    desk::PINS_MAX,
    markup::TABS,
    report::controls,
    scenario::{Scenario, url},
};

use super::{
    element::listen,
    region::always,
    state::{State, escaped},
};

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
    let mut address = [page, "#", &state.scenario.with_untracked(url::encode)].concat();
    let mut put = |key: &str, value: &str| {
        address.push_str(key);
        address.push_str(&escaped(value));
    };
    let tab = state.tab.get_untracked();
    // The first part is shown at the start: a link need not say so.
    if TABS.first().is_some_and(|first| first.id != tab) {
        put("&t=", tab);
    }
    let lesson = state.lesson.get_untracked();
    if !lesson.is_empty() {
        put("&l=", &lesson);
    }
    state.pins.with_untracked(|pins| pins.iter().for_each(|pin| put("&c=", pin)));
    address
}

/// Every value of a key of the address.
fn values(key: &str) -> Vec<String> {
    let hash = window().location().hash().unwrap_or_default();
    let pairs = hash.trim_start_matches('#').split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(own, _)| *own == key).map(|(_, value)| url::unescape(value)).collect()
}

/// The part of the page that the address names.
fn named_tab() -> Option<&'static str> {
    let wanted = values("t");
    TABS.iter().find(|tab| wanted.first().is_some_and(|wanted| wanted == tab.id)).map(|tab| tab.id)
}

/// The part of the page that is shown first.
pub(super) fn tab() -> &'static str {
    named_tab().or(TABS.first().map(|tab| tab.id)).unwrap_or_default()
}

/// What the address says besides the plan; what it does not say stays as it is, so that a link to a plan keeps the page.
fn take(state: State) {
    if let Some(tab) = named_tab() {
        state.tab.set(tab);
    }
    let pins = values("c");
    if !pins.is_empty() {
        state.pins.set(pins.into_iter().take(PINS_MAX).collect());
    }
    let query = window().location().search().unwrap_or_default();
    let asked =
        query.trim_start_matches('?').split('&').find_map(|pair| pair.strip_prefix("lesson=").map(str::to_owned));
    if let Some(lesson) = values("l").pop().or(asked) {
        state.lesson.set(lesson);
    }
}

/// The only panels that the page around wants to be shown: `?panel=verdict,matrix`.
pub(super) fn panels() -> Option<Vec<String>> {
    let query = window().location().search().unwrap_or_default();
    let list = query.trim_start_matches('?').split('&').find_map(|pair| pair.strip_prefix("panel="))?;
    let names = list.replace("%2C", ",");
    Some(names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// Keeps the address and the scenario together.
pub(super) fn follow(state: State) {
    take(state);
    let changed = move |_| {
        let (scenario, notes) = read();
        if state.scenario.with_untracked(|own| *own != scenario) {
            state.scenario.set(scenario);
        }
        take(state);
        state.notes.set(notes);
    };
    std::mem::forget(listen(&window(), "hashchange", Box::new(changed)));

    let waiting = StoredValue::new(None::<TimeoutHandle>);
    let is_first = std::cell::Cell::new(true);
    always(Box::new(move || {
        state.scenario.track();
        // The first run is the start: the address is left as the person wrote it.
        if is_first.replace(false) {
            return;
        }
        if let Some(handle) = waiting.get_value() {
            handle.clear();
        }
        waiting.set_value(set_timeout_with_handle(move || write(state), QUIET).ok());
    }));
}

/// Writes the address.
pub(super) fn write(state: State) {
    let Ok(history) = window().history() else { return };
    // A browser that refuses (too many changes, an opaque origin) leaves an old address; sharing still has the new one.
    let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&address(state)));
    // A page that embeds the planner hears of the change (assets/frame.js).
    if let Ok(event) = web_sys::Event::new("planner:change") {
        let _ = window().dispatch_event(&event);
    }
}
