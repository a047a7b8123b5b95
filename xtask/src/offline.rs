//! What the service worker keeps: the list of the site's files, with a version that changes when any of them does.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{address, imports, run::root, script, sheet};

/// Files that are no part of the page.
const NOT_KEPT: [&str; 3] = ["_headers", "offline.json", "sw.js"];

/// Writes `offline.json` into the site that trunk is building (its hook says where), or into `dist/`.
pub fn write() -> Result<(), String> {
    let site = env::var_os("TRUNK_STAGING_DIR").map_or_else(|| root().join("dist"), PathBuf::from);
    // These change the page, so they come before the page is read for its version.
    sheet::join(&site)?;
    script::shorten(&site)?;
    imports::rename(&site)?;
    address::write(&site)?;
    let mut files = Vec::new();
    list(&site, &site, &mut files)?;
    files.retain(|(name, _)| !NOT_KEPT.contains(&name.as_str()));
    files.sort();
    // Over names and contents: two sites differ in version when they differ at all.
    let version = hash(files.iter().flat_map(|(name, bytes)| name.bytes().chain([0]).chain(bytes.iter().copied())));
    let names: Vec<String> = files.iter().map(|(name, _)| format!("    \"{name}\"")).collect();
    let json = format!("{{\n  \"version\": \"{version:016x}\",\n  \"files\": [\n{}\n  ]\n}}\n", names.join(",\n"));
    let path = site.join("offline.json");
    fs::write(&path, json).map_err(|error| format!("{}: {error}", path.display()))
}

/// FNV-1a: no secret, only a name that changes with what it names.
pub fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn list(site: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) -> Result<(), String> {
    let say = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(say)? {
        let path = entry.map_err(say)?.path();
        if path.is_dir() {
            list(site, &path, files)?;
        } else if let Ok(relative) = path.strip_prefix(site) {
            let name = relative.to_string_lossy().replace('\\', "/");
            // Names are trunk's and ours: letters, digits and a few signs. Anything else would need escaping in JSON.
            if name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._/".contains(letter)) {
                files.push((name, fs::read(&path).map_err(say)?));
            }
        }
    }
    Ok(())
}
