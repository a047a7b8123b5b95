//! Planning backwards agrees with planning forwards.

use coreml_planner::{
    catalog::PresetKind,
    machine,
    report::{
        answer::{self, Answer},
        find::{self, Sureness, Want},
    },
    scenario::{DeviceRef, ModelRef, Scenario, Units},
    units::{Bytes, Quantity, TokensPerSec},
};

fn scenario(preset: &str, device: &str) -> Scenario {
    let device = DeviceRef::Known { id: device.to_owned(), ram_gib: None };
    let os = answer::default_os(&device);
    Scenario { model: ModelRef::Preset(preset.to_owned()), device, os, ..Scenario::default() }
}

fn forwards(scenario: &Scenario) -> Answer {
    let chosen = answer::choose(scenario, None).unwrap_or_else(|error| unreachable!("{error}"));
    let machine = answer::machine(scenario).unwrap_or_else(|error| unreachable!("{error}"));
    answer::answer(&chosen, &machine, scenario)
}

#[test]
fn the_largest_model_is_the_one_the_matrix_lets_ship() {
    let asked = scenario("llama-3.2-3b", "iphone-15-pro");
    let machine = answer::machine(&asked).unwrap_or_else(|error| unreachable!("{error}"));
    let rows = find::models(&asked, &machine, PresetKind::Llm, &Want::default());
    assert!(rows.len() > 10, "the catalogue has language models");
    for row in &rows {
        let answer = forwards(&Scenario { model: ModelRef::Preset(row.id.to_owned()), ..asked.clone() });
        let cell = answer
            .cells
            .iter()
            .find(|cell| cell.variant == row.best.pick.variant && cell.units == row.best.pick.units)
            .unwrap_or_else(|| unreachable!("{} has no such cell", row.id));
        assert_eq!(cell.estimate.bundle, row.best.bundle, "{}", row.id);
        assert_eq!(cell.estimate.decode.ok(), row.best.decode, "{}", row.id);
        let ships = cell.status() != coreml_planner::estimate::Status::Fails;
        assert_eq!(ships, row.best.sureness != Sureness::No, "{}: {}", row.id, row.best.binds);
    }
    let passing: Vec<f64> = rows.iter().filter(|row| row.best.sureness != Sureness::No).map(|row| row.params).collect();
    assert!(passing.windows(2).all(|pair| pair[0] >= pair[1]), "the largest first: {passing:?}");
}

#[test]
fn a_wish_more_never_lets_more_pass() {
    let asked = scenario("llama-3.2-1b", "iphone-13");
    let chosen = answer::choose(&asked, None).unwrap_or_else(|error| unreachable!("{error}"));
    let devices = find::and_later("iphone-13");
    assert!(devices.iter().any(|device| device.id == "iphone-13"), "a device is among its own and later");
    assert!(devices.iter().all(|device| device.id != "iphone-12"), "an older one is not");
    let machines: Vec<_> = devices
        .iter()
        .filter_map(|device| {
            let known = DeviceRef::Known { id: device.id.clone(), ram_gib: None };
            let os = answer::default_os(&known);
            Some((device.id.clone(), machine::resolve(&known, os).ok()?))
        })
        .collect();
    let wishes = [
        Want::default(),
        Want { decode: Some(TokensPerSec::of(5.0)), ..Want::default() },
        Want { decode: Some(TokensPerSec::of(5.0)), memory: Some(Bytes::gb(1.5)), ..Want::default() },
        Want {
            decode: Some(TokensPerSec::of(5.0)),
            memory: Some(Bytes::gb(1.5)),
            bundle: Some(Bytes::mb(700.0)),
            units: Some(Units::CpuAndNe),
            ..Want::default()
        },
    ];
    let mut before = usize::MAX;
    for want in &wishes {
        let rows = find::variants(&chosen.model, &machines, true, want);
        let passing: Vec<_> = rows.iter().filter(|row| row.sureness != Sureness::No).collect();
        assert!(passing.len() <= before, "{want:?}");
        before = passing.len();
        for pair in passing.windows(2) {
            assert!(pair[0].bundle.value <= pair[1].bundle.value, "the smallest bundle first");
        }
    }
    assert!(before > 0, "the wishes are not all impossible");
}

#[test]
fn the_shares_of_a_fleet_are_shares() {
    let asked = scenario("llama-3.2-3b", "iphone-15-pro");
    let chosen = answer::choose(&asked, None).unwrap_or_else(|error| unreachable!("{error}"));
    let pick = forwards(&asked).recommended.and_then(|idx| {
        let answer = forwards(&asked);
        answer.cells.get(idx).map(|cell| coreml_planner::scenario::Pick { variant: cell.variant, units: cell.units })
    });
    let pick = pick.unwrap_or_else(|| unreachable!("the default scenario has a recommendation"));
    let known = |id: &str, share: f64| (DeviceRef::Known { id: id.to_owned(), ram_gib: None }, 18, share);
    let devices = [known("iphone-15-pro", 30.0), known("iphone-13", 50.0), known("no-such-phone", 20.0)];
    let fleet = find::fleet(&chosen.model, pick, &devices, true, &Want::default());
    assert_eq!(fleet.rows.len(), 3);
    assert!((fleet.rows.iter().map(|row| row.share).sum::<f64>() - 1.0).abs() < 1e-12);
    assert!((fleet.unknown - 0.2).abs() < 1e-12, "a device that nobody knows is unknown");
    assert!(fleet.sure + fleet.likely >= 0.3 - 1e-12, "the phone of the scenario runs its own recommendation");
}
