//! What is published of the answers of a variant, in the dialog: every pair, with its source.

use crate::{
    catalog::{Preset, published_quality},
    markup::{Markup, sheet_of},
    report::{
        effect::Effect,
        quality::{Published, pairs, quality},
        words,
    },
    texts::quality as text,
    variant::Variant,
};

/// The sheet of a variant.
pub(super) fn sheet(variant: &Variant, preset: Option<&Preset>) -> String {
    let arch = preset.map(|preset| &preset.arch);
    let published = quality(&pairs(published_quality()), variant, arch).published;
    sheet_of(&text::title(&variant.label()), |m| {
        if let Effect::Published(own, is_same_group) = Effect::of(variant, arch) {
            m.say("p", &[("class", "sheet-value")], &words::effect(own, is_same_group));
        }
        m.say("h3", &[], text::PUBLISHED);
        m.put(
            "div",
            &[("class", "scroller"), ("tabindex", "0"), ("role", "region"), ("aria-label", text::PAIRS)],
            |m| {
                table(m, &published);
            },
        );
        m.say("p", &[("class", "sheet-caveat")], text::CAVEAT);
    })
}

fn table(m: &mut Markup, published: &[Published]) {
    m.put("table", &[("class", "listing")], |m| {
        m.put("thead", &[], |m| {
            m.put("tr", &[], |m| {
                m.say("th", &[("scope", "col")], text::HEAD_WHAT);
                for name in [text::HEAD_PLAIN, text::HEAD_COMPRESSED, text::HEAD_CHANGE] {
                    m.say("th", &[("scope", "col"), ("class", "num")], name);
                }
            });
        });
        m.put("tbody", &[], |m| published.iter().for_each(|own| row(m, own)));
    });
}

fn row(m: &mut Markup, own: &Published) {
    let group = match (own.same_group, own.group.as_str()) {
        (true, _) => text::SAME_GROUP.to_owned(),
        (false, "tensor") => text::ONE_GROUP.to_owned(),
        (false, "channel") => text::CHANNEL_GROUP.to_owned(),
        (false, other) => text::group(other),
    };
    let training = if own.training == "none" { text::NO_TRAINING } else { &own.training };
    m.put("tr", &[], |m| {
        m.put("th", &[("scope", "row")], |m| {
            m.text(&own.model);
            let about = text::about(&own.measure, &group, training, &own.source, &own.row);
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
