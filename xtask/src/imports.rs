//! Short names between a wasm and its script. wasm-bindgen names every import after what it does and a hash: some two
//! hundred names that nobody reads, in both files, of which hashes do not compress.

use std::{collections::HashMap, fs, ops::Range, path::Path};

use crate::script::pairs;

/// Gives the imports of every wasm in the site short names, there and in the script beside it.
pub fn rename(site: &Path) -> Result<(), String> {
    let say = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    for (script, wasm) in pairs(site)? {
        let text = fs::read_to_string(&script).map_err(|error| say(&script, error))?;
        let bytes = fs::read(&wasm).map_err(|error| say(&wasm, error))?;
        if let Some((text, bytes)) = renamed(&text, &bytes) {
            fs::write(&script, text).map_err(|error| say(&script, error))?;
            fs::write(&wasm, bytes).map_err(|error| say(&wasm, error))?;
        }
    }
    Ok(())
}

/// An import: what it is imported from, its name, and where the rest of its entry stands.
struct Import {
    module: String,
    name: String,
    rest: Range<usize>,
}

const IMPORTS: u8 = 2;

/// Both files with short names; nothing where they are not as we know them, so that nothing is changed.
fn renamed(script: &str, wasm: &[u8]) -> Option<(String, Vec<u8>)> {
    let (section, body) = section(wasm, IMPORTS)?;
    let imports = imports(wasm, body)?;
    let mut names: HashMap<&str, String> = HashMap::new();
    let mut script = script.to_owned();
    for import in &imports {
        // Each is the key of a function in the script, and stands nowhere else in it.
        let (key, quoted) = ([&*import.name, ":"].concat(), ["\"", &import.module, "\""].concat());
        if !names.contains_key(&*import.name) && script.matches(&*import.name).count() == 1 && script.contains(&key) {
            let short = short(names.len());
            script = script.replace(&key, &[&*short, ":"].concat());
            names.insert(&import.name, short);
        }
        if !names.contains_key(&*import.module) && script.matches(&*quoted).count() == 1 {
            let short = short(names.len());
            script = script.replace(&quoted, &["\"", &*short, "\""].concat());
            names.insert(&import.module, short);
        }
    }
    let mut entries = number(imports.len());
    for import in &imports {
        for name in [&import.module, &import.name] {
            let name = names.get(&**name).unwrap_or(name);
            entries.extend(number(name.len()));
            entries.extend(name.bytes());
        }
        entries.extend(wasm.get(import.rest.clone())?);
    }
    let mut bytes = wasm.get(..section.start)?.to_vec();
    bytes.push(IMPORTS);
    bytes.extend(number(entries.len()));
    bytes.extend(entries);
    bytes.extend(wasm.get(section.end..)?);
    Some((script, bytes))
}

/// Where a section stands, and what is in it.
fn section(wasm: &[u8], wanted: u8) -> Option<(Range<usize>, Range<usize>)> {
    let mut at = b"\0asm\x01\0\0\0".len();
    loop {
        let start = at;
        let kind = *wasm.get(at)?;
        at += 1;
        let length = read(wasm, &mut at)?;
        let end = at.checked_add(length)?;
        if kind == wanted {
            return Some((start..end, at..end));
        }
        at = end;
    }
}

/// The imports, if all of them are functions.
fn imports(wasm: &[u8], body: Range<usize>) -> Option<Vec<Import>> {
    let mut at = body.start;
    let n = read(wasm, &mut at)?;
    let mut found = Vec::new();
    for _ in 0..n {
        let (module, name) = (text(wasm, &mut at)?, text(wasm, &mut at)?);
        let start = at;
        if *wasm.get(at)? != 0 {
            return None;
        }
        at += 1;
        read(wasm, &mut at)?;
        found.push(Import { module, name, rest: start..at });
    }
    (at == body.end).then_some(found)
}

fn text(wasm: &[u8], at: &mut usize) -> Option<String> {
    let length = read(wasm, at)?;
    let bytes = wasm.get(*at..at.checked_add(length)?)?;
    *at += length;
    String::from_utf8(bytes.to_vec()).ok()
}

/// An unsigned number as WebAssembly writes it (LEB128).
fn read(wasm: &[u8], at: &mut usize) -> Option<usize> {
    let (mut value, mut shift) = (0_usize, 0);
    loop {
        let byte = *wasm.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 127).checked_shl(shift)?;
        shift += 7;
        if byte < 128 {
            return Some(value);
        }
    }
}

fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 127) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 128);
    }
}

/// `a`, `b` … `z`, `ba`, `bb` …
fn short(mut idx: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(char::from(b'a' + (idx % 26) as u8));
        idx /= 26;
        if idx == 0 {
            return letters.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::renamed;

    /// Two functions from a module, and a section after them.
    fn wasm(names: [&str; 2]) -> Vec<u8> {
        let mut imports = vec![2];
        for name in names {
            imports.extend([6]);
            imports.extend(b"./a.js");
            imports.push(name.len() as u8);
            imports.extend(name.bytes());
            imports.extend([0, 3]);
        }
        let mut wasm = b"\0asm\x01\0\0\0\x01\x01\x00\x02".to_vec();
        wasm.push(imports.len() as u8);
        wasm.extend(imports);
        wasm.extend([0, 2, 1, b'x']);
        wasm
    }

    #[test]
    fn names_are_short_in_both_and_nothing_else_changes() {
        let script = "const i = {\n__wbg_go_12ab: function() {},\n__wbg_stay_1: f,\n};\nf(__wbg_stay_1);\nreturn { \"./a.js\": i };";
        let (script, bytes) = renamed(script, &wasm(["__wbg_go_12ab", "__wbg_stay_1"])).unwrap();
        assert!(
            script.contains("\na: function() {}") && script.contains("\"b\": i") && script.contains("__wbg_stay_1: f")
        );
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("__wbg_go") && text.contains("__wbg_stay_1") && !text.contains("./a.js"));
        assert_eq!(&bytes[..12], b"\0asm\x01\0\0\0\x01\x01\x00\x02");
        assert_eq!(bytes[12] as usize + 13 + 4, bytes.len(), "the section's length is its own");
        assert!(bytes.ends_with(&[0, 2, 1, b'x']));
    }

    #[test]
    fn what_is_no_wasm_is_left_alone() {
        let whole = wasm(["a_name", "another"]);
        for end in 0..whole.len() - 4 {
            assert!(renamed("", &whole[..end]).is_none(), "{end}");
        }
    }
}
