//! The head of the page: name, purpose, theme, and the link to share.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::{
    icon::{Icon, icon},
    link,
    state::State,
};

const THEME: &str = "theme";

/// The theme that was chosen on this machine: `auto`, `light` or `dark`.
fn stored_theme() -> Option<String> {
    // Storage can be refused as a whole; then the page follows the system.
    window().local_storage().ok()??.get_item(THEME).ok()?.filter(|theme| theme == "light" || theme == "dark")
}

fn set_theme(theme: &str) {
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

/// What became of the link.
#[derive(Clone, PartialEq)]
enum Shared {
    NotYet,
    Copied,
    /// The clipboard refused: the link stands in a field.
    Shown(String),
}

pub(super) fn masthead(state: State) -> AnyView {
    let theme = stored_theme().unwrap_or_else(|| "auto".to_owned());
    set_theme(&theme);
    let shared = RwSignal::new(Shared::NotYet);
    let share = move |_| {
        let address = link::address(state);
        spawn_local(async move {
            let copied = copy(&address).await;
            shared.set(if copied { Shared::Copied } else { Shared::Shown(address) });
            if copied {
                set_timeout(move || shared.set(Shared::NotYet), std::time::Duration::from_secs(4));
            }
        });
    };
    let option = |value: &'static str, name: &'static str| {
        view! { <option value=value selected=theme == value>{name}</option> }.into_any()
    };
    let field = move || match shared.get() {
        Shared::NotYet => None,
        Shared::Copied => Some(view! { <output class="said">"Link copied"</output> }.into_any()),
        Shared::Shown(address) => Some(
            view! {
                <input
                    class="input"
                    readonly=true
                    aria-label="Link to this plan"
                    prop:value=address
                    on:focus=|event| select_all(&event)
                />
            }
            .into_any(),
        ),
    };
    view! {
        <header class="masthead">
            <span class="masthead-name">"Core ML Planner"</span>
            <span class="masthead-purpose">
                "Size, memory, speed and placement of a model on Apple devices, before you convert it"
            </span>
            <div class="masthead-actions">
                <div class="share" aria-live="polite">{field}</div>
                <label class="unseen" for="theme">"Colours"</label>
                <select class="select compact" id="theme" on:change=|event| set_theme(&event_target_value(&event))>
                    {option("auto", "Auto")}{option("light", "Light")}{option("dark", "Dark")}
                </select>
                <button class="button" type="button" title="Copy a link to this plan" on:click=share>
                    {icon(Icon::Share)}
                    "Share"
                </button>
            </div>
        </header>
    }
    .into_any()
}

fn select_all(event: &web_sys::FocusEvent) {
    event_target::<web_sys::HtmlInputElement>(event).select();
}

/// Whether the text is on the clipboard now.
pub(super) async fn copy(text: &str) -> bool {
    let navigator = window().navigator();
    // Absent on pages that were not loaded over a secure connection.
    let clipboard = js_sys::Reflect::get(&navigator, &JsValue::from_str("clipboard")).ok();
    let Some(clipboard) = clipboard.and_then(|value| value.dyn_into::<web_sys::Clipboard>().ok()) else { return false };
    JsFuture::from(clipboard.write_text(text)).await.is_ok()
}
