//! Puts markup into the document so that what did not change stays: focus, scrolling, what a person opened.
//!
//! Invariant: markup comes from the `markup` room only, which escapes every text.

use leptos::prelude::document;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Node};

/// What is inside an element becomes the markup.
pub(super) fn patch(host: &Element, markup: &str) {
    let Ok(fresh) = document().create_element("div") else { return };
    fresh.set_inner_html(markup);
    children(host, &fresh);
}

fn children(old: &Node, new: &Node) {
    let (mut own, mut next) = (old.first_child(), new.first_child());
    loop {
        match (own.take(), next.take()) {
            (None, None) => return,
            (Some(here), None) => {
                own = here.next_sibling();
                let _ = old.remove_child(&here);
            }
            (None, Some(there)) => {
                next = there.next_sibling();
                let _ = old.append_child(&there);
            }
            (Some(here), Some(there)) => {
                own = here.next_sibling();
                next = there.next_sibling();
                one(old, &here, &there);
            }
        }
    }
}

fn one(parent: &Node, here: &Node, there: &Node) {
    if here.is_equal_node(Some(there)) {
        return;
    }
    match (here.dyn_ref::<Element>(), there.dyn_ref::<Element>()) {
        (Some(own), Some(new)) if own.tag_name() == new.tag_name() && own.id() == new.id() => {
            attributes(own, new);
            children(own, new);
        }
        (None, None) if here.node_type() == there.node_type() => here.set_node_value(there.node_value().as_deref()),
        _ => {
            let _ = parent.replace_child(there, here);
        }
    }
}

fn attributes(own: &Element, new: &Element) {
    for name in own.get_attribute_names().iter().filter_map(|name| name.as_string()) {
        // Whether a fold is open is the person's affair.
        if !new.has_attribute(&name) && name != "open" {
            let _ = own.remove_attribute(&name);
            property(own, &name, &JsValue::FALSE);
        }
    }
    for name in new.get_attribute_names().iter().filter_map(|name| name.as_string()) {
        let value = new.get_attribute(&name).unwrap_or_default();
        if own.get_attribute(&name).as_deref() != Some(&value) && name != "open" {
            let _ = own.set_attribute(&name, &value);
        }
        let is_text = name == "value";
        property(own, &name, &if is_text { JsValue::from_str(&value) } else { JsValue::TRUE });
    }
}

/// What a control shows is a property of its own once a person has touched it.
fn property(own: &Element, name: &str, value: &JsValue) {
    if matches!(name, "checked" | "selected") || (name == "value" && own.tag_name() == "INPUT" && !value.is_falsy()) {
        let _ = js_sys::Reflect::set(own, &JsValue::from_str(name), value);
    }
}
