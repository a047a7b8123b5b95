//! The theme, and the link to share.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::{link, state::State};

const THEME: &str = "theme";

/// The theme that was chosen on this machine: `auto`, `light` or `dark`.
pub(super) fn theme() -> String {
    // Storage can be refused as a whole; then the page follows the system.
    let storage = window().local_storage().ok().flatten();
    let stored = storage.and_then(|storage| storage.get_item(THEME).ok()?);
    stored.filter(|theme| theme == "light" || theme == "dark").unwrap_or_else(|| "auto".to_owned())
}

/// Dresses the page. A page that embeds the planner has a say of its own (assets/frame.js).
pub(super) fn set_theme(theme: &str) {
    let Some(root) = document().document_element() else { return };
    let stored = window().local_storage().ok().flatten();
    if theme == "light" || theme == "dark" {
        let _ = root.set_attribute("data-theme", theme);
        let _ = stored.map(|storage| storage.set_item(THEME, theme));
    } else {
        let _ = root.remove_attribute("data-theme");
        let _ = stored.map(|storage| storage.remove_item(THEME));
    }
}

/// Copies the link to this plan, or shows it.
pub(super) fn share(state: State) {
    let address = link::address(state);
    spawn_local(async move {
        let copied = copy(&address).await;
        state.shared.set(Some((copied, address)));
        if copied {
            set_timeout(move || state.shared.set(None), std::time::Duration::from_secs(4));
        }
    });
}

/// Whether the text is on the clipboard now.
pub(super) async fn copy(text: &str) -> bool {
    let navigator = window().navigator();
    // Absent on pages that were not loaded over a secure connection.
    let clipboard = js_sys::Reflect::get(&navigator, &JsValue::from_str("clipboard")).ok();
    let Some(clipboard) = clipboard.and_then(|value| value.dyn_into::<web_sys::Clipboard>().ok()) else { return false };
    JsFuture::from(clipboard.write_text(text)).await.is_ok()
}
