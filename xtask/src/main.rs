//! `cargo xtask`: sets up what is missing, then builds, serves or tests.
//!
//! `serve [--port N]` builds the page and serves it on this machine. `test` is everything CI runs. `build` makes the
//! static site in `dist/`. `size` measures it. `offline` finishes it: joins its style sheets, lists its files for the
//! service worker. `fuzz` looks for inputs that break the reader. No dependencies: it must build in a second on a machine
//! with nothing.

mod address;
mod check;
mod fuzz;
mod imports;
mod offline;
mod run;
mod script;
mod sheet;
mod size;
mod tools;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask serve [--port N]   build the page and serve it on http://127.0.0.1:8080
cargo xtask test               everything: format, lints, tests, the site, its size, a real browser
cargo xtask build              the static site, in dist/
cargo xtask size               what the page weighs over the network
cargo xtask offline            joins the style sheets and lists what is kept without a network (a hook of trunk calls it)
cargo xtask fuzz [TARGET] [N]  fuzzes the reader for N seconds a target (60); needs a nightly compiler";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["serve"] => tools::web().and_then(|path| run::serve(&path, "8080")),
        ["serve", "--port", port] => tools::web().and_then(|path| run::serve(&path, port)),
        ["build"] => tools::web().and_then(|path| run::build(&path)),
        ["offline"] => offline::write(),
        ["size"] => size::report(size::Gate::Off),
        ["test"] => check::everything(),
        ["fuzz"] => fuzz::all("60"),
        ["fuzz", target] => fuzz::one(target, "60"),
        ["fuzz", target, seconds] => fuzz::one(target, seconds),
        _ => {
            println!("{HELP}");
            return if words.is_empty() || words == ["--help"] { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("xtask: {what}");
            ExitCode::FAILURE
        }
    }
}
