//! Scenario → what the planner prints. Each `tests/cases/*.case` is a command line; the `.out` beside it is the answer.
//!
//! `BLESS=1 cargo test --test cases` rewrites the answers; read the difference before you commit it.

use std::{fs, path::Path, process::Command};

#[test]
fn every_case_prints_what_it_printed_before() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let bless = std::env::var_os("BLESS").is_some();
    let mut cases: Vec<_> = fs::read_dir(&folder)
        .expect("tests/cases")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "case"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 6, "only {} cases", cases.len());
    let mut different = Vec::new();
    for case in cases {
        let line = fs::read_to_string(&case).expect("a case is text");
        let args: Vec<&str> =
            line.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect();
        let output = Command::new(env!("CARGO_BIN_EXE_planner"))
            .args(&args)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("planner runs");
        let code = output.status.code().unwrap_or(-1);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let printed = format!("$ planner {}\n{stdout}{stderr}exit {code}\n", args.join(" "));
        let out = case.with_extension("out");
        if bless {
            fs::write(&out, &printed).expect("the answer can be written");
        } else if fs::read_to_string(&out).unwrap_or_default() != printed {
            different.push(format!("{} differs:\n{printed}", out.display()));
        }
    }
    assert!(different.is_empty(), "{}\nBLESS=1 rewrites them", different.join("\n"));
}
