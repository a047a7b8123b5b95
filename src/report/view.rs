//! The view model of the page: one scenario as sentences, figures, a matrix, bars and series, ready to be drawn.

use crate::{
    catalog::arch::Arch,
    estimate::{Estimate, LimitKind, Status, law::Metric, overall},
    machine::{Machine, Unit},
    scenario::{Pick, Units},
    texts::{view as text, words as said},
    units::{
        Bytes, Quantity,
        format::{iec_bytes, seconds, si_bytes, tokens},
    },
    variant::{Runtime, Variant},
};

use super::{
    answer::{Answer, Cell, Chosen, keeps_quality},
    effect::Effect,
    words,
};

/// Everything the page shows about one scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// What the answer is about: the device and its system.
    pub kicker: String,
    /// The answer in one sentence.
    pub sentence: Sentence,
    /// The figure that explains the limit that binds.
    pub binding: FigureKey,
    /// The status of the picked cell.
    pub status: Status,
    /// The picked cell, for the matrix.
    pub picked: Option<usize>,
    /// The recommended cell.
    pub recommended: Option<usize>,
    /// What the picked cell is called.
    pub picked_name: String,
    /// Its variant.
    pub picked_variant: Variant,
    /// Whether the picked cell is the recommended one.
    pub is_recommended: bool,
    /// The four or five figures of the picked cell.
    pub figures: Vec<Headline>,
    /// The matrix, in groups of variants.
    pub matrix: Vec<Group>,
    /// Memory of the picked cell against the limits.
    pub memory: MemoryBar,
    /// What each limit says of the picked cell.
    pub verdicts: Vec<Line>,
}

impl View {
    /// The picked cell, as a scenario names it.
    #[must_use]
    pub fn pick(&self) -> Option<Pick> {
        let mut cells = self.matrix.iter().flat_map(|group| &group.rows).flat_map(|row| &row.cells);
        cells.find(|cell| Some(cell.idx) == self.picked).map(|cell| cell.pick)
    }

    /// Whether the model writes tokens at a predicted speed.
    #[must_use]
    pub fn decodes(&self) -> bool {
        self.figures.iter().any(|figure| figure.key == FigureKey::Decode && !figure.basis.is_empty())
    }
}

/// The answer in one sentence, in the parts that a page sets apart; [`std::fmt::Display`] writes it whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// The model.
    pub before: String,
    /// The status.
    pub word: &'static str,
    /// On which device, as which variant.
    pub after: String,
    /// The figures, or the limit that binds.
    pub because: String,
}

impl std::fmt::Display for Sentence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}{}: {}", self.before, self.word, self.after, self.because)
    }
}

/// Which figure a person asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FigureKey {
    /// Package on disk.
    Bundle,
    /// What the App Store delivers.
    Download,
    /// Run-time memory.
    Memory,
    /// Time to the first token.
    FirstToken,
    /// Prompt tokens a second.
    Prefill,
    /// Generated tokens a second.
    Decode,
    /// Time of one job.
    Latency,
}

impl FigureKey {
    /// Every one, in no order that matters.
    pub const EVERY: [Self; 7] =
        [Self::Bundle, Self::Download, Self::Memory, Self::FirstToken, Self::Prefill, Self::Decode, Self::Latency];

    /// The term of the glossary that says what it is.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Bundle | Self::Download => Some("bundle"),
            Self::Memory => Some("memory"),
            Self::FirstToken => Some("ttft"),
            Self::Prefill => Some("prefill"),
            Self::Decode => Some("decode"),
            Self::Latency => None,
        }
    }

    /// Its name in an attribute.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Download => "download",
            Self::Memory => "memory",
            Self::FirstToken => "first-token",
            Self::Prefill => "prefill",
            Self::Decode => "decode",
            Self::Latency => "latency",
        }
    }
}

/// One of the big figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Headline {
    /// Which one.
    pub key: FigureKey,
    /// What it is called.
    pub label: &'static str,
    /// The best single answer; `no data` when there is none.
    pub value: String,
    /// The range, or why there is no answer.
    pub range: String,
    /// Where it comes from, in a word.
    pub basis: &'static str,
    /// Median error on rows of sources that the fit had not seen, in percent, where rows were fitted.
    pub error: Option<u32>,
}

/// A line of a list: a name, what it says, and perhaps a status.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is about.
    pub label: String,
    /// What it says.
    pub text: String,
    /// Its status, where it has one.
    pub status: Option<Status>,
}

/// Variants of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What they have in common.
    pub title: &'static str,
    /// The term of the glossary that says what that is.
    pub word: &'static str,
    /// One row for each variant.
    pub rows: Vec<MatrixRow>,
}

/// One variant.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixRow {
    /// Variant id.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// Size of the bundle, which does not depend on the units.
    pub bundle: String,
    /// A cell for each choice of units in the order of [`Units::EVERY`]; other runtimes have one.
    pub cells: Vec<MatrixCell>,
    /// Whether the one cell stands for all columns.
    pub spans: bool,
    /// Whether usable quality can be expected without retraining or calibration.
    pub keeps_quality: bool,
    /// The worst that is published of what this does to answers.
    pub effect: Effect,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixCell {
    /// Which cell of the answer.
    pub idx: usize,
    /// The same in a scenario.
    pub pick: Pick,
    /// The status of the verdict that binds.
    pub status: Status,
    /// Speed or latency, short.
    pub speed: String,
    /// Its range.
    pub speed_range: String,
    /// Memory, short.
    pub memory: String,
    /// Share of the predicted time on the Neural Engine, GPU and CPU, in percent.
    pub shares: [u32; 3],
    /// The unit with most of the time; `None` when nothing could be timed.
    pub unit: Option<Unit>,
    /// What it is a cell of.
    pub name: String,
    /// What it does not show: ranges, and the limit that binds.
    pub more: String,
    /// How fast it is among all cells, from 0 to 100; what a heat map shows.
    pub heat: u32,
}

/// Memory parts against limits.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryBar {
    /// Name, bytes and text of each part.
    pub parts: Vec<(&'static str, f64, String)>,
    /// Sum of the parts and its range.
    pub total: (f64, f64, f64),
    /// Name, bytes and text of each limit, smallest first.
    pub limits: Vec<(&'static str, f64, String)>,
    /// The limit that holds for this app; the others are there to compare.
    pub holds: Option<usize>,
    /// What the whole bar stands for.
    pub description: String,
}

/// The answer in one sentence.
#[must_use]
pub fn sentence(model_name: &str, machine: &Machine, cell: &Cell) -> Sentence {
    let estimate = &cell.estimate;
    let speed = match (&estimate.decode, &estimate.latency) {
        (Ok(decode), _) => text::about_tokens(&words::token_range(decode)),
        (_, Ok(latency)) => text::about_run(&words::time_range(latency)),
        (Err(_), Err(_)) => String::new(),
    };
    let as_what = if cell.as_opened {
        text::unchanged_on(words::on_units(cell.units))
    } else {
        text::as_on(&cell.variant.label(), words::on_units(cell.units))
    };
    let name = &machine.name;
    let status = cell.status();
    let because = || {
        overall(&estimate.verdicts)
            .filter(|verdict| verdict.status == status)
            .map(|verdict| words::verdict(verdict, machine))
            .unwrap_or_default()
    };
    let (link, word, after, because) = match status {
        Status::Fits => {
            let size = si_bytes(estimate.bundle.value);
            let memory = iec_bytes(estimate.memory.total().value);
            (
                text::LINK_FITS,
                words::status(status),
                text::after_fits(name, &as_what),
                text::because_fits(&size, &memory, &speed),
            )
        }
        Status::Tight => (text::LINK_IS, words::status(status), text::after_tight(name, &as_what, &speed), because()),
        Status::Fails => (text::LINK_FITS, words::status(status), text::after_fits(name, &as_what), because()),
        Status::Unknown => (text::LINK_FITS, text::MAY_FIT, text::after_unknown(name, &as_what, &speed), because()),
    };
    Sentence { before: format!("{model_name}{link}"), word, after, because }
}

/// The view of an answer.
#[must_use]
pub fn view(chosen: &Chosen, machine: &Machine, answer: &Answer) -> Option<View> {
    let cell = answer.picked.and_then(|idx| answer.cells.get(idx))?;
    Some(View {
        kicker: text::kicker(&machine.name, &words::os(machine.os, machine.os_version)),
        sentence: sentence(&chosen.model.name, machine, cell),
        binding: binding(&cell.estimate),
        status: cell.status(),
        picked: answer.picked,
        recommended: answer.recommended,
        picked_name: text::picked(&cell.label(), words::on_units(cell.units)),
        picked_variant: cell.variant,
        is_recommended: answer.picked == answer.recommended,
        figures: figures(&cell.estimate),
        matrix: matrix(answer, chosen.preset.map(|preset| &preset.arch)),
        memory: memory_bar(machine, &cell.estimate),
        verdicts: verdict_lines(machine, &cell.estimate),
    })
}

/// The figure that a person has to understand to understand the verdict.
fn binding(estimate: &Estimate) -> FigureKey {
    match overall(&estimate.verdicts).map(|verdict| verdict.kind) {
        Some(LimitKind::AppMemory) | None => FigureKey::Memory,
        Some(LimitKind::CellularPrompt) => FigureKey::Download,
        Some(LimitKind::OsSupport | LimitKind::AppSize | LimitKind::BackgroundAssets) => FigureKey::Bundle,
        Some(LimitKind::AneWeightFile | LimitKind::AneModel) => FigureKey::Bundle,
        Some(LimitKind::AneShare) if estimate.decode.is_ok() => FigureKey::Decode,
        Some(LimitKind::AneShare) => FigureKey::Latency,
    }
}

fn figures(estimate: &Estimate) -> Vec<Headline> {
    let basis = |basis: crate::units::Basis| basis.word();
    let error = |metric| Some((estimate.law(metric)?.error + 5) / 10);
    let total = estimate.memory.total();
    let mut all = vec![
        Headline {
            key: FigureKey::Bundle,
            label: text::BUNDLE,
            value: si_bytes(estimate.bundle.value),
            range: match words::size_range(&estimate.bundle) {
                same if same == si_bytes(estimate.bundle.value) => text::BUNDLE_COUNTED.to_owned(),
                range => range,
            },
            basis: basis(estimate.bundle.basis),
            error: None,
        },
        Headline {
            key: FigureKey::Memory,
            label: text::MEMORY,
            value: iec_bytes(total.value),
            range: words::memory_range(&total),
            basis: basis(total.basis),
            error: None,
        },
    ];
    let none = |key, label, absent| Headline {
        key,
        label,
        value: said::NO_DATA.to_owned(),
        range: words::absent(absent).to_owned(),
        basis: "",
        error: None,
    };
    if let Ok(latency) = &estimate.latency {
        all.push(Headline {
            key: FigureKey::Latency,
            label: text::RUN,
            value: seconds(latency.value),
            range: words::time_range(latency),
            basis: basis(latency.basis),
            error: error(Metric::Latency),
        });
    }
    match &estimate.decode {
        Ok(decode) => all.push(Headline {
            key: FigureKey::Decode,
            label: text::DECODE,
            value: tokens(decode.value),
            range: words::token_range(decode),
            basis: basis(decode.basis),
            error: error(Metric::Decode),
        }),
        Err(crate::estimate::Absent::NotALanguageModel) => {}
        Err(absent) => all.push(none(FigureKey::Decode, text::SPEED, *absent)),
    }
    if let Ok(ttft) = &estimate.ttft {
        all.push(Headline {
            key: FigureKey::FirstToken,
            label: text::FIRST_TOKEN,
            value: seconds(ttft.value),
            range: words::time_range(ttft),
            basis: basis(ttft.basis),
            error: error(Metric::Prefill),
        });
    }
    if let Ok(prefill) = &estimate.prefill {
        all.push(Headline {
            key: FigureKey::Prefill,
            label: text::PREFILL,
            value: tokens(prefill.value),
            range: words::token_range(prefill),
            basis: basis(prefill.basis),
            error: error(Metric::Prefill),
        });
    }
    all
}

/// Runs for each unit of time: what "faster" means for any model.
fn pace(estimate: &Estimate) -> f64 {
    match (&estimate.decode, &estimate.latency) {
        (Ok(decode), _) => decode.value.get(),
        (_, Ok(latency)) if latency.value.get() > 0.0 => 1.0 / latency.value.get(),
        _ => 0.0,
    }
}

fn matrix(answer: &Answer, arch: Option<&Arch>) -> Vec<Group> {
    let fastest = answer.cells.iter().map(|cell| pace(&cell.estimate)).fold(0.0, f64::max);
    let mut groups: Vec<Group> = Vec::new();
    for (idx, cell) in answer.cells.iter().enumerate() {
        let (title, word) = group_title(&cell.variant);
        if groups.last().is_none_or(|group| group.title != title) {
            groups.push(Group { title, word, rows: Vec::new() });
        }
        let Some(group) = groups.last_mut() else { continue };
        let id = cell.variant.id();
        if group.rows.last().is_none_or(|row| row.id != id) {
            group.rows.push(MatrixRow {
                id,
                label: cell.label(),
                bundle: si_bytes(cell.estimate.bundle.value),
                cells: Vec::new(),
                spans: cell.variant.runtime != Runtime::CoreMl,
                keeps_quality: keeps_quality(&cell.variant),
                effect: Effect::of(&cell.variant, arch),
            });
        }
        if let Some(row) = group.rows.last_mut() {
            row.cells.push(matrix_cell(idx, cell, fastest));
        }
    }
    groups
}

/// What the variants of a group have in common, and the term of the glossary for it.
fn group_title(variant: &Variant) -> (&'static str, &'static str) {
    use crate::variant::Compression;
    match variant.compression {
        Compression::None if variant.precision == crate::variant::Precision::W8A8 => (text::LINEAR, "quantization"),
        Compression::None => (text::FLOATING, "fp16"),
        Compression::Palettized { vector: 2.., .. } => (text::PALETTIZED_VECTORS, "lut"),
        Compression::Palettized { scope: crate::variant::TableScope::PerTensor, .. } => {
            (text::PALETTIZED_ONE, "palettization")
        }
        Compression::Palettized { .. } => (text::PALETTIZED_GROUPED, "grouped-channel"),
        Compression::Linear { .. } => (text::LINEAR, "quantization"),
        Compression::Sparse { .. } | Compression::SparsePalettized { .. } => (text::PRUNED, "pruning"),
        Compression::Gguf(_) => (text::GGUF, "llama-cpp"),
        Compression::MlxGroup { .. } => (text::MLX, "mlx"),
    }
}

pub(super) fn percents(seconds: [f64; 3]) -> [u32; 3] {
    let whole: f64 = seconds.iter().sum();
    if whole > 0.0 { seconds.map(|own| (own / whole * 100.0 + 0.5) as u32) } else { [0; 3] }
}

fn all_seconds(estimate: &Estimate) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for plan in &estimate.plans {
        for (sum, own) in sums.iter_mut().zip(plan.seconds) {
            *sum += own;
        }
    }
    sums
}

fn matrix_cell(idx: usize, cell: &Cell, fastest: f64) -> MatrixCell {
    let estimate = &cell.estimate;
    let (speed, speed_range) = match (&estimate.decode, &estimate.latency) {
        (Ok(decode), _) => (tokens(decode.value), words::token_range(decode)),
        (_, Ok(latency)) => (seconds(latency.value), words::time_range(latency)),
        (Err(_), Err(absent)) => (said::NO_DATA.to_owned(), words::absent(*absent).to_owned()),
    };
    let total = estimate.memory.total();
    let memory = iec_bytes(total.value);
    let binding = overall(&estimate.verdicts)
        .filter(|verdict| verdict.status != Status::Fits)
        .map_or(String::new(), |verdict| text::limited_by(words::limit_name(verdict.kind)));
    let name = text::cell(&cell.label(), words::units(cell.units));
    let more = text::more(&speed_range, &words::memory_range(&total), &binding);
    let heat = if fastest > 0.0 { (pace(estimate) / fastest * 100.0) as u32 } else { 0 };
    let shares = percents(all_seconds(estimate));
    let most = shares.iter().max().copied().unwrap_or(0);
    let unit = Unit::EVERY.into_iter().find(|unit| most > 0 && shares.get(unit.idx()) == Some(&most));
    let pick = Pick { variant: cell.variant, units: cell.units };
    MatrixCell { idx, pick, status: cell.status(), speed, speed_range, memory, shares, unit, name, more, heat }
}

fn memory_bar(machine: &Machine, estimate: &Estimate) -> MemoryBar {
    let memory = &estimate.memory;
    let part = |name, bytes: Bytes| (name, bytes.get(), iec_bytes(bytes));
    let total = memory.total();
    let mut limits: Vec<(&'static str, f64, String)> = Vec::new();
    if let Some(limit) = machine.app_memory {
        limits.push((text::LIMIT_APP, limit.value.get(), iec_bytes(limit.value)));
    }
    if let Some(limit) = machine.app_memory_entitled
        && Some(limit) != machine.app_memory
    {
        limits.push((text::LIMIT_ENTITLED, limit.value.get(), iec_bytes(limit.value)));
    }
    if let Some(ram) = machine.ram {
        limits.push((text::LIMIT_ALL, ram.get(), iec_bytes(ram)));
    }
    let allowed = estimate.verdicts.iter().find(|verdict| verdict.kind == LimitKind::AppMemory);
    let allowed = allowed.and_then(|verdict| verdict.allowed).map(|allowed| allowed.value.get());
    let holds = limits.iter().position(|(_, bytes, _)| Some(*bytes) == allowed);
    let known: Vec<String> = limits.iter().map(|(name, _, size)| format!("{name} {size}")).collect();
    let known = if known.is_empty() { text::MEMORY_NO_LIMIT.to_owned() } else { known.join(", ") };
    MemoryBar {
        parts: vec![
            part(text::PART_WEIGHTS, memory.weights.value),
            part(text::PART_CACHE, memory.cache.value),
            part(text::PART_ACTIVATIONS, memory.activations.value),
            part(text::PART_RUNTIME, memory.runtime.value),
        ],
        total: (total.value.get(), total.low.get(), total.high.get()),
        limits,
        holds,
        description: text::memory_bar(&iec_bytes(total.value), &words::memory_range(&total), &known),
    }
}

fn verdict_lines(machine: &Machine, estimate: &Estimate) -> Vec<Line> {
    let line = |verdict: &crate::estimate::Verdict| Line {
        label: words::limit_name(verdict.kind).to_owned(),
        text: words::verdict(verdict, machine),
        status: Some(verdict.status),
    };
    estimate.verdicts.iter().map(line).collect()
}

/// The columns of the matrix: what each choice of units is called.
#[must_use]
pub fn columns() -> [&'static str; 4] {
    Units::EVERY.map(|units| match units {
        Units::All => text::ALL_UNITS,
        Units::CpuAndNe | Units::CpuAndGpu | Units::CpuOnly => words::units(units),
    })
}
