//! A device of the person's own making: four numbers.

use leptos::prelude::*;

use crate::{
    scenario::{CustomDevice, DeviceRef},
    units::decimal,
};

use super::state::State;

/// A number that must lie in a range; while it does not, the field says so and the scenario keeps the last good one.
struct Number {
    id: &'static str,
    label: &'static str,
    unit: &'static str,
    low: f64,
    high: f64,
    get: fn(&CustomDevice) -> f64,
    set: fn(&mut CustomDevice, f64),
}

const NUMBERS: [Number; 4] = [
    Number {
        id: "custom-ram",
        label: "Memory",
        unit: "GiB",
        low: 0.5,
        high: 4096.0,
        get: |device| device.ram_gib,
        set: |device, value| device.ram_gib = value,
    },
    Number {
        id: "custom-bandwidth",
        label: "Memory bandwidth",
        unit: "GB/s",
        low: 1.0,
        high: 10_000.0,
        get: |device| device.memory_gbs,
        set: |device, value| device.memory_gbs = value,
    },
    Number {
        id: "custom-ane",
        label: "Neural Engine, FP16 (0 for none)",
        unit: "TFLOPS",
        low: 0.0,
        high: 10_000.0,
        get: |device| device.ane_tflops,
        set: |device, value| device.ane_tflops = value,
    },
    Number {
        id: "custom-gpu",
        label: "GPU, FP16 (0 for none)",
        unit: "TFLOPS",
        low: 0.0,
        high: 10_000.0,
        get: |device| device.gpu_tflops,
        set: |device, value| device.gpu_tflops = value,
    },
];

pub(super) fn custom(state: State) -> AnyView {
    NUMBERS.iter().map(|number| custom_number(state, number)).collect::<Vec<AnyView>>().into_any()
}

fn custom_number(state: State, number: &'static Number) -> AnyView {
    let wrong = RwSignal::new(false);
    let value = move || {
        state.scenario.with(|scenario| match &scenario.device {
            DeviceRef::Custom(device) => decimal::plain((number.get)(device)),
            DeviceRef::Known { .. } => String::new(),
        })
    };
    let change = move |event| {
        let value = decimal::parse(&event_target_value(&event));
        let value = value.filter(|value| (number.low..=number.high).contains(value));
        wrong.set(value.is_none());
        let Some(value) = value else { return };
        state.scenario.update(|scenario| {
            if let DeviceRef::Custom(device) = &mut scenario.device {
                (number.set)(device, value);
            }
        });
    };
    let hint = format!("{}-hint", number.id);
    let (described, limits) = (hint.clone(), format!("a number from {} to {}", number.low, number.high));
    view! {
        <div class="field">
            <label class="label" for=number.id>
                {number.label}
                <span class="label-note">{number.unit}</span>
            </label>
            <input
                class="input"
                id=number.id
                type="number"
                step="any"
                min=decimal::plain(number.low)
                max=decimal::plain(number.high)
                prop:value=value
                aria-invalid=move || wrong.get().then_some("true")
                aria-describedby=described
                on:change=change
            />
            <p class="hint" id=hint role="alert">
                {move || wrong.get().then(|| limits.clone())}
            </p>
        </div>
    }
    .into_any()
}
