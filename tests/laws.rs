//! Laws that hold for every scenario, over generated ones: totality, parts that sum, monotonicity, round trips.

use coreml_planner::{
    catalog::Catalog,
    estimate::Subject,
    lower::{self, Workload},
    machine,
    report::answer,
    scenario::{CustomDevice, DeviceRef, ModelRef, Pick, Scenario, Units, url},
    units::{Figure, Quantity},
    variant::{self, Runtime, Variant},
};
use proptest::prelude::*;

fn any_device() -> impl Strategy<Value = DeviceRef> {
    let devices = &Catalog::get().devices;
    prop_oneof![
        (0..devices.len()).prop_map(|idx| DeviceRef::Known { id: devices[idx].id.clone(), ram_gib: None }),
        (1_000..512_000_u32, 10_000..2_000_000_u32, 0..80_000_u32, 0..60_000_u32).prop_map(
            |(ram, memory, ane, gpu)| {
                // A link keeps thousandths.
                let of = |thousandths: u32| f64::from(thousandths) / 1000.0;
                DeviceRef::Custom(CustomDevice {
                    ram_gib: of(ram),
                    memory_gbs: of(memory),
                    ane_tflops: of(ane),
                    gpu_tflops: of(gpu),
                })
            }
        ),
    ]
}

fn any_scenario() -> impl Strategy<Value = Scenario> {
    let presets = &Catalog::get().presets;
    let pick = proptest::option::of((0..variant::EVERY.len(), 0..4_usize))
        .prop_map(|pick| pick.map(|(idx, units)| Pick { variant: variant::EVERY[idx], units: Units::EVERY[units] }));
    (0..presets.len(), any_device(), 15..30_u8, 1..40_000_u32, 1..8_000_u32, any::<bool>(), pick).prop_map(
        |(preset, device, os, context, prompt, entitled, pick)| Scenario {
            model: ModelRef::Preset(presets[preset].id.clone()),
            device,
            os,
            context,
            prompt,
            entitled,
            pick,
        },
    )
}

fn holds<U: Quantity>(figure: &Figure<U>) -> bool {
    let (low, value, high) = (figure.low.get(), figure.value.get(), figure.high.get());
    low.is_finite() && high.is_finite() && 0.0 <= low && low <= value && value <= high
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_scenario_survives_its_link(scenario in any_scenario()) {
        let (read, notes) = url::decode(&url::encode(&scenario));
        prop_assert_eq!(read, scenario);
        prop_assert!(notes.is_empty(), "{:?}", notes);
    }

    #[test]
    fn any_text_is_a_link_that_does_not_stop_the_planner(text in ".{0,200}") {
        let (scenario, _) = url::decode(&text);
        prop_assert!(scenario.context >= 1 && scenario.prompt >= 1);
    }

    #[test]
    fn every_scenario_has_an_answer_whose_parts_sum(scenario in any_scenario()) {
        let machine = answer::machine(&scenario).unwrap();
        let chosen = answer::choose(&scenario, None).unwrap();
        let answer = answer::answer(&chosen, &machine, &scenario);
        prop_assert!(!answer.cells.is_empty());
        for cell in &answer.cells {
            let estimate = &cell.estimate;
            prop_assert!(holds(&estimate.bundle) && holds(&estimate.download));
            let memory = &estimate.memory;
            let parts = [memory.weights, memory.cache, memory.activations, memory.runtime];
            let sum: f64 = parts.iter().map(|part| part.value.get()).sum();
            prop_assert!((sum - memory.total().value.get()).abs() <= 1.0);
            prop_assert!(holds(&memory.total()));
            for plan in &estimate.plans {
                prop_assert!(holds(&plan.time), "{:?}", plan.time);
                prop_assert!((plan.terms.total() - plan.time.value.get()).abs() <= 1e-12 + plan.time.value.get() * 1e-9);
                let in_graph: u64 = plan.n_ops.iter().sum();
                prop_assert!(in_graph > 0);
            }
            if let Ok(decode) = &estimate.decode {
                prop_assert!(holds(decode));
            }
            prop_assert!(!estimate.verdicts.is_empty());
        }
    }

    #[test]
    fn the_same_scenario_gives_the_same_answer(scenario in any_scenario()) {
        let machine = answer::machine(&scenario).unwrap();
        let chosen = answer::choose(&scenario, None).unwrap();
        let first = answer::answer(&chosen, &machine, &scenario);
        let second = answer::answer(&chosen, &machine, &scenario);
        prop_assert_eq!(first.cells, second.cells);
    }

    // Where the plan itself stays the same: a planner that moves work elsewhere may well lose by it, as Core ML does.
    #[test]
    fn more_bandwidth_is_not_slower(
        preset in 0..Catalog::get().presets.len(),
        variant in 0..variant::EVERY.len(),
        units in 0..4_usize,
        bandwidth in 10.0..400.0_f64,
        more in 1.0..4.0_f64,
    ) {
        let (variant, units) = (variant::EVERY[variant], Units::EVERY[units]);
        let preset = &Catalog::get().presets[preset];
        let model = lower::lower(preset, &Workload { context: 1024, prompt: 128 });
        let stored = variant::store(&variant, &model);
        let at = |memory_gbs: f64| {
            let custom = CustomDevice { ram_gib: 16.0, memory_gbs, ane_tflops: 18.0, gpu_tflops: 4.0 };
            let machine = machine::resolve(&DeviceRef::Custom(custom), 26).unwrap();
            Subject::new(&model, &machine, true).estimate(&variant, &stored, units).plans
        };
        for (slow, fast) in at(bandwidth).iter().zip(&at(bandwidth * more)) {
            if slow.segments == fast.segments {
                prop_assert!(fast.time.value.get() <= slow.time.value.get() * (1.0 + 1e-12));
                prop_assert!(fast.time.high.get() <= slow.time.high.get() * (1.0 + 1e-12));
            }
        }
    }
}

#[test]
fn fewer_bits_are_not_larger() {
    for preset in &Catalog::get().presets {
        let model = lower::lower(preset, &Workload { context: 512, prompt: 64 });
        let size = |id: &str| {
            let variant = Variant::from_id(id).unwrap_or_else(|| panic!("no variant {id}"));
            variant::store(&variant, &model).package.value.get()
        };
        let ladders: [&[&str]; 3] = [
            &["fp32", "fp16", "lut8", "lut6", "lut4", "lut3", "lut2", "lut1"],
            &["fp16", "int8-channel", "int4-block32"],
            &["sparse50", "sparse75"],
        ];
        // A model of a few thousand weights is all tables and records: there is nothing to shrink.
        if model.n_params() < 100_000 {
            continue;
        }
        for ladder in ladders {
            for pair in ladder.windows(2) {
                assert!(size(pair[1]) <= size(pair[0]), "{}: {} is larger than {}", preset.id, pair[1], pair[0]);
            }
        }
    }
}

#[test]
fn a_longer_context_needs_more_memory_and_is_not_faster() {
    let preset = Catalog::get().preset("llama-3.2-3b").expect("the course's preset");
    let machine = machine::resolve(&DeviceRef::Known { id: "iphone-15-pro".to_owned(), ram_gib: None }, 18).unwrap();
    let variant = Variant::from_id("lut4-g16").unwrap();
    let mut before: Option<(f64, f64)> = None;
    for context in [512, 1024, 2048, 4096, 8192, 16384] {
        let model = lower::lower(preset, &Workload { context, prompt: 128 });
        let stored = variant::store(&variant, &model);
        let estimate = Subject::new(&model, &machine, true).estimate(&variant, &stored, Units::CpuAndNe);
        let now = (estimate.memory.total().value.get(), estimate.decode.expect("a language model").value.get());
        if let Some((memory, speed)) = before {
            assert!(now.0 > memory && now.1 <= speed, "{context}: {now:?} after {before:?}");
        }
        before = Some(now);
    }
}

#[test]
fn int8_rates_hold_for_w8a8_on_new_engines_alone() {
    let preset = Catalog::get().preset("resnet-50").expect("a vision preset");
    let model = lower::lower(preset, &Workload { context: 1, prompt: 1 });
    let gain = |device: &str| {
        let machine = machine::resolve(&DeviceRef::Known { id: device.to_owned(), ram_gib: None }, 26).unwrap();
        let subject = Subject::new(&model, &machine, true);
        let time = |id: &str| {
            let variant = Variant::from_id(id).unwrap();
            let stored = variant::store(&variant, &model);
            subject.estimate(&variant, &stored, Units::CpuAndNe).plans[0].terms.compute
        };
        time("int8-channel") / time("w8a8")
    };
    let on_m1 = gain("macbook-air-m1");
    assert!((on_m1 - 1.0).abs() < 0.01, "{on_m1}");
    let on_m4 = gain("macbook-air-m4");
    assert!(on_m4 > 1.2, "{on_m4}");
}

#[test]
fn other_runtimes_stand_beside_core_ml_for_language_models_only() {
    for (preset, expected) in [("llama-3.2-3b", true), ("resnet-50", false)] {
        let scenario = Scenario { model: ModelRef::Preset(preset.to_owned()), ..Scenario::default() };
        let chosen = answer::choose(&scenario, None).unwrap();
        let answer = answer::answer(&chosen, &answer::machine(&scenario).unwrap(), &scenario);
        let found = answer.cells.iter().any(|cell| cell.variant.runtime != Runtime::CoreMl);
        assert_eq!(found, expected, "{preset}");
    }
}
