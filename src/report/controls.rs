//! What a person can choose on the page: models, devices, systems and memory, in the groups and words they are listed
//! with, and what a choice does to the rest of the scenario.
//!
//! Invariant: after [`repair`] a scenario names a model and a device that exist here. Absent on purpose: estimates.

use crate::{
    catalog::{Catalog, Device, DeviceKind, OsFamily, Preset, PresetKind},
    format::Package,
    scenario::{CustomDevice, DeviceRef, ModelRef, Scenario},
    texts::{choices as text, rail::CUSTOM_NAME},
    units::format::{number, thousands},
};

use super::{answer::default_os, words};

/// Choices of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Choices {
    /// What they have in common.
    pub title: &'static str,
    /// In the order in which they are listed.
    pub options: Vec<Choice>,
}

/// One choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Its id in a scenario.
    pub id: String,
    /// What a person calls it.
    pub name: String,
}

/// The id that stands for a device of the person's own making.
pub const CUSTOM: &str = "custom";

/// Steps of the sliders for context and prompt, in tokens.
pub const TOKEN_STEPS: [u32; 9] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];

/// Steps of the slider for the prompt, in tokens.
pub const PROMPT_STEPS: [u32; 9] = [16, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

/// Most tokens that context and prompt may have: beyond any published model.
pub const MOST_TOKENS: u32 = 1 << 20;

/// A number of an own device that must lie in a range.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// Id of its field.
    pub id: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The smallest that is taken.
    pub low: f64,
    /// The largest that is taken.
    pub high: f64,
    /// Reads it.
    pub get: fn(&CustomDevice) -> f64,
    /// Writes it.
    pub set: fn(&mut CustomDevice, f64),
}

/// What an own device is made of.
pub const NUMBERS: [Number; 4] = [
    Number {
        id: "custom-ram",
        label: text::MEMORY,
        unit: "GiB",
        low: 0.5,
        high: 4096.0,
        get: |device| device.ram_gib,
        set: |device, value| device.ram_gib = value,
    },
    Number {
        id: "custom-bandwidth",
        label: text::BANDWIDTH,
        unit: "GB/s",
        low: 1.0,
        high: 10_000.0,
        get: |device| device.memory_gbs,
        set: |device, value| device.memory_gbs = value,
    },
    Number {
        id: "custom-ane",
        label: text::ANE,
        unit: "TFLOPS",
        low: 0.0,
        high: 10_000.0,
        get: |device| device.ane_tflops,
        set: |device, value| device.ane_tflops = value,
    },
    Number {
        id: "custom-gpu",
        label: text::GPU,
        unit: "TFLOPS",
        low: 0.0,
        high: 10_000.0,
        get: |device| device.gpu_tflops,
        set: |device, value| device.gpu_tflops = value,
    },
];

/// The step that is nearest to a number of tokens from below.
#[must_use]
pub fn step_of(steps: &[u32], tokens: u32) -> usize {
    steps.iter().rposition(|step| *step <= tokens).unwrap_or(0)
}

/// The models of the catalogue, by kind.
#[must_use]
pub fn models() -> Vec<Choices> {
    let titles = [
        (PresetKind::Llm, text::LANGUAGE),
        (PresetKind::Vision, text::VISION),
        (PresetKind::Text, text::TEXT),
        (PresetKind::Speech, text::SPEECH),
        (PresetKind::Diffusion, text::DIFFUSION),
        (PresetKind::Course, text::COURSE),
    ];
    let presets = &Catalog::get().presets;
    let of_kind = |(kind, title): (PresetKind, &'static str)| Choices {
        title,
        options: presets.iter().filter(|preset| preset.kind == kind).map(named_preset).collect(),
    };
    titles.into_iter().map(of_kind).filter(|choices| !choices.options.is_empty()).collect()
}

fn named_preset(preset: &Preset) -> Choice {
    Choice { id: preset.id.clone(), name: preset.name.clone() }
}

/// The devices of the catalogue, by kind.
#[must_use]
pub fn devices() -> Vec<Choices> {
    let titles = [
        (DeviceKind::Phone, text::PHONES),
        (DeviceKind::Tablet, text::TABLETS),
        (DeviceKind::Laptop, text::LAPTOPS),
        (DeviceKind::Desktop, text::DESKTOPS),
        (DeviceKind::Headset, text::HEADSETS),
        (DeviceKind::Tv, text::TV),
        (DeviceKind::Watch, text::WATCHES),
    ];
    let rows = &Catalog::get().devices;
    let of_kind = |(kind, title): (DeviceKind, &'static str)| Choices {
        title,
        options: rows
            .iter()
            .filter(|row| row.kind == kind)
            .map(|row| Choice { id: row.id.clone(), name: row.name.clone() })
            .collect(),
    };
    titles.into_iter().map(of_kind).filter(|choices| !choices.options.is_empty()).collect()
}

/// The devices that the course names: one press away, under the name of their chip.
#[must_use]
pub fn quick_devices() -> Vec<Choice> {
    let catalog = Catalog::get();
    let ids = ["iphone-15-pro", "macbook-air-m3", "macbook-air-m4"];
    let chip = |id: &str| {
        let soc = catalog.soc(&catalog.device(id)?.soc)?;
        Some(Choice { id: id.to_owned(), name: soc.name.clone() })
    };
    ids.into_iter().filter_map(chip).collect()
}

fn row(device: &DeviceRef) -> Option<&'static Device> {
    match device {
        DeviceRef::Known { id, .. } => Catalog::get().device(id),
        DeviceRef::Custom(_) => None,
    }
}

/// The id of a device in the list of devices.
#[must_use]
pub fn device_id(device: &DeviceRef) -> &str {
    match device {
        DeviceRef::Known { id, .. } => id,
        DeviceRef::Custom(_) => CUSTOM,
    }
}

/// The systems that a device can be planned on: from iOS 16 and macOS 13, as far as the device runs them.
#[must_use]
pub fn systems(device: &DeviceRef) -> Vec<(u8, String)> {
    let row = row(device);
    let family = row.map_or(OsFamily::Ios, |row| row.os);
    let versions: &[u8] = match family {
        OsFamily::Ios | OsFamily::Ipados | OsFamily::Tvos => &[16, 17, 18, 26, 27],
        OsFamily::Macos => &[13, 14, 15, 26, 27],
        OsFamily::Watchos => &[9, 10, 11, 26, 27],
        OsFamily::Visionos => &[1, 2, 26, 27],
    };
    let first = row.and_then(|row| row.os_first).unwrap_or(0);
    let last = row.and_then(|row| row.os_last).unwrap_or(u8::MAX);
    let named = |version: u8| (version, words::os(family, version));
    let mut all: Vec<_> = versions.iter().filter(|v| (first..=last).contains(v)).map(|v| named(*v)).collect();
    if all.is_empty() {
        all.push(named(default_os(device)));
    }
    all
}

/// The memory options of a device in GiB; empty when there is nothing to choose.
#[must_use]
pub fn ram_options(device: &DeviceRef) -> Vec<(f64, String)> {
    let options = row(device).map(|row| row.ram_gib.as_slice()).unwrap_or_default();
    if options.len() < 2 {
        return Vec::new();
    }
    options.iter().map(|gib| (*gib, format!("{} GiB", whole(*gib)))).collect()
}

/// The memory that a scenario counts with, as [`ram_options`] has it.
#[must_use]
pub fn ram(device: &DeviceRef) -> Option<f64> {
    match device {
        DeviceRef::Known { ram_gib: Some(gib), .. } => Some(*gib),
        DeviceRef::Known { .. } => row(device).and_then(|row| row.ram_gib.first().copied()),
        DeviceRef::Custom(custom) => Some(custom.ram_gib),
    }
}

/// `8` for 8.0, `1.50` for 1.5.
fn whole(value: f64) -> String {
    if value.fract() == 0.0 { thousands(value) } else { number(value) }
}

/// What stands beside the model: how many parameters it has.
#[must_use]
pub fn model_note(model: &ModelRef) -> String {
    match model {
        ModelRef::Preset(id) => Catalog::get().preset(id).map(parameters).unwrap_or_default(),
        ModelRef::Package(_) => String::new(),
    }
}

fn parameters(preset: &Preset) -> String {
    let value = preset.params.value;
    let (short, unit) = if value >= 0.9995e9 {
        (value / 1e9, " B")
    } else if value >= 1e6 {
        (value / 1e6, " M")
    } else {
        (value / 1e3, " k")
    };
    text::parameters(&number(short), unit)
}

/// What stands beside the device: its chip and memory.
#[must_use]
pub fn device_note(device: &DeviceRef) -> String {
    let Some(row) = row(device) else { return String::new() };
    let chip = Catalog::get().soc(&row.soc).map_or(row.soc.as_str(), |soc| soc.name.as_str());
    match ram(device) {
        Some(gib) => text::chip_memory(chip, &whole(gib)),
        None => text::chip_no_memory(chip),
    }
}

/// Whether the increased-memory entitlement means something on the device.
#[must_use]
pub fn takes_entitlement(device: &DeviceRef) -> bool {
    match row(device).map(|row| row.os) {
        Some(OsFamily::Ios | OsFamily::Ipados) | None => true,
        Some(OsFamily::Macos | OsFamily::Tvos | OsFamily::Watchos | OsFamily::Visionos) => false,
    }
}

/// Whether context and prompt mean something for the model: a package has its context built in.
#[must_use]
pub fn takes_context(model: &ModelRef) -> bool {
    match model {
        ModelRef::Preset(id) => Catalog::get().preset(id).is_some_and(|preset| preset.kind == PresetKind::Llm),
        ModelRef::Package(_) => false,
    }
}

/// What the model is called.
#[must_use]
pub fn model_name(model: &ModelRef) -> String {
    match model {
        ModelRef::Preset(id) => Catalog::get().preset(id).map_or(id, |preset| &preset.name).clone(),
        ModelRef::Package(name) => name.clone(),
    }
}

/// The scenario in a few words, for the bar that opens the controls.
#[must_use]
pub fn summary(scenario: &Scenario) -> String {
    let model = model_name(&scenario.model);
    let device = row(&scenario.device).map_or(CUSTOM_NAME, |row| row.name.as_str());
    if takes_context(&scenario.model) {
        text::summary_tokens(&model, device, &thousands(f64::from(scenario.context)))
    } else {
        text::summary(&model, device)
    }
}

/// Chooses a device by id: its smallest memory, and a system that it runs.
pub fn choose_device(scenario: &mut Scenario, id: &str) {
    scenario.device = if id == CUSTOM {
        DeviceRef::Custom(CustomDevice { ram_gib: 8.0, memory_gbs: 60.0, ane_tflops: 17.0, gpu_tflops: 2.0 })
    } else {
        DeviceRef::Known { id: id.to_owned(), ram_gib: None }
    };
    if !systems(&scenario.device).iter().any(|(version, _)| *version == scenario.os) {
        scenario.os = default_os(&scenario.device);
    }
}

/// Replaces what a link names and nobody has by the default; says so.
pub fn repair(scenario: &mut Scenario) -> Vec<String> {
    let catalog = Catalog::get();
    let default = Scenario::default();
    let mut notes = Vec::new();
    if let ModelRef::Preset(id) = &scenario.model
        && catalog.preset(id).is_none()
    {
        let known = matches!(&default.model, ModelRef::Preset(own) if catalog.preset(own).is_some());
        let instead = if known {
            default.model.clone()
        } else {
            ModelRef::Preset(catalog.presets.first().map_or(String::new(), |preset| preset.id.clone()))
        };
        if scenario.model != default.model {
            notes.push(text::no_model(id, &model_name(&instead)));
        }
        scenario.model = instead;
    }
    if let DeviceRef::Known { id, .. } = &scenario.device
        && catalog.device(id).is_none()
    {
        let instead = default.device.clone();
        let name = row(&instead).map_or(text::ANOTHER, |row| row.name.as_str());
        notes.push(text::no_device(id, name));
        scenario.device = instead;
        scenario.os = default.os;
    }
    notes
}

/// The file that an open package was read from, as the list of models shows it.
#[must_use]
pub fn package_choice(package: &Package) -> Choice {
    Choice { id: package.name.clone(), name: package.name.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_an_unknown_device_shows_the_default_and_says_so() {
        let device = DeviceRef::Known { id: "iphone-99".to_owned(), ram_gib: None };
        let mut scenario = Scenario { device, ..Scenario::default() };
        let notes = repair(&mut scenario);
        assert!(notes.iter().any(|note| note.contains("iphone-99")), "{notes:?}");
        assert_eq!(scenario.device, Scenario::default().device);
    }

    #[test]
    fn a_repaired_scenario_needs_no_repair() {
        let device = DeviceRef::Known { id: "nothing".to_owned(), ram_gib: None };
        let mut scenario = Scenario { model: ModelRef::Preset("nothing".to_owned()), device, ..Scenario::default() };
        repair(&mut scenario);
        assert_eq!(repair(&mut scenario), Vec::<String>::new());
    }

    #[test]
    fn every_device_runs_a_system_that_is_listed_for_it() {
        for choice in devices().iter().flat_map(|group| &group.options) {
            let mut scenario = Scenario::default();
            choose_device(&mut scenario, &choice.id);
            let listed = systems(&scenario.device);
            assert!(listed.iter().any(|(version, _)| *version == scenario.os), "{}: {listed:?}", choice.id);
        }
    }

    #[test]
    fn the_devices_of_the_course_are_one_press_away() {
        let names: Vec<String> = quick_devices().into_iter().map(|choice| choice.name).collect();
        assert_eq!(names, ["A17 Pro", "M3", "M4"]);
    }
}
