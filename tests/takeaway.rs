//! The scripts of a plan say what the plan says, whatever a file is called. `tests/takeaway/run.py` runs them for real.

use coreml_planner::{
    model::Model,
    report::{
        answer,
        takeaway::{self, Plan},
    },
    scenario::{DeviceRef, ModelRef, Pick, Scenario, Units},
    variant::{self, Runtime, Variant},
};

fn scenario(preset: &str, device: &str) -> Scenario {
    let device = DeviceRef::Known { id: device.to_owned(), ram_gib: None };
    let os = answer::default_os(&device);
    Scenario { model: ModelRef::Preset(preset.to_owned()), device, os, ..Scenario::default() }
}

fn files(scenario: &Scenario, rename: Option<&str>, variant: &str, units: Units) -> Vec<takeaway::TextFile> {
    let machine = answer::machine(scenario).unwrap_or_else(|error| unreachable!("{error}"));
    let chosen = answer::choose(scenario, None).unwrap_or_else(|error| unreachable!("{error}"));
    let mut model: Model = chosen.model;
    if let Some(name) = rename {
        name.clone_into(&mut model.name);
    }
    let variant = Variant::from_id(variant).unwrap_or_else(|| unreachable!("no variant {variant}"));
    let pick = Pick { variant, units };
    takeaway::files(&Plan { scenario, machine: &machine, model: &model, preset: chosen.preset, pick, address: "" })
}

#[test]
fn a_link_has_the_page_s_address_unless_it_means_something_in_a_program() {
    let scenario = scenario("llama-3.2-1b", "iphone-15-pro");
    let machine = answer::machine(&scenario).unwrap_or_else(|error| unreachable!("{error}"));
    let chosen = answer::choose(&scenario, None).unwrap_or_else(|error| unreachable!("{error}"));
    let pick = Pick { variant: variant::EVERY[0], units: Units::All };
    let check = |address: &str, start: &str| {
        let model = &chosen.model;
        let plan = Plan { scenario: &scenario, machine: &machine, model, preset: chosen.preset, pick, address };
        let rest = plan.link().strip_prefix(start).map(str::to_owned);
        assert!(rest.is_some_and(|rest| rest.starts_with("v=1&m=llama-3.2-1b")), "{address}: {}", plan.link());
    };
    check("https://planner.example/course/", "https://planner.example/course/#");
    check("http://127.0.0.1:8080/", "http://127.0.0.1:8080/#");
    check("https://planner.example/\"\"\"/", "#");
    check("javascript:alert(1)", "#");
    check("", "#");
}

fn text(files: &[takeaway::TextFile], name: &str) -> String {
    files.iter().find(|file| file.name == name).map_or_else(String::new, |file| file.text.clone())
}

#[test]
fn the_script_has_the_settings_of_the_variant() {
    let check = |variant: &str, words: &[&str]| {
        let files = files(&scenario("llama-3.2-1b", "iphone-15-pro"), None, variant, Units::CpuAndNe);
        let script = text(&files, "convert.py");
        for word in words {
            assert!(script.contains(word), "{variant} lacks {word}:\n{script}");
        }
    };
    check("fp16", &["return model", "FLOAT16", "ct.target.iOS18"]);
    check("fp32", &["FLOAT32"]);
    check("lut6", &["OpPalettizerConfig(mode=\"kmeans\", nbits=6)"]);
    check("lut4-g16", &["nbits=4, granularity=\"per_grouped_channel\", group_size=16"]);
    check("lut4-v2", &["cluster_dim=2"]);
    check("int8-channel", &["dtype=\"int8\", granularity=\"per_channel\""]);
    check("int4-block32", &["dtype=\"int4\", granularity=\"per_block\", block_size=32"]);
    check("sparse75", &["target_sparsity=0.75"]);
    check("sparse50-lut4", &["target_sparsity=0.50", "nbits=4", "joint_compression=True"]);
    check("w8a8", &["linear_quantize_activations", "linear_quantize_weights", "calibration_samples"]);
}

#[test]
fn every_variant_has_its_files_and_the_units_stand_in_them() {
    for own in variant::EVERY {
        let id = own.id();
        let made = files(&scenario("qwen3-0.6b", "macbook-air-m4"), None, &id, Units::CpuAndGpu);
        let link = format!("q={id}");
        assert!(made.iter().all(|file| file.text.contains(&link)), "{id}: every file names its plan");
        match own.runtime {
            Runtime::CoreMl => {
                assert!(text(&made, "PlannedModel.swift").contains("computeUnits = .cpuAndGPU"), "{id}");
                assert!(text(&made, "verify.py").contains("ct.ComputeUnit.CPU_AND_GPU"), "{id}");
            }
            Runtime::LlamaCpp => {
                assert!(text(&made, "convert.sh").contains("convert_hf_to_gguf.py Qwen3_0_6B"), "{id}")
            }
            Runtime::Mlx => assert!(text(&made, "convert.sh").contains("--hf-path Qwen/Qwen3-0.6B"), "{id}"),
        }
    }
}

#[test]
fn the_lengths_of_the_plan_stand_in_script_and_app() {
    let asked = Scenario { context: 2048, prompt: 256, ..scenario("llama-3.2-1b", "iphone-15-pro") };
    let made = files(&asked, None, "lut4-g16", Units::CpuAndNe);
    assert!(text(&made, "convert.py").contains("PROMPT, CONTEXT = 256, 2048"));
    assert!(text(&made, "PlannedModel.swift").contains("static let prompt = 256, context = 2048"));
}

#[test]
fn a_name_from_a_file_cannot_become_program_text() {
    let asked = Scenario { model: ModelRef::Preset("resnet-18".to_owned()), ..scenario("resnet-18", "iphone-13") };
    let hostile = "x\"\"\"\nimport os; os.system('rm -rf /')\n\"\"\" \\u{0022} \u{202e} */ // \u{2028}";
    for file in files(&asked, Some(hostile), "lut4", Units::All) {
        for bad in ["os.system('", "\u{202e}", "\u{2028}", "import os;"] {
            assert!(!file.text.contains(bad), "{}: {bad:?} came through:\n{}", file.name, file.text);
        }
        let quotes = file.text.matches("\"\"\"").count();
        assert_eq!(quotes % 2, 0, "{}: docstrings stay closed", file.name);
    }
}
