//! `v=1&m=llama-3.2-3b&d=iphone-15-pro&os=18&ctx=4096&p=512&ent=1&q=lut4-g16&u=cpu-and-ne`: a scenario as a link.
//!
//! Plain keys and values, ids instead of numbers, unknown keys ignored. A wrong value becomes the default and a note; a
//! link of a newer version says so. Numbers are kept to thousandths. Every version that was ever written stays readable: [`decode`] upgrades one step at
//! a time, and `tests/links.txt` holds a link of each.

use crate::{texts::link as text, units::decimal, variant::Variant};

use super::{CustomDevice, DeviceRef, ModelRef, Pick, Scenario, Units};

/// The version that [`encode`] writes.
pub const VERSION: u32 = 1;

/// Longest context and prompt that a link may ask for: beyond any published model.
const MOST_TOKENS: u32 = 1 << 20;

/// Writes a scenario as the part of a link after `#`.
#[must_use]
pub fn encode(scenario: &Scenario) -> String {
    let mut out = format!("v={VERSION}");
    let mut put = |key: &str, value: &str| {
        out.push('&');
        out.push_str(key);
        out.push('=');
        escape(value, &mut out);
    };
    match &scenario.model {
        ModelRef::Preset(id) => put("m", id),
        ModelRef::Package(name) => put("file", name),
    }
    match &scenario.device {
        DeviceRef::Known { id, ram_gib } => {
            put("d", id);
            if let Some(ram) = ram_gib {
                put("ram", &decimal::plain(*ram));
            }
        }
        DeviceRef::Custom(custom) => {
            put("d", "custom");
            put("ram", &decimal::plain(custom.ram_gib));
            put("bw", &decimal::plain(custom.memory_gbs));
            put("ane", &decimal::plain(custom.ane_tflops));
            put("gpu", &decimal::plain(custom.gpu_tflops));
        }
    }
    put("os", &scenario.os.to_string());
    put("ctx", &scenario.context.to_string());
    put("p", &scenario.prompt.to_string());
    put("ent", if scenario.entitled { "1" } else { "0" });
    if let Some(pick) = scenario.pick {
        put("q", &pick.variant.id());
        put("u", pick.units.id());
    }
    out
}

/// Reads a link; whatever is missing or wrong is the default. The notes say what was wrong.
#[must_use]
pub fn decode(link: &str) -> (Scenario, Vec<String>) {
    let link = link.trim_start_matches(['#', '?']);
    let pairs: Vec<(&str, String)> =
        link.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key, unescape(value))).collect();
    let find = |wanted: &str| pairs.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value.as_str());
    let mut notes = Vec::new();
    let mut scenario = Scenario::default();
    match find("v").map(str::parse::<u32>) {
        None if pairs.is_empty() => return (scenario, notes),
        Some(Ok(version)) if version > VERSION => {
            notes.push(text::newer(&version.to_string()));
        }
        Some(Ok(_)) | None => {}
        Some(Err(_)) => notes.push(text::NO_VERSION.to_owned()),
    }
    if let Some(id) = find("m") {
        scenario.model = ModelRef::Preset(id.to_owned());
    } else if let Some(name) = find("file") {
        scenario.model = ModelRef::Package(name.to_owned());
    }
    let mut number = |key: &str, low: f64, high: f64| -> Option<f64> {
        let value = find(key)?;
        match decimal::parse(value) {
            Some(number) if number >= low && number <= high => Some(number),
            _ => {
                let (low, high) = (decimal::plain(low), decimal::plain(high));
                notes.push(text::no_number(key, value, &low, &high));
                None
            }
        }
    };
    let ram = number("ram", 0.5, 4096.0);
    match find("d") {
        Some("custom") => {
            let or = |value: Option<f64>, default: f64| value.unwrap_or(default);
            scenario.device = DeviceRef::Custom(CustomDevice {
                ram_gib: or(ram, 8.0),
                memory_gbs: or(number("bw", 1.0, 10_000.0), 60.0),
                ane_tflops: or(number("ane", 0.0, 10_000.0), 17.0),
                gpu_tflops: or(number("gpu", 0.0, 10_000.0), 2.0),
            });
        }
        Some(id) => scenario.device = DeviceRef::Known { id: id.to_owned(), ram_gib: ram },
        None => {}
    }
    if let Some(os) = number("os", 1.0, 99.0) {
        scenario.os = os as u8;
    }
    if let Some(context) = number("ctx", 1.0, f64::from(MOST_TOKENS)) {
        scenario.context = context as u32;
    }
    if let Some(prompt) = number("p", 1.0, f64::from(MOST_TOKENS)) {
        scenario.prompt = prompt as u32;
    }
    match find("ent") {
        Some("1") => scenario.entitled = true,
        Some("0") => scenario.entitled = false,
        Some(other) => notes.push(text::no_switch("ent", other)),
        None => {}
    }
    if let (Some(variant), Some(units)) = (find("q"), find("u")) {
        match (Variant::from_id(variant), Units::from_id(units)) {
            (Some(variant), Some(units)) => scenario.pick = Some(Pick { variant, units }),
            _ => notes.push(text::no_cell(variant, units)),
        }
    }
    (scenario, notes)
}

/// Percent-encodes whatever is not a letter, a digit or one of `-._~`.
fn escape(text: &str, out: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.extend(HEX.get(usize::from(digit)));
            }
        }
    }
}

/// Undoes [`escape`]; a `%` that starts no pair of hexadecimal digits stands for itself.
#[must_use]
pub fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(value) if *byte == b'%' => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_value_becomes_the_default_and_a_note() {
        let (scenario, notes) = decode("v=1&m=qwen3-4b&ctx=many&os=26&ent=maybe");
        assert_eq!(scenario.model, ModelRef::Preset("qwen3-4b".to_owned()));
        assert_eq!((scenario.context, scenario.os, scenario.entitled), (4096, 26, true));
        assert_eq!(notes.len(), 2, "{notes:?}");
    }

    #[test]
    fn a_link_of_a_newer_version_says_so() {
        let (_, notes) = decode("v=99&m=qwen3-4b");
        assert!(notes.iter().any(|note| note.contains("newer planner")), "{notes:?}");
    }

    #[test]
    fn any_name_survives_the_link() {
        for name in ["My Modèl & co=100%.mlpackage", "%zz%4", "中文", "a+b"] {
            let scenario = Scenario { model: ModelRef::Package(name.to_owned()), ..Scenario::default() };
            assert_eq!(decode(&encode(&scenario)), (scenario, Vec::new()));
        }
    }
}
