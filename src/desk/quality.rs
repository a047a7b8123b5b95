//! What is published of the answers of a variant, in the dialog: every pair, with its source.

use crate::{
    catalog::{Preset, published_quality},
    markup::{Markup, sheet_of},
    report::{
        effect::Effect,
        quality::{Published, pairs, quality},
        words,
    },
    variant::Variant,
};

const CAVEAT: &str = "Quality is not predicted. These are other people's figures for other models, some of them much older or \
                      smaller than yours; small models lose more. Measure your own model on your own data.";

/// The sheet of a variant.
pub(super) fn sheet(variant: &Variant, preset: Option<&Preset>) -> String {
    let arch = preset.map(|preset| &preset.arch);
    let published = quality(&pairs(published_quality()), variant, arch).published;
    sheet_of(&["Quality of ", &variant.label()].concat(), |m| {
        if let Effect::Published(own, is_same_group) = Effect::of(variant, arch) {
            m.say("p", &[("class", "sheet-value")], &words::effect(own, is_same_group));
        }
        m.say("h3", &[], "What is published");
        m.put(
            "div",
            &[("class", "scroller"), ("tabindex", "0"), ("role", "region"), ("aria-label", "Published pairs")],
            |m| {
                table(m, &published);
            },
        );
        m.say("p", &[("class", "sheet-caveat")], CAVEAT);
    })
}

fn table(m: &mut Markup, published: &[Published]) {
    m.put("table", &[("class", "listing")], |m| {
        m.put("thead", &[], |m| {
            m.put("tr", &[], |m| {
                m.say("th", &[("scope", "col")], "Model and measure");
                for name in ["plain", "compressed", "change"] {
                    m.say("th", &[("scope", "col"), ("class", "num")], name);
                }
            });
        });
        m.put("tbody", &[], |m| published.iter().for_each(|own| row(m, own)));
    });
}

fn row(m: &mut Markup, own: &Published) {
    let group = match (own.same_group, own.group.as_str()) {
        (true, _) => "the same group".to_owned(),
        (false, "tensor") => "one group for the tensor".to_owned(),
        (false, "channel") => "a group a channel".to_owned(),
        (false, other) => ["group ", other].concat(),
    };
    let training = if own.training == "none" { "no training" } else { &own.training };
    m.put("tr", &[], |m| {
        m.put("th", &[("scope", "row")], |m| {
            m.text(&own.model);
            let about = [&own.measure, "; ", &group, "; ", training, "; ", &own.source, ", row ", &own.row].concat();
            m.text(" ");
            m.say("span", &[("class", "source-note")], &about);
        });
        let change = (own.compressed / own.plain - 1.0) * 1000.0;
        let percent =
            if own.measure.ends_with("dB") { "\u{2013}".to_owned() } else { words::change(change.round() as i32) };
        for text in [own.plain.to_string(), own.compressed.to_string(), percent] {
            m.say("td", &[("class", "num")], &text);
        }
    });
}
