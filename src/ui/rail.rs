//! The controls: model, device and workload. Each writes one part of the scenario.

use leptos::prelude::*;

use crate::{
    report::controls::{self, Choices, PROMPT_STEPS, TOKEN_STEPS},
    scenario::{DeviceRef, ModelRef, Scenario},
    units::decimal,
};

use super::{custom::custom, opening::opening, state::State};

pub(super) fn rail(state: State) -> AnyView {
    let open = RwSignal::new(false);
    let summary = move || state.scenario.with(controls::summary);
    view! {
        <aside class="rail" aria-label="What to plan">
            <button
                class="rail-toggle"
                type="button"
                aria-controls="controls"
                aria-expanded=move || if open.get() { "true" } else { "false" }
                on:click=move |_| open.update(|open| *open = !*open)
            >
                <span class="rail-toggle-text">{summary}</span>
                <span class="rail-toggle-word">{move || if open.get() { "Done" } else { "Change" }}</span>
            </button>
            <div class="rail-body" id="controls">
                {model(state)} {device(state)} {workload(state)}
            </div>
        </aside>
    }
    .into_any()
}

/// The options of a `<select>`, in groups.
fn options(groups: &[Choices], current: &str) -> Vec<AnyView> {
    let option = |choice: &controls::Choice| {
        let selected = choice.id == current;
        view! { <option value=choice.id.clone() prop:selected=selected>{choice.name.clone()}</option> }.into_any()
    };
    let group = |choices: &Choices| {
        let options: Vec<AnyView> = choices.options.iter().map(option).collect();
        view! { <optgroup label=choices.title>{options}</optgroup> }.into_any()
    };
    groups.iter().map(group).collect()
}

fn model(state: State) -> AnyView {
    let chosen = state.part(|scenario| scenario.model.clone());
    let presets = StoredValue::new(controls::models());
    let listed = move || {
        let model = chosen.get();
        let id = match &model {
            ModelRef::Preset(id) => id.as_str(),
            ModelRef::Package(_) => "",
        };
        presets.with_value(|presets| options(presets, id))
    };
    // A file is an option of its own while it is open, or while the link asks for it.
    let file = move || {
        let open = state.package.get().map(|package| package.name.clone());
        let (name, selected) = match chosen.get() {
            ModelRef::Package(name) => (Some(name), true),
            ModelRef::Preset(_) => (open, false),
        };
        name.map(|name| {
            view! { <option value="" prop:selected=selected>{format!("{name} (file)")}</option> }.into_any()
        })
    };
    let change = move |event| {
        let id = event_target_value(&event);
        let open = state.package.with_untracked(|package| package.as_ref().map(|package| package.name.clone()));
        let model = match (id.is_empty(), open) {
            (true, Some(name)) => ModelRef::Package(name),
            (true, None) => return,
            (false, _) => ModelRef::Preset(id),
        };
        state.scenario.update(|scenario| {
            scenario.model = model;
            scenario.pick = None;
        });
    };
    view! {
        <fieldset class="group">
            <legend class="group-name">"Model"</legend>
            <div class="field">
                <label class="label" for="model">
                    "Published model"
                    <span class="label-note">{move || controls::model_note(&chosen.get())}</span>
                </label>
                <select class="select" id="model" on:change=change>
                    {file}
                    {listed}
                </select>
            </div>
            {opening(state)}
        </fieldset>
    }
    .into_any()
}

fn device(state: State) -> AnyView {
    let chosen = state.part(|scenario| scenario.device.clone());
    let id = Memo::new(move |_| chosen.with(|device| controls::device_id(device).to_owned()));
    let devices = StoredValue::new(controls::devices());
    let listed = move || devices.with_value(|devices| options(devices, &id.get()));
    let choose = move |id: &str| state.scenario.update(|scenario| controls::choose_device(scenario, id));
    let quick = |choice: controls::Choice| {
        let (own, pressed) = (choice.id.clone(), choice.id);
        view! {
            <button
                class="button"
                type="button"
                aria-pressed=move || if id.with(|id| *id == pressed) { "true" } else { "false" }
                on:click=move |_| choose(&own)
            >
                {choice.name}
            </button>
        }
        .into_any()
    };
    let quick: Vec<AnyView> = controls::quick_devices().into_iter().map(quick).collect();
    let is_custom = move || id.with(|id| id == controls::CUSTOM);
    view! {
        <fieldset class="group">
            <legend class="group-name">"Device"</legend>
            <div class="field">
                <label class="label" for="device">
                    "Apple device"
                    <span class="label-note">{move || chosen.with(controls::device_note)}</span>
                </label>
                <select class="select" id="device" on:change=move |event| choose(&event_target_value(&event))>
                    {listed}
                    <option value=controls::CUSTOM prop:selected=is_custom>
                        "Custom device…"
                    </option>
                </select>
                <div class="quick" role="group" aria-label="Chips of the course">
                    {quick}
                </div>
            </div>
            {move || is_custom().then(|| custom(state))}
            {memory_options(state, chosen)}
            {system(state, chosen)}
            {entitlement(state, chosen)}
        </fieldset>
    }
    .into_any()
}

fn memory_options(state: State, chosen: Memo<DeviceRef>) -> AnyView {
    let choose = move |event| {
        if let Some(gib) = decimal::parse(&event_target_value(&event)) {
            state.scenario.update(|scenario| {
                if let DeviceRef::Known { ram_gib, .. } = &mut scenario.device {
                    *ram_gib = Some(gib);
                }
            });
        }
    };
    let draw = move || {
        let device = chosen.get();
        let current = controls::ram(&device);
        let option = |(gib, name): (f64, String)| {
            view! { <option value=decimal::plain(gib) prop:selected=current == Some(gib)>{name}</option> }.into_any()
        };
        let options: Vec<AnyView> = controls::ram_options(&device).into_iter().map(option).collect();
        (!options.is_empty()).then(|| {
            view! {
                <div class="field">
                    <label class="label" for="ram">"Memory"</label>
                    <select class="select" id="ram" on:change=choose>{options}</select>
                </div>
            }
            .into_any()
        })
    };
    draw.into_any()
}

fn system(state: State, chosen: Memo<DeviceRef>) -> AnyView {
    let os = state.part(|scenario| scenario.os);
    let listed = move || {
        let current = os.get();
        let option = |(version, name): (u8, String)| {
            view! { <option value=version.to_string() prop:selected=current == version>{name}</option> }.into_any()
        };
        chosen.with(controls::systems).into_iter().map(option).collect::<Vec<AnyView>>()
    };
    let choose = move |event| {
        if let Ok(version) = event_target_value(&event).parse::<u8>() {
            state.scenario.update(|scenario| scenario.os = version);
        }
    };
    view! {
        <div class="field">
            <label class="label" for="os">"System"</label>
            <select class="select" id="os" on:change=choose>{listed}</select>
        </div>
    }
    .into_any()
}

fn entitlement(state: State, chosen: Memo<DeviceRef>) -> AnyView {
    let entitled = state.part(|scenario| scenario.entitled);
    let change = move |event| {
        let checked = event_target_checked(&event);
        state.scenario.update(|scenario| scenario.entitled = checked);
    };
    let draw = move || {
        chosen.with(controls::takes_entitlement).then(|| {
            view! {
                <label class="check">
                    <input type="checkbox" prop:checked=entitled on:change=change />
                    <span>
                        "Increased memory limit"
                        <span class="hint">" (entitlement of the app)"</span>
                    </span>
                </label>
            }
            .into_any()
        })
    };
    draw.into_any()
}

fn workload(state: State) -> AnyView {
    let takes_context = Memo::new(move |_| state.scenario.with(|scenario| controls::takes_context(&scenario.model)));
    let draw = move || {
        takes_context.get().then(|| {
            view! {
                <fieldset class="group">
                    <legend class="group-name">"Workload"</legend>
                    {tokens(
                        state,
                        "context",
                        "Context",
                        "Room for prompt and answer together: the KV cache is allocated for all of it.",
                        &TOKEN_STEPS,
                        |scenario| scenario.context,
                        |scenario, tokens| scenario.context = tokens,
                    )}
                    {tokens(
                        state,
                        "prompt",
                        "Prompt",
                        "Read before the first word of the answer.",
                        &PROMPT_STEPS,
                        |scenario| scenario.prompt,
                        |scenario, tokens| scenario.prompt = tokens,
                    )}
                </fieldset>
            }
            .into_any()
        })
    };
    draw.into_any()
}

/// A number of tokens: a slider over round steps, and a field for any other number.
fn tokens(
    state: State,
    id: &'static str,
    label: &'static str,
    hint: &'static str,
    steps: &'static [u32],
    get: fn(&Scenario) -> u32,
    set: fn(&mut Scenario, u32),
) -> AnyView {
    const MOST: u32 = 1 << 20;
    let value = state.part(get);
    let put = move |tokens: u32| {
        if value.get_untracked() != tokens {
            state.scenario.update(|scenario| set(scenario, tokens));
        }
    };
    let slide = move |event| {
        let step = event_target_value(&event).parse::<usize>().ok();
        if let Some(tokens) = step.and_then(|step| steps.get(step)) {
            put(*tokens);
        }
    };
    let type_in = move |event| match event_target_value(&event).parse::<u32>() {
        Ok(tokens) => put(tokens.clamp(1, MOST)),
        // Whatever is no number goes back to the last one.
        Err(_) => event_target::<web_sys::HtmlInputElement>(&event).set_value(&value.get_untracked().to_string()),
    };
    let last = steps.len().saturating_sub(1).to_string();
    let hint_id = format!("{id}-hint");
    view! {
        <div class="field">
            <label class="label" for=id>{label}</label>
            <div class="slider">
                <input
                    id=id
                    type="range"
                    min="0"
                    max=last
                    step="1"
                    prop:value=move || controls::step_of(steps, value.get()).to_string()
                    aria-valuetext=move || format!("{} tokens", value.get())
                    aria-describedby=hint_id.clone()
                    on:input=slide
                />
                <input
                    class="input"
                    type="number"
                    min="1"
                    max=MOST.to_string()
                    aria-label=format!("{label} in tokens")
                    prop:value=move || value.get().to_string()
                    on:change=type_in
                />
                <span class="unit">"tokens"</span>
            </div>
            <p class="hint" id=hint_id>{hint}</p>
        </div>
    }
    .into_any()
}
