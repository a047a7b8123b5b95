//! Elements made by hand, for parts of the page that change many times a second.
//!
//! Invariant: text is set as text; nothing here takes markup.

use js_sys::Array;
use leptos::prelude::document;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Blob, BlobPropertyBag, Element, Event, EventTarget, HtmlAnchorElement, HtmlElement, Url};

/// An element with its class and its attributes.
pub(super) fn element(tag: &str, class: &str, attributes: &[(&str, &str)]) -> Element {
    // Only a tag that is no word is refused, and ours are constants.
    let element = document().create_element(tag).unwrap_or_else(|error| error.unchecked_into());
    if !class.is_empty() {
        element.set_class_name(class);
    }
    for (name, value) in attributes {
        set(&element, name, value);
    }
    element
}

/// An element with a text in it.
pub(super) fn said(tag: &str, class: &str, text: &str) -> Element {
    let element = element(tag, class, &[]);
    element.set_text_content(Some(text));
    element
}

/// A button that the panel knows by one of its attributes.
pub(super) fn button(class: &str, text: &str, does: &str, what: &str) -> Element {
    let button = element("button", class, &[("type", "button"), (does, what)]);
    button.set_text_content(Some(text));
    button
}

/// An element with others in it.
pub(super) fn around(tag: &str, class: &str, children: &[&Element]) -> Element {
    let parent = element(tag, class, &[]);
    add(&parent, children);
    parent
}

/// Appends elements.
pub(super) fn add(parent: &Element, children: &[&Element]) {
    for child in children {
        // Refused for an element inside itself only.
        let _ = parent.append_child(child);
    }
}

/// Takes everything out of an element.
pub(super) fn clear(element: &Element) {
    element.set_text_content(None);
}

/// Sets an attribute.
pub(super) fn set(element: &Element, name: &str, value: &str) {
    let _ = element.set_attribute(name, value);
}

/// Moves the focus to an element; one of SVG has the same `focus` as one of HTML.
pub(super) fn focus(element: &Element) {
    let _ = element.unchecked_ref::<HtmlElement>().focus();
}

/// A listener that lives as long as this value.
pub(super) struct Listener(
    #[allow(dead_code, reason = "held so that the browser may call it")] Closure<dyn FnMut(Event)>,
);

/// Listens to the events of an element.
pub(super) fn listen(element: &EventTarget, name: &str, act: Box<dyn FnMut(Event)>) -> Listener {
    let closure = Closure::wrap(act);
    let _ = element.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
    Listener(closure)
}

/// The element that an event came from, or the nearest around it that a selector names.
pub(super) fn source(event: &Event, selector: &str) -> Option<Element> {
    let target: JsValue = event.target()?.into();
    target.dyn_into::<Element>().ok()?.closest(selector).ok()?
}

/// A number that an attribute holds.
pub(super) fn number_of(element: &Element, name: &str) -> Option<usize> {
    element.get_attribute(name)?.parse().ok()
}

/// Hands a text to the browser to keep.
pub(super) fn save(name: &str, media_type: &str, text: &str) {
    let options = BlobPropertyBag::new();
    options.set_type(media_type);
    let parts = Array::of1(&JsValue::from_str(text));
    let Ok(blob) = Blob::new_with_str_sequence_and_options(&parts, &options) else { return };
    if let Ok(url) = Url::create_object_url_with_blob(&blob) {
        save_url(name, &url);
        // The browser has taken the file over by now.
        let _ = Url::revoke_object_url(&url);
    }
}

/// Hands what an address stands for to the browser to keep.
pub(super) fn save_url(name: &str, url: &str) {
    let link = element("a", "", &[("href", url), ("download", name)]);
    link.unchecked_ref::<HtmlAnchorElement>().click();
}
