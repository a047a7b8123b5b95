//! Rows of a file of measurements: comma-separated text with a head that names the columns.

/// How far a row is to be believed: the grade its notes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// First-party table, or raw logs with a harness that can be run again.
    A,
    /// Reported by a maintainer, with a method.
    B,
    /// One person's report, or a part of it inferred.
    C,
    /// Second-hand, read off a figure, or physically suspicious: never calibrated on.
    D,
}

/// One measured row, in its author's words.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names of the columns")]
pub struct Row {
    pub id: String,
    pub source: String,
    pub device: String,
    pub soc: String,
    pub os: String,
    pub model: String,
    pub params: String,
    pub precision: String,
    pub compression: String,
    pub compute_unit: String,
    pub runtime: String,
    pub metric: String,
    /// `None` when the cell is no number.
    pub value: Option<f64>,
    pub unit: String,
    pub context: String,
    pub notes: String,
}

impl Row {
    /// The grade; rows that do not say theirs count as one person's report.
    #[must_use]
    pub fn trust(&self) -> Trust {
        match self.notes.trim_start().strip_prefix("T=").and_then(|rest| rest.chars().next()) {
            Some('A') => Trust::A,
            Some('B') => Trust::B,
            Some('D') => Trust::D,
            Some(_) | None => Trust::C,
        }
    }

    /// The source without its version and what is in brackets: rows of one table share it.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.source.split(['@', '(']).next().unwrap_or(&self.source).trim_end()
    }
}

/// Reads a file of measurements. Columns may come in any order; `id`, `model`, `metric` and `value` must be there.
pub fn read(text: &str) -> Result<Vec<Row>, String> {
    let mut lines = super::records(text.trim_start_matches('\u{feff}')).into_iter();
    let head = lines.next().ok_or_else(|| "the file is empty: its first line names the columns".to_owned())?;
    let at = |name: &str| head.iter().position(|column| column.trim() == name);
    for needed in ["id", "model", "metric", "value"] {
        if at(needed).is_none() {
            return Err(format!("line 1: there is no column `{needed}`; the columns are those of measurements.csv"));
        }
    }
    let context = at("context_or_batch").or_else(|| at("context"));
    let rows = lines.filter(|cells| cells.iter().any(|cell| !cell.trim().is_empty())).map(|cells| {
        let pick = |idx: Option<usize>| idx.and_then(|idx| cells.get(idx)).map_or("", |cell| cell.trim()).to_owned();
        let cell = |name: &str| pick(at(name));
        Row {
            id: cell("id"),
            source: cell("source"),
            device: cell("device"),
            soc: cell("soc"),
            os: cell("os"),
            model: cell("model"),
            params: cell("params"),
            precision: cell("precision"),
            compression: cell("compression"),
            compute_unit: cell("compute_unit"),
            runtime: cell("runtime"),
            metric: cell("metric"),
            value: cell("value").parse().ok().filter(|value: &f64| value.is_finite()),
            unit: cell("unit"),
            context: pick(context),
            notes: cell("notes"),
        }
    });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_cells_keep_their_commas_and_columns_may_come_in_any_order() {
        let rows = read("value,metric,model,id,notes\n3.5,latency,\"a, \"\"b\"\"\",m1,T=B; x\r\n").unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].model.as_str(), rows[0].value, rows[0].trust()), ("a, \"b\"", Some(3.5), Trust::B));
    }

    #[test]
    fn a_file_without_a_needed_column_says_which() {
        assert!(read("id,model,metric\n").is_err_and(|error| error.contains("`value`")));
    }
}
