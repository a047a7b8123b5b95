//! The catalogue: what the packer refuses and how it says so, and what the packed data must hold.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use coreml_planner::catalog::{Catalog, DeviceKind, Fact, FactKind, RuleTexts, Rulebook, Soc, TopsMeaning};

#[path = "../src/catalog/pack.rs"]
mod pack;

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("coreml-planner-catalog-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).expect("a temporary folder");
        for (name, text) in files {
            fs::write(folder.0.join(name), text).expect("a file in it");
        }
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const SOURCES: &str = "[[source]]\nid = \"page\"\ntitle = \"A page\"\n";
const SOC: &str = r#"[[soc]]
id = "m9"
name = "M9"
year = 2030
gpu_cores = [8, 10]
ane = { family = "H25", cores = 16, engines = 1, tops = "unknown" }
memory_gbs = { value = "300 GB/s", source = "page", kind = "vendor" }
confidence = "low"
"#;
const DEVICE: &str = r#"[[device]]
id = "mac-mini-m9"
name = "Mac mini (M9)"
kind = "desktop"
soc = "m9"
os = "macos"
ram_gib = [16, 32]
gpu_cores = 10
source = "page"
"#;
const LIMIT: &str = r#"[[limit]]
id = "bag"
what = "What fits the bag"
bytes = "2 GB"
source = "page"
confidence = "low"
"#;

/// Packs the sources and one more file, and compares `file:line: complaint` of each complaint.
fn check(data: &str, expected: &[&str]) {
    check_files(&[("a.toml", SOURCES), ("b.toml", data)], expected);
}

fn check_files(files: &[(&str, &str)], expected: &[&str]) {
    let folder = Folder::new(files);
    let here = |text: &str| text.replace(&format!("{}/", folder.0.display()), "");
    let found: Vec<String> = match pack::pack(&folder.0) {
        Ok(_) => Vec::new(),
        Err(problems) => {
            let words = |p: &pack::Problem| format!("{}:{}: {}", p.file.display(), p.line, p.what);
            problems.iter().map(|problem| here(&words(problem))).collect()
        }
    };
    assert_eq!(found, expected);
}

#[test]
fn rows_without_a_mistake_are_packed() {
    check(&[SOC, DEVICE, LIMIT].concat(), &[]);
    let folder = Folder::new(&[("a.toml", SOURCES), ("b.toml", &[SOC, DEVICE, LIMIT].concat())]);
    let packed = pack::pack(&folder.0).expect("no complaint");
    let catalog: Catalog = postcard::from_bytes(&packed.catalog).expect("the library's own shape");
    assert_eq!(catalog.soc("m9").and_then(|soc| soc.memory_gbs.as_ref()).map(|fact| fact.value), Some(300.0));
    assert_eq!(catalog.device("mac-mini-m9").map(|device| device.ram_gib.clone()), Some(vec![16.0, 32.0]));
    assert_eq!(catalog.limit("bag").and_then(|limit| limit.bytes), Some(2e9));
}

#[test]
fn an_unknown_source_is_refused() {
    let data = SOC.replace("source = \"page\"", "source = \"pge\"");
    check(&data, &["b.toml:7: unknown source `pge`; add a [[source]] with that id"]);
}

#[test]
fn a_missing_unit_is_refused() {
    let expected = ["b.toml:7: `300` has no unit; write it in one of GB/s"];
    check(&SOC.replace("\"300 GB/s\"", "300"), &expected);
    check(&SOC.replace("\"300 GB/s\"", "\"300\""), &expected);
    check(
        &SOC.replace("\"300 GB/s\"", "true"),
        &["b.toml:7: not a quantity; write a number and one of GB/s in quotes"],
    );
}

#[test]
fn a_wrong_unit_is_refused() {
    check(
        &LIMIT.replace("2 GB", "2 Gb"),
        &["b.toml:4: `2 Gb` has the wrong unit; use one of bytes, kB, MB, GB, KiB, MiB, GiB"],
    );
}

#[test]
fn a_number_that_is_none_is_refused() {
    check(&SOC.replace("300 GB/s", "3oo GB/s"), &["b.toml:7: `3oo` is not a number of zero or more"]);
    check(&SOC.replace("300 GB/s", "-3 GB/s"), &["b.toml:7: `-3` is not a number of zero or more"]);
}

#[test]
fn a_range_that_does_not_hold_its_value_is_refused() {
    let expected = ["b.toml:7: low ≤ value ≤ high does not hold"];
    check(&SOC.replace("source = ", "low = \"301 GB/s\", source = "), &expected);
    check(&SOC.replace("source = ", "high = \"299 GB/s\", source = "), &expected);
}

#[test]
fn a_duplicate_id_is_refused_for_every_kind_of_row() {
    check(&[SOC, SOC].concat(), &["b.toml:10: duplicate soc id `m9`, first used at b.toml:2"]);
    check(&[SOC, DEVICE, DEVICE].concat(), &["b.toml:19: duplicate device id `mac-mini-m9`, first used at b.toml:10"]);
    check(&[LIMIT, LIMIT].concat(), &["b.toml:8: duplicate limit id `bag`, first used at b.toml:2"]);
    let preset = "[[preset]]\nid = \"p\"\nname = \"P\"\nkind = \"course\"\n\
                  params = { value = \"1 params\", source = \"page\", kind = \"derived\" }\n\
                  arch.mlp = { widths = [1, 1], batch = 1 }\n";
    check(&preset.repeat(2), &["b.toml:8: duplicate preset id `p`, first used at b.toml:2"]);
    let coefficient = "[[coefficient]]\nid = \"c\"\nwhat = \"A share\"\n\
                       fact = { value = \"1 share\", source = \"page\", kind = \"assumed\" }\n";
    check(&coefficient.repeat(2), &["b.toml:6: duplicate coefficient id `c`, first used at b.toml:2"]);
    let memory = "[[app_memory]]\nkind = \"phone\"\nram_gib = 8\n";
    check(&memory.repeat(2), &["b.toml:4: duplicate app_memory id `phone 8 GiB`, first used at b.toml:1"]);
    check_files(
        &[("a.toml", SOURCES), ("c.toml", SOURCES)],
        &["c.toml:2: duplicate source id `page`, first used at a.toml:2"],
    );
}

#[test]
fn a_device_with_an_unknown_chip_is_refused() {
    check(DEVICE, &["b.toml:5: unknown soc `m9`; add a [[soc]] with that id"]);
    let data = [SOC, &DEVICE.replace("gpu_cores = 10", "gpu_cores = 9")].concat();
    check(&data, &["b.toml:16: soc `m9` has no variant with 9 GPU cores"]);
}

#[test]
fn ids_lists_and_families_have_one_form() {
    check(
        &LIMIT.replace("bag", "Bag_"),
        &["b.toml:2: limit id `Bag_` is not kebab-case; use a-z, 0-9, single hyphens, and dots in versions"],
    );
    // The dot of a version stands within a word: the first id is taken, the others are not.
    check(&LIMIT.replace("bag", "bag-3.2-1b"), &[]);
    for id in ["bag.", ".3", "bag-3..2"] {
        let what =
            format!("b.toml:2: limit id `{id}` is not kebab-case; use a-z, 0-9, single hyphens, and dots in versions");
        check(&LIMIT.replace("bag", id), &[&what]);
    }
    let unsorted = [SOC, &DEVICE.replace("[16, 32]", "[32, 16]")].concat();
    check(&unsorted, &["b.toml:10: ram_gib of `mac-mini-m9` must go from smallest to largest"]);
    check(&SOC.replace("H25", "h25g"), &["b.toml:6: Neural Engine family `h25g` is not an H and a number (H13)"]);
    let both = LIMIT.replace("source", "count = \"3 packs\"\nsource");
    check(&both, &["b.toml:2: limit `bag` has bytes and count; keep one"]);
}

#[test]
fn every_complaint_comes_in_one_build() {
    let data =
        [&SOC.replace("300 GB/s", "300 MB/s"), &DEVICE.replace("\"page\"", "\"pge\""), &LIMIT.replace("2 GB", "2")]
            .map(String::as_str)
            .concat();
    check(
        &data,
        &[
            "b.toml:7: `300 MB/s` has the wrong unit; use one of GB/s",
            "b.toml:17: unknown source `pge`; add a [[source]] with that id",
            "b.toml:21: `2` has no unit; write it in one of bytes, kB, MB, GB, KiB, MiB, GiB",
        ],
    );
}

#[test]
fn an_unknown_field_is_refused_in_every_file_that_has_one() {
    let typo = LIMIT.replace("what", "wat");
    let folder = Folder::new(&[("a.toml", SOURCES), ("b.toml", &typo), ("c.toml", "[[divice]]\n")]);
    let problems = pack::pack(&folder.0).expect_err("two files with a typo");
    let at: Vec<_> = problems.iter().map(|p| (p.file.file_name().and_then(|n| n.to_str()), p.line)).collect();
    assert_eq!(at, [(Some("b.toml"), 3), (Some("c.toml"), 1)]);
    assert!(problems[0].what.starts_with("unknown field `wat`"), "{}", problems[0].what);
}

#[test]
fn the_packed_bytes_are_those_of_the_data_folder() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/data");
    let packed = pack::pack(&data).expect("no complaint about our own data");
    let catalog: Catalog = postcard::from_bytes(&packed.catalog).expect("the library's own shape");
    assert_eq!(&catalog, Catalog::get());
    let rules: Rulebook = postcard::from_bytes(&packed.rules).expect("the library's own shape");
    assert_eq!(&rules, Rulebook::get());
    let texts: RuleTexts = postcard::from_bytes(&packed.texts).expect("the library's own shape");
    assert_eq!(&texts, RuleTexts::get());
    assert_eq!(pack::pack(&data), Ok(packed));
}

const SOCS: [&str; 33] = [
    "a12",
    "a12x-a12z",
    "a13",
    "a14",
    "a15",
    "a16",
    "a17-pro",
    "a18",
    "a18-pro",
    "a19",
    "a19-pro",
    "a20-pro",
    "m1",
    "m1-pro",
    "m1-max",
    "m1-ultra",
    "m2",
    "m2-pro",
    "m2-max",
    "m2-ultra",
    "m3",
    "m3-pro",
    "m3-max",
    "m3-ultra",
    "m4",
    "m4-pro",
    "m4-max",
    "m5",
    "m5-pro",
    "m5-max",
    "m5-ultra",
    "m6",
    "s9-s10",
];

#[test]
fn every_chip_is_there_and_in_some_device() {
    let catalog = Catalog::get();
    let found: HashSet<&str> = catalog.socs.iter().map(|soc| soc.id.as_str()).collect();
    assert_eq!(found, HashSet::from(SOCS));
    for id in SOCS {
        assert!(catalog.devices.iter().any(|device| device.soc == id), "no device has {id}");
    }
}

fn facts(soc: &Soc) -> impl Iterator<Item = &Fact> {
    [
        &soc.gpu_fp32_tflops,
        &soc.gpu_fp16_tflops,
        &soc.gpu_matmul_fp16_tflops,
        &soc.ane_tops_stated,
        &soc.ane_fp16_derived_tflops,
        &soc.ane_fp16_measured_tflops,
        &soc.ane_int8_derived_tops,
        &soc.ane_int8_measured_tops,
        &soc.ane_weight_read_gbs,
        &soc.ane_call_ms,
        &soc.memory_gbs,
        &soc.cpu_matrix_fp32_tflops,
    ]
    .into_iter()
    .flatten()
}

#[test]
fn every_fact_has_a_source_and_a_range_that_holds_it() {
    let catalog = Catalog::get();
    let memory = catalog.app_memory.iter().flat_map(|row| row.default_share.iter().chain(&row.entitled_share));
    let mut n_facts = 0;
    for fact in catalog.socs.iter().flat_map(facts).chain(memory) {
        n_facts += 1;
        assert!(fact.low <= fact.value && fact.value <= fact.high && fact.value > 0.0, "{fact:?}");
        let source = catalog.source(fact.source).expect("the source of a fact");
        assert!(!source.title.is_empty() && source.url.starts_with("https://"), "{source:?}");
    }
    assert!(n_facts > 150, "{n_facts}");
    for source in catalog.devices.iter().map(|row| row.source).chain(catalog.limits.iter().map(|row| row.source)) {
        assert!(catalog.source(source).is_some());
    }
}

#[test]
fn what_is_derived_says_how() {
    for fact in Catalog::get().socs.iter().flat_map(facts).filter(|fact| fact.kind == FactKind::Derived) {
        assert!(!fact.note.is_empty(), "{fact:?}");
    }
}

#[test]
fn the_figures_of_the_course_are_what_they_count() {
    let check = |id: &str, tops: f64, meaning: TopsMeaning, int8_fast_path: bool, note: &str| {
        let soc = Catalog::get().soc(id).expect("a chip of the course");
        assert_eq!(soc.ane_tops_stated.as_ref().map(|fact| fact.value), Some(tops), "{id}");
        assert_eq!((soc.ane_tops_meaning, soc.ane_int8_fast_path), (meaning, int8_fast_path), "{id}");
        let first = soc.notes.first().expect("a note about the figure");
        assert!(first.contains(note), "{id}: {first}");
    };
    check("a17-pro", 35.0, TopsMeaning::Int8, true, "right for the A17 Pro");
    check("m3", 18.0, TopsMeaning::Fp16, false, "does not hold for the M3");
    check("m4", 38.0, TopsMeaning::Int8, true, "on the M4 is right and counts INT8");
    check("a16", 17.0, TopsMeaning::Fp16, false, "FP16");
    check("m1", 11.0, TopsMeaning::Fp16, false, "FP16");
}

#[test]
fn no_mac_chip_lets_its_neural_engine_read_at_the_rate_of_the_whole_memory() {
    for soc in Catalog::get().socs.iter().filter(|soc| soc.id.starts_with('m')) {
        let read = soc.ane_weight_read_gbs.as_ref().map_or(f64::INFINITY, |fact| fact.high);
        let memory = soc.memory_gbs.as_ref().map_or(0.0, |fact| fact.value);
        assert!(read < memory && read < 160.0, "{}: {read} of {memory}", soc.id);
    }
}

#[test]
fn a_stated_figure_agrees_with_the_clock_within_a_tenth() {
    let mut n_checked = 0;
    for soc in &Catalog::get().socs {
        let derived = match soc.ane_tops_meaning {
            TopsMeaning::Fp16 => &soc.ane_fp16_derived_tflops,
            TopsMeaning::Int8 => &soc.ane_int8_derived_tops,
            TopsMeaning::Unknown => &None,
        };
        if let (Some(stated), Some(derived)) = (&soc.ane_tops_stated, derived) {
            n_checked += 1;
            assert!((stated.value / derived.value - 1.0).abs() < 0.1, "{}", soc.id);
        }
    }
    assert!(n_checked >= 8, "{n_checked}");
}

#[test]
fn the_devices_of_the_page_are_there() {
    let catalog = Catalog::get();
    let check = |id: &str, soc: &str, kind: DeviceKind, ram: &[f64]| {
        let device = catalog.device(id).unwrap_or_else(|| panic!("no device {id}"));
        assert_eq!((device.soc.as_str(), device.kind, device.ram_gib.as_slice()), (soc, kind, ram), "{id}");
    };
    check("iphone-se-3", "a15", DeviceKind::Phone, &[4.0]);
    check("iphone-13", "a15", DeviceKind::Phone, &[4.0]);
    check("iphone-15-pro", "a17-pro", DeviceKind::Phone, &[8.0]);
    check("iphone-17-pro", "a19-pro", DeviceKind::Phone, &[12.0]);
    check("macbook-air-m1", "m1", DeviceKind::Laptop, &[8.0, 16.0]);
    check("macbook-air-m3", "m3", DeviceKind::Laptop, &[8.0, 16.0, 24.0]);
    check("macbook-air-m4", "m4", DeviceKind::Laptop, &[16.0, 24.0, 32.0]);
    check("macbook-pro-14-m4-pro", "m4-pro", DeviceKind::Laptop, &[24.0, 48.0]);
    check("mac-mini-m4", "m4", DeviceKind::Desktop, &[16.0, 24.0, 32.0]);
    check("mac-studio-m2-ultra", "m2-ultra", DeviceKind::Desktop, &[64.0, 128.0, 192.0]);
    check("ipad-pro-11-m4", "m4", DeviceKind::Tablet, &[8.0, 16.0]);
}

#[test]
fn the_limits_have_their_ids_and_values() {
    let catalog = Catalog::get();
    let check = |id: &str, bytes: Option<f64>, count: Option<f64>, os_from: Option<u8>| {
        let limit = catalog.limit(id).unwrap_or_else(|| panic!("no limit {id}"));
        assert_eq!((limit.bytes, limit.count, limit.os_from), (bytes, count, os_from), "{id}");
    };
    check("app-uncompressed", Some(4e9), None, None);
    check("cellular-prompt", Some(2e8), None, Some(13));
    check("odr-asset-pack", Some(8e9), None, Some(18));
    check("background-assets-total", Some(2e11), None, Some(26));
    // Looked for and not found, which is not "no limit".
    check("background-assets-pack", None, None, Some(26));
    check("ane-weight-file", Some(2_147_483_648.0), None, None);
    check("ane-model-ios", Some(1e9), None, None);
    check("ane-model-mac", Some(2e9), None, None);
    check("tensor-dim-old", None, Some(16_384.0), None);
    check("tensor-dim-new", None, Some(65_536.0), None);
    check("rank-max", None, Some(5.0), None);
}

#[test]
fn app_memory_is_known_where_somebody_saw_it_and_nowhere_else() {
    let catalog = Catalog::get();
    let row = |kind, ram: f64| catalog.app_memory.iter().find(|row| row.kind == kind && row.ram_gib == ram);
    let eight = row(DeviceKind::Phone, 8.0).expect("8 GB iPhones");
    assert_eq!(eight.default_share.as_ref().map(|fact| fact.value), Some(0.375));
    assert_eq!(eight.entitled_share.as_ref().map(|fact| fact.value), Some(0.75));
    let twelve = row(DeviceKind::Phone, 12.0).expect("12 GB iPhones");
    assert_eq!((&twelve.default_share, &twelve.entitled_share), (&None, &None));
    let mac = row(DeviceKind::Laptop, 16.0).expect("16 GB MacBooks");
    let note = mac.default_share.as_ref().map_or("", |fact| &fact.note);
    assert!(note.contains("recommendedMaxWorkingSetSize"), "{note}");
    assert!(mac.entitled_share.is_none());
    for fact in catalog.app_memory.iter().flat_map(|row| row.default_share.iter().chain(&row.entitled_share)) {
        assert!(fact.high <= 1.0, "{fact:?}");
    }
}
