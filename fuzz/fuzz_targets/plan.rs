#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coreml_planner_fuzz::plan(data));
