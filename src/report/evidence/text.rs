//! The evidence as text for a terminal.

use super::{super::plan::table, AgreementDocument, Alone, Disagreement, EvidenceDocument, MatrixCell};

/// Most rows of a list that the text has; the document has all.
const MOST_LISTED: usize = 40;

/// The document as text for a terminal.
#[must_use]
pub fn text(document: &EvidenceDocument) -> String {
    let (predicted, measured) = (&document.predicted, &document.measured);
    let mut out = format!(
        "{}\npredicted for {} ({}), units {}\n",
        document.model, predicted.device, predicted.os, predicted.units
    );
    let stated: Vec<&str> =
        [&measured.chip, &measured.device, &measured.os].into_iter().flatten().map(String::as_str).collect();
    let on = if stated.is_empty() { "an unnamed device".to_owned() } else { stated.join(", ") };
    let units = measured.units.map_or_else(String::new, |units| format!(", units {units}"));
    out.push_str(&format!("measured on {on}{units} (written by {})\n", measured.tool));
    for note in &document.notes {
        out.push_str(&format!("  {note}\n"));
    }
    if document.functions.len() > 1 {
        out.push_str("\nall functions together\n");
        figures(&document.agreement, &mut out);
    }
    for function in &document.functions {
        out.push_str(&format!(
            "\nfunction {}: {} operations predicted, {} measured; {} paired by name, {} by order\n",
            function.name, function.n_predicted, function.n_measured, function.n_by_name, function.n_by_order
        ));
        figures(&function.agreement, &mut out);
        differing(&function.disagreements, &mut out);
        for (head, list) in [("only predicted", &function.only_predicted), ("only measured", &function.only_measured)] {
            lonely(head, list, &mut out);
        }
    }
    for (head, names) in [("predicted", &document.only_predicted), ("measured", &document.only_measured)] {
        if !names.is_empty() {
            out.push_str(&format!("\nfunctions only {head}: {}\n", names.join(", ")));
        }
    }
    out
}

fn figures(agreement: &AgreementDocument, out: &mut String) {
    let share = |share: Option<f64>| share.map_or_else(|| "unknown".to_owned(), |own| format!("{:.1} %", own * 100.0));
    out.push_str(&format!(
        "  same unit: {} of {} operations ({}), {} of Core ML's cost; same answer whether the Neural Engine could: {} of {}\n",
        agreement.n_same,
        agreement.n_counted,
        share(agreement.share_of_ops),
        share(agreement.share_of_cost),
        share(agreement.share_of_eligible),
        agreement.n_eligible_counted
    ));
    let mut rows = vec![["  predicted \\ measured".to_owned(), "ane".into(), "gpu".into(), "cpu".into()]];
    for predicted in ["ane", "gpu", "cpu"] {
        let n = |measured: &str| {
            let own = |cell: &&MatrixCell| cell.predicted == predicted && cell.measured == measured;
            agreement.matrix.iter().find(own).map_or(0, |cell| cell.n_ops).to_string()
        };
        rows.push([format!("  {predicted}"), n("ane"), n("gpu"), n("cpu")]);
    }
    table(&rows, out);
}

fn differing(disagreements: &[Disagreement], out: &mut String) {
    if disagreements.is_empty() {
        return;
    }
    out.push('\n');
    let head = ["operation", "output", "predicted", "measured", "cost", "confidence", "rules"].map(str::to_owned);
    let mut rows = vec![head];
    for own in disagreements.iter().take(MOST_LISTED) {
        let rules: Vec<&str> = own.reasons.iter().map(|reason| reason.rule).collect();
        rows.push([
            own.op.clone(),
            own.output.clone(),
            own.predicted.to_owned(),
            own.measured.to_owned(),
            own.cost.map_or_else(|| "unknown".to_owned(), |cost| format!("{:.2} %", cost * 100.0)),
            own.confidence.to_owned(),
            rules.join(" "),
        ]);
    }
    table(&rows, out);
    more(disagreements.len(), out);
}

fn lonely(head: &str, list: &[Alone], out: &mut String) {
    if list.is_empty() {
        return;
    }
    out.push_str(&format!("\n{head} ({})\n", list.len()));
    for own in list.iter().take(MOST_LISTED) {
        let unit = own.unit.map_or_else(String::new, |unit| format!(" on {unit}"));
        out.push_str(&format!("  {} {}{unit}\n", own.op, own.output.as_deref().unwrap_or("without a result")));
    }
    more(list.len(), out);
}

fn more(n: usize, out: &mut String) {
    if n > MOST_LISTED {
        out.push_str(&format!("… and {} more; --json lists every one\n", n - MOST_LISTED));
    }
}
