//! What a person does, as a new state. One listener for each kind of event: what a control does is an attribute of it.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{DragEvent, Element, Event, HtmlInputElement, HtmlSelectElement, KeyboardEvent};

use super::{
    element::{focus, listen, number_of, save, source},
    link, masthead, opening, picture,
    state::{State, escaped},
};
use crate::{
    desk::PINS_MAX,
    markup::TABS,
    report::controls::{self, MOST_TOKENS, NUMBERS, PROMPT_STEPS, TOKEN_STEPS},
    scenario::{DeviceRef, ModelRef, Pick, Scenario, url},
    texts::page,
    units::decimal,
};

/// Listens as long as the page is open.
pub(super) fn follow(state: State) {
    let Some(body) = document().body() else { return };
    for name in ["click", "change", "input", "keydown", "pointerover", "focusin", "dragover", "dragleave", "drop"] {
        std::mem::forget(listen(&body, name, Box::new(move |event| act(state, &event))));
    }
    if let Some(sheet) = document().get_element_by_id("sheet") {
        std::mem::forget(listen(&sheet, "close", Box::new(move |_| state.explained.set(None))));
    }
}

fn act(state: State, event: &Event) {
    // Whoever moves will ask for more than the page has: the worker is there by then.
    state.come_near();
    match event.type_().as_str() {
        "click" => {
            if let Some(pressed) = source(event, "[data-press]") {
                press(state, event, &pressed);
            }
        }
        "change" => {
            if let Some(changed) = source(event, "[data-change]") {
                change(state, &changed);
            } else if let Some(field) = source(event, "[data-field]") {
                fill(state, &field);
            }
        }
        "input" => {
            if let Some(slid) = source(event, "[data-slide]") {
                slide(state, &slid);
            }
        }
        "keydown" => step(state, event.unchecked_ref()),
        "pointerover" | "focusin" => point(event),
        _ => drag(state, event.unchecked_ref()),
    }
}

fn word(element: &Element, name: &str) -> String {
    element.get_attribute(name).unwrap_or_default()
}

fn press(state: State, event: &Event, pressed: &Element) {
    match word(pressed, "data-press").as_str() {
        "skip" => {
            // Moves the focus without touching the address, which holds the scenario.
            event.prevent_default();
            if let Some(answers) = document().get_element_by_id("answers") {
                focus(&answers);
            }
        }
        "pick" => {
            let pick = Pick::from_id(&word(pressed, "data-pick"));
            if pick.is_some() {
                state.scenario.update(|scenario| scenario.pick = pick);
            }
        }
        "recommended" => state.scenario.update(|scenario| scenario.pick = None),
        "why" => state.explained.set(pressed.get_attribute("data-key")),
        "close" => state.explained.set(None),
        // A press on the dialog itself, and not on something in it, is a press on the backdrop.
        "backdrop" if source(event, "*").as_ref() == Some(pressed) => state.explained.set(None),
        "dismiss" => state.notes.set(Vec::new()),
        "share" => masthead::share(state),
        "rail" => state.rail_is_open.update(|open| *open = !*open),
        "cancel" => opening::cancel(state),
        "device" => choose_device(state, &word(pressed, "data-id")),
        "pin" => {
            let link = state.scenario.with_untracked(|scenario| {
                let pick = state.answer.with_untracked(|answer| answer.as_ref().ok()?.as_ref()?.pick());
                url::encode(&Scenario { pick: scenario.pick.or(pick), ..scenario.clone() })
            });
            state.pins.update(|pins| {
                pins.retain(|own| *own != link);
                pins.push(link);
                // The oldest makes room.
                if pins.len() > PINS_MAX {
                    pins.remove(0);
                }
            });
            link::write(state);
        }
        "unpin" => {
            if let Some(at) = number_of(pressed, "data-at") {
                state.pins.update(|pins| {
                    if at < pins.len() {
                        pins.remove(at);
                    }
                });
                link::write(state);
            }
        }
        "copy" => {
            if let Some(text) = text_of(pressed) {
                let pressed = pressed.clone();
                wasm_bindgen_futures::spawn_local(async move {
                    let copied = masthead::copy(&text).await;
                    pressed.set_text_content(Some(if copied { page::COPIED } else { page::NOT_COPIED }));
                });
            }
        }
        "save" => {
            if let Some(text) = text_of(pressed) {
                save(&word(pressed, "data-name"), "text/plain", &text);
            }
        }
        "show" => {
            if let Some(target) = document().get_element_by_id(&word(pressed, "data-of")) {
                target.scroll_into_view();
            }
        }
        "save-picture" => picture::save_picture(pressed),
        "tab" => {
            let id = word(pressed, "data-id");
            if let Some(tab) = TABS.iter().find(|tab| tab.id == id) {
                state.tab.set(tab.id);
                link::write(state);
            }
        }
        _ => {}
    }
}

fn choose_device(state: State, id: &str) {
    state.wrong.set(None);
    state.scenario.update(|scenario| controls::choose_device(scenario, id));
}

fn change(state: State, changed: &Element) {
    let input = changed.unchecked_ref::<HtmlInputElement>();
    let value = match changed.dyn_ref::<HtmlSelectElement>() {
        Some(select) => select.value(),
        None => input.value(),
    };
    match word(changed, "data-change").as_str() {
        "text-file" => read_text(state, changed, input),
        "model" => choose_model(state, value),
        "device" => choose_device(state, &value),
        "ram" => {
            if let Some(gib) = decimal::parse(&value) {
                state.scenario.update(|scenario| {
                    if let DeviceRef::Known { ram_gib, .. } = &mut scenario.device {
                        *ram_gib = Some(gib);
                    }
                });
            }
        }
        "os" => {
            if let Ok(version) = value.parse::<u8>() {
                state.scenario.update(|scenario| scenario.os = version);
            }
        }
        "entitled" => state.scenario.update(|scenario| scenario.entitled = input.checked()),
        "everything" => state.everything.set(input.checked()),
        "theme" => masthead::set_theme(&value),
        "file" => opening::picked(state, input),
        "own" => own_number(state, &changed.id(), &value),
        id @ ("context" | "prompt") => match value.parse::<u32>() {
            Ok(tokens) => put(state, id, tokens.clamp(1, MOST_TOKENS)),
            // Whatever is no number goes back to the last one.
            Err(_) => input.set_value(&input.default_value()),
        },
        _ => {}
    }
}

/// The panel that a control stands in.
fn panel_of(control: &Element) -> Option<(Element, String)> {
    let region = control.closest(".region").ok().flatten()?;
    let name = region.id().strip_prefix("r-")?.to_owned();
    Some((region, name))
}

/// A field of a panel's form has changed: the panel is asked with the whole form.
fn fill(state: State, field: &Element) {
    let Some((region, name)) = panel_of(field) else { return };
    let Ok(fields) = region.query_selector_all("[data-field]") else { return };
    let mut form = Vec::new();
    for idx in 0..fields.length() {
        let Some(own) = fields.get(idx).and_then(|own| own.dyn_into::<Element>().ok()) else { continue };
        let input = own.unchecked_ref::<HtmlInputElement>();
        let value = match own.dyn_ref::<HtmlSelectElement>() {
            Some(select) => select.value(),
            None if input.type_() == "file" || (input.type_() == "radio" && !input.checked()) => continue,
            None => input.value(),
        };
        form.push([&*word(&own, "data-field"), "=", &escaped(&value)].concat());
    }
    state.ask_more(&name, form.join("&"));
}

/// A text file for a panel: read here, and given to the worker.
fn read_text(state: State, field: &Element, input: &HtmlInputElement) {
    let (Some((_, panel)), Some(file)) = (panel_of(field), input.files().and_then(|files| files.get(0))) else {
        return;
    };
    let name = word(field, "data-field");
    input.set_value("");
    wasm_bindgen_futures::spawn_local(async move {
        let text = wasm_bindgen_futures::JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
        // A file that cannot be read is an empty one: the panel says so.
        let text = text.filter(|text| !text.is_empty()).unwrap_or_else(|| " ".to_owned());
        state.ask_more(&panel, [&*name, "=", &escaped(&text)].concat());
    });
}

/// The text of what a control is for.
fn text_of(control: &Element) -> Option<String> {
    document().get_element_by_id(&word(control, "data-of"))?.text_content()
}

fn choose_model(state: State, id: String) {
    let model = match (id.is_empty(), state.package.get_untracked()) {
        (true, Some(name)) => ModelRef::Package(name),
        (true, None) => return,
        (false, _) => ModelRef::Preset(id),
    };
    state.scenario.update(|scenario| {
        scenario.model = model;
        scenario.pick = None;
    });
}

/// A number of an own device: the scenario keeps the last good one while the field says what is wrong.
fn own_number(state: State, id: &str, value: &str) {
    let Some(number) = NUMBERS.iter().find(|number| number.id == id) else { return };
    let value = decimal::parse(value).filter(|value| (number.low..=number.high).contains(value));
    state.wrong.set(value.is_none().then(|| id.to_owned()));
    let Some(value) = value else { return };
    state.scenario.update(|scenario| {
        if let DeviceRef::Custom(device) = &mut scenario.device {
            (number.set)(device, value);
        }
    });
}

fn slide(state: State, slid: &Element) {
    let id = word(slid, "data-slide");
    let steps: &[u32] = if id == "context" { &TOKEN_STEPS } else { &PROMPT_STEPS };
    let step = slid.unchecked_ref::<HtmlInputElement>().value().parse::<usize>().ok();
    if let Some(tokens) = step.and_then(|step| steps.get(step)) {
        put(state, &id, *tokens);
    }
}

fn put(state: State, id: &str, tokens: u32) {
    let is_new = state
        .scenario
        .with_untracked(|scenario| tokens != if id == "context" { scenario.context } else { scenario.prompt });
    if is_new {
        state.scenario.update(|scenario| match id {
            "context" => scenario.context = tokens,
            _ => scenario.prompt = tokens,
        });
    }
}

/// Arrow keys move the focus from mark to mark of a chart; a shape hears no click of the keyboard, so it is pressed here.
fn step(state: State, event: &KeyboardEvent) {
    let Some(mark) = source(event, ".mark") else { return };
    let next = match event.key().as_str() {
        "ArrowRight" | "ArrowDown" => mark.next_element_sibling(),
        "ArrowLeft" | "ArrowUp" => mark.previous_element_sibling(),
        "Enter" | " " => {
            event.prevent_default();
            return press(state, event, &mark);
        }
        _ => return,
    };
    event.prevent_default();
    if let Some(next) = next {
        focus(&next);
    }
}

/// Says what is pointed at, under its chart or the matrix; a link to copy is selected.
fn point(event: &Event) {
    if let Some(cell) = source(event, ".cell") {
        if let Some(readout) = document().query_selector(".matrix-readout").ok().flatten() {
            let name = cell.first_element_child().and_then(|name| name.text_content()).unwrap_or_default();
            readout.set_text_content(Some(&[name, word(&cell, "title")].concat()));
        }
        return;
    }
    if let Some(mark) = source(event, ".mark") {
        let figure = mark.closest("figure").ok().flatten();
        if let Some(readout) = figure.and_then(|figure| figure.query_selector(".chart-readout").ok().flatten()) {
            readout.set_text_content(mark.get_attribute("aria-label").as_deref());
        }
    } else if let Some(link) = source(event, "input[data-all]") {
        link.unchecked_ref::<HtmlInputElement>().select();
    }
}

fn drag(state: State, event: &DragEvent) {
    // Anywhere on the page: a file that misses the field would replace the page.
    event.prevent_default();
    match event.type_().as_str() {
        "dragover" => state.is_over.set(true),
        "drop" => {
            state.is_over.set(false);
            if let Some(transfer) = event.data_transfer() {
                opening::dropped(state, &transfer);
            }
        }
        _ => state.is_over.set(false),
    }
}
