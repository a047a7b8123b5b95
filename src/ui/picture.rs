//! Saving a chart: as SVG with its colours written in, and as PNG.
//!
//! A chart has classes and no colours; on its own it would be black. The computed style of each of its elements is
//! written into a copy, as attributes.

use leptos::prelude::{document, window};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{CanvasRenderingContext2d, Element, HtmlCanvasElement, HtmlImageElement};

use super::element::{save, save_url, set};

/// What a chart's style sheet may set.
const STYLES: [&str; 9] = [
    "fill",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "opacity",
    "font-family",
    "font-size",
    "font-weight",
    "fill-opacity",
];

/// Saves the chart beside the control that was pressed.
pub(super) fn save_picture(pressed: &Element) {
    let Some(figure) = pressed.closest("figure").ok().flatten() else { return };
    let Some(svg) = figure.query_selector(".chart-drawing svg").ok().flatten() else { return };
    let name = figure.get_attribute("data-name").unwrap_or_else(|| "chart".to_owned());
    let Some((text, width, height)) = alone(&svg) else { return };
    if pressed.get_attribute("data-form").as_deref() == Some("PNG") {
        rasterize([&name, ".png"].concat(), &text, width, height);
    } else {
        save(&[&name, ".svg"].concat(), "image/svg+xml", &text);
    }
}

/// The chart as a file of its own, with its size in CSS pixels.
fn alone(svg: &Element) -> Option<(String, f64, f64)> {
    let copy = svg.clone_node_with_deep(true).ok()?.dyn_into::<Element>().ok()?;
    let (own, new) = (svg.query_selector_all("*").ok()?, copy.query_selector_all("*").ok()?);
    for idx in 0..own.length() {
        let (Some(own), Some(new)) = (own.get(idx), new.get(idx)) else { continue };
        dress(own.unchecked_ref(), new.unchecked_ref());
    }
    dress(svg, &copy);
    let area = svg.get_bounding_client_rect();
    set(&copy, "width", &area.width().to_string());
    set(&copy, "height", &area.height().to_string());
    Some((copy.outer_html(), area.width(), area.height()))
}

fn dress(own: &Element, new: &Element) {
    let Ok(Some(style)) = window().get_computed_style(own) else { return };
    for name in STYLES {
        let value = style.get_property_value(name).unwrap_or_default();
        if !value.is_empty() {
            set(new, name, &value);
        }
    }
}

fn rasterize(name: String, svg: &str, width: f64, height: f64) {
    let Ok(image) = HtmlImageElement::new() else { return };
    let drawn = image.clone();
    let loaded = Closure::once_into_js(move || draw(&name, &drawn, width, height));
    image.set_onload(Some(loaded.unchecked_ref()));
    image.set_src(&["data:image/svg+xml,", &String::from(js_sys::encode_uri_component(svg))].concat());
}

fn draw(name: &str, image: &HtmlImageElement, width: f64, height: f64) {
    // Twice the size: sharp on paper and on dense screens.
    const SCALE: f64 = 2.0;
    let Some(canvas) =
        document().create_element("canvas").ok().and_then(|made| made.dyn_into::<HtmlCanvasElement>().ok())
    else {
        return;
    };
    canvas.set_width((width * SCALE) as u32);
    canvas.set_height((height * SCALE) as u32);
    let context = canvas.get_context("2d").ok().flatten().map(JsValue::from);
    let Some(context) = context.and_then(|context| context.dyn_into::<CanvasRenderingContext2d>().ok()) else { return };
    let drawn =
        context.draw_image_with_html_image_element_and_dw_and_dh(image, 0.0, 0.0, width * SCALE, height * SCALE);
    if let (Ok(()), Ok(url)) = (drawn, canvas.to_data_url_with_type("image/png")) {
        save_url(name, &url);
    }
}
