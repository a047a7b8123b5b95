//! `planner find`: planning backwards, from what must hold to what does.

use std::path::PathBuf;

use coreml_planner::{
    catalog::{Catalog, PresetKind},
    machine,
    report::{
        answer::{self, Chosen},
        find::{self, Want, document},
    },
    scenario::{DeviceRef, ModelRef, Pick, Scenario, Units},
    units::{Quantity, Seconds, TokensPerSec, parse},
    variant::Variant,
};
use lexopt::{Arg, Parser, ValueExt};

use super::{Stop, json, open, positive, say};

#[derive(Default)]
struct Args {
    preset: Option<String>,
    path: Option<PathBuf>,
    devices: Vec<String>,
    later: bool,
    fleet: Option<String>,
    os: Option<u8>,
    kind: Option<String>,
    variant: Option<String>,
    want: Want,
    scenario: Scenario,
    json: bool,
}

fn bad(what: String) -> Stop {
    Stop::BadInput(what)
}

fn args(parser: &mut Parser) -> Result<Args, Stop> {
    let mut args = Args::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("preset") => args.preset = Some(parser.value()?.string()?),
            Arg::Long("device") => args.devices.push(parser.value()?.string()?),
            Arg::Long("and-later") => args.later = true,
            Arg::Long("fleet") => args.fleet = Some(parser.value()?.string()?),
            Arg::Long("os") => args.os = Some(parser.value()?.parse()?),
            Arg::Long("kind") => args.kind = Some(parser.value()?.string()?),
            Arg::Long("context") => args.scenario.context = positive(parser, "--context")?,
            Arg::Long("prompt") => args.scenario.prompt = positive(parser, "--prompt")?,
            Arg::Long("no-entitlement") => args.scenario.entitled = false,
            Arg::Long("variant") => args.variant = Some(parser.value()?.string()?),
            Arg::Long("units") => {
                let id = parser.value()?.string()?;
                args.want.units = Some(Units::from_id(&id).ok_or_else(|| {
                    bad(format!("no compute units `{id}`: all, cpu-only, cpu-and-gpu or cpu-and-ne"))
                })?);
            }
            Arg::Long("min-speed") => args.want.decode = Some(TokensPerSec::of(number(parser, "--min-speed")?)),
            Arg::Long("max-latency") => args.want.latency = Some(Seconds::ms(number(parser, "--max-latency")?)),
            Arg::Long("max-memory") => args.want.memory = Some(parse::bytes(&parser.value()?.string()?).map_err(bad)?),
            Arg::Long("max-bundle") => args.want.bundle = Some(parse::bytes(&parser.value()?.string()?).map_err(bad)?),
            Arg::Long("any-quality") => args.want.any_quality = true,
            Arg::Long("json") => args.json = true,
            Arg::Value(value) if args.path.is_none() => args.path = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(args)
}

fn number(parser: &mut Parser, name: &str) -> Result<f64, Stop> {
    let value: f64 = parser.value()?.parse()?;
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err(bad(format!("{name} {value} is not above 0"))) }
}

/// Answers `planner find QUESTION …`.
pub(super) fn find(parser: &mut Parser) -> Result<(), Stop> {
    let question = match parser.next()? {
        Some(Arg::Value(question)) => question.string()?,
        _ => return Err(bad("find needs a question: model, variant or device".to_owned())),
    };
    let mut args = args(parser)?;
    let (found, shown) = match question.as_str() {
        "model" => models(&mut args)?,
        "variant" => variants(&mut args)?,
        "device" => devices(&mut args)?,
        other => return Err(bad(format!("no question `{other}`: model, variant or device"))),
    };
    if args.json {
        json(&found)?;
    } else {
        say(&shown);
    }
    let passes = found.rows.iter().any(|row| row.sureness < find::Sureness::No);
    if passes { Ok(()) } else { Err(Stop::VerdictFailed) }
}

type Found = (document::FindDocument, String);

/// The devices that were named, each with the OS it is planned on.
fn named(args: &Args) -> Result<Vec<(DeviceRef, u8)>, Stop> {
    let mut named = Vec::new();
    for id in &args.devices {
        if Catalog::get().device(id).is_none() {
            return Err(bad(format!("no device `{id}`; `planner devices` lists them")));
        }
        let ids: Vec<String> = if args.later {
            find::and_later(id).into_iter().map(|device| device.id.clone()).collect()
        } else {
            vec![id.clone()]
        };
        for id in ids {
            let device = DeviceRef::Known { id, ram_gib: None };
            let os = args.os.unwrap_or_else(|| answer::default_os(&device));
            named.push((device, os));
        }
    }
    Ok(named)
}

fn chosen(args: &mut Args) -> Result<Chosen, Stop> {
    let package = match (&args.preset, &args.path) {
        (Some(id), None) => {
            args.scenario.model = ModelRef::Preset(id.clone());
            None
        }
        (None, Some(path)) => {
            let package = open(path)?;
            args.scenario.model = ModelRef::Package(package.name.clone());
            Some(package)
        }
        _ => return Err(bad("give --preset ID or a path; `planner presets` lists presets".to_owned())),
    };
    answer::choose(&args.scenario, package.as_ref()).map_err(|error| bad(error.to_string()))
}

fn models(args: &mut Args) -> Result<Found, Stop> {
    let kinds = [
        ("llm", PresetKind::Llm),
        ("vision", PresetKind::Vision),
        ("text", PresetKind::Text),
        ("speech", PresetKind::Speech),
        ("diffusion", PresetKind::Diffusion),
    ];
    let wanted = args.kind.as_deref().unwrap_or("llm");
    let kind = kinds.iter().find(|(id, _)| *id == wanted).map(|(_, kind)| *kind);
    let kind = kind.ok_or_else(|| bad(format!("no kind `{wanted}`: llm, vision, text, speech or diffusion")))?;
    let named = named(args)?;
    let [(device, os)] = named.as_slice() else {
        return Err(bad("`find model` needs one --device ID; `planner devices` lists them".to_owned()));
    };
    args.scenario.device = device.clone();
    args.scenario.os = *os;
    let machine = answer::machine(&args.scenario).map_err(|error| bad(error.to_string()))?;
    let rows = find::models(&args.scenario, &machine, kind, &args.want);
    Ok((document::of_models(&rows), document::text_of_models(&rows)))
}

fn variants(args: &mut Args) -> Result<Found, Stop> {
    let chosen = chosen(args)?;
    let mut machines = Vec::new();
    for (device, os) in named(args)? {
        let machine = machine::resolve(&device, os).map_err(|unknown| bad(format!("no device `{}`", unknown.0)))?;
        let DeviceRef::Known { id, .. } = device else { continue };
        machines.push((id, machine));
    }
    if machines.is_empty() {
        return Err(bad("`find variant` needs --device ID, once or more, with --and-later or without".to_owned()));
    }
    let rows = find::variants(&chosen.model, &machines, args.scenario.entitled, &args.want);
    Ok((document::of_variants(&rows), document::text_of_variants(&rows)))
}

fn devices(args: &mut Args) -> Result<Found, Stop> {
    let chosen = chosen(args)?;
    let id = args.variant.as_deref().ok_or_else(|| bad("`find device` needs --variant ID".to_owned()))?;
    let variant =
        Variant::from_id(id).ok_or_else(|| bad(format!("no variant `{id}`; `planner variants` lists them")))?;
    let units = args.want.units.ok_or_else(|| bad("`find device` needs --units U".to_owned()))?;
    let mut devices = Vec::new();
    match &args.fleet {
        Some(fleet) => {
            for part in fleet.split(',') {
                let (id, share) = part.split_once('=').unwrap_or((part, "1"));
                let share: f64 =
                    share.trim().parse().map_err(|_| bad(format!("`{share}` in `{part}` is not a share")))?;
                let device = DeviceRef::Known { id: id.trim().to_owned(), ram_gib: None };
                let os = args.os.unwrap_or_else(|| answer::default_os(&device));
                devices.push((device, os, share));
            }
        }
        None => {
            let named = named(args)?;
            let every = if named.is_empty() { find::every_device() } else { named };
            devices.extend(every.into_iter().map(|(device, os)| (device, os, 1.0)));
        }
    }
    let fleet = find::fleet(&chosen.model, Pick { variant, units }, &devices, args.scenario.entitled, &args.want);
    Ok((document::of_fleet(&fleet), document::text_of_fleet(&fleet)))
}
