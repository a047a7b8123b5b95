//! What the first load of the page weighs over the network, file by file, compressed with brotli 11.

use std::fs;

use crate::run::{command, output, root};

/// Whether a page over the budget is an error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It is.
    On,
    /// It is only shown.
    Off,
}

/// What the first visit may weigh, in bytes: what it weighs now, rounded up. It only falls.
const MOST: u64 = 205_000;
/// What it aims for.
const AIM: u64 = 200_000;

/// Node has brotli; no tool has to be installed for it. Prints `compressed raw` of each file named.
const SCRIPT: &str = "\
const {readFileSync} = require('fs'), z = require('zlib'); \
for (const f of process.argv.slice(1)) { const b = readFileSync(f); \
console.log(z.brotliCompressSync(b, {params: {[z.constants.BROTLI_PARAM_QUALITY]: 11, \
[z.constants.BROTLI_PARAM_LGWIN]: 22}}).length, b.length); }";

/// Prints the table; with the gate on, a page over the budget is an error.
pub fn report(gate: Gate) -> Result<(), String> {
    let dist = root().join("dist");
    let entries =
        fs::read_dir(&dist).map_err(|error| format!("{}: {error}; `cargo xtask build` makes it", dist.display()))?;
    let is_sent = |name: &str| {
        let ending = name.rsplit('.').next().unwrap_or_default();
        ["html", "js", "css", "wasm", "tsv"].contains(&ending)
    };
    // The worker is asked for by the first movement of a hand, or when a picture comes near; the other scripts serve pages
    // that embed the planner, and use without a network; the recipes are a page of their own.
    let is_later = |name: &str| {
        ["worker.js", "embed.js", "frame.js", "sw.js", "recipes.html", "recipes.css", "accuracy.tsv"].contains(&name)
            || name.starts_with("reader")
    };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| is_sent(name))
        .collect();
    names.sort_by_key(|name| (is_later(name), name.clone()));
    let paths: Vec<String> = names.iter().map(|name| dist.join(name).to_string_lossy().into_owned()).collect();
    let mut args = vec!["-e", SCRIPT, "--"];
    args.extend(paths.iter().map(String::as_str));
    let printed = output(command("node", &args, None)).ok_or("node could not compress the site")?;
    let (mut sum, mut raw_sum, mut later) = (0, 0, 0);
    println!("\n{:>10} {:>10}  file", "brotli", "raw");
    for (name, line) in names.iter().zip(printed.lines()) {
        let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().unwrap_or(0));
        let (small, raw) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let when = if is_later(name) {
            later += small;
            ", later"
        } else {
            sum += small;
            raw_sum += raw;
            ""
        };
        println!("{small:>10} {raw:>10}  {name}{when}");
    }
    println!("{sum:>10} {raw_sum:>10}  first visit (aim {AIM}, at most {MOST}); {later} later, if asked for\n");
    if names.iter().all(|name| !name.ends_with(".wasm")) {
        return Err("dist/ has no wasm: the build is not whole".to_owned());
    }
    if gate == Gate::On && sum > MOST {
        return Err(format!("the page weighs {sum} bytes, more than {MOST}"));
    }
    Ok(())
}
