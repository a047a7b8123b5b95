//! `Model.proto`: the specification's head, its type and its description of inputs and outputs.

use super::{
    Fault, Feature, FeatureDim, Interface, ReadError,
    files::Notes,
    wire::{Payload, Span, Wire},
};

/// Newest specification version whose meaning is known (iOS 26).
const NEWEST: u64 = 10;
/// Longest shape that is kept.
const RANK_MAX: usize = 64;
/// Sizes of an enumerated dimension that are kept; Core ML takes 128 shapes.
const SIZES_MAX: usize = 1024;

/// The top of a `Model` message.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) spec_version: u32,
    /// Field number of the type, which says what kind of model it is.
    pub(super) kind: u32,
    /// The type's message.
    pub(super) body: Span,
    pub(super) description: Vec<Span>,
}

/// The name of a model type, as the specification spells it.
pub(super) fn kind_name(kind: u32) -> Option<&'static str> {
    Some(match kind {
        200 => "pipelineClassifier",
        201 => "pipelineRegressor",
        202 => "pipeline",
        300 => "glmRegressor",
        301 => "supportVectorRegressor",
        302 => "treeEnsembleRegressor",
        303 => "neuralNetworkRegressor",
        304 => "bayesianProbitRegressor",
        400 => "glmClassifier",
        401 => "supportVectorClassifier",
        402 => "treeEnsembleClassifier",
        403 => "neuralNetworkClassifier",
        404 => "kNearestNeighborsClassifier",
        500 => "neuralNetwork",
        501 => "itemSimilarityRecommender",
        502 => "mlProgram",
        555 => "customModel",
        556 => "linkedModel",
        560 => "classConfidenceThresholding",
        600 => "oneHotEncoder",
        601 => "imputer",
        602 => "featureVectorizer",
        603 => "dictVectorizer",
        604 => "scaler",
        606 => "categoricalMapping",
        607 => "normalizer",
        609 => "arrayFeatureExtractor",
        610 => "nonMaximumSuppression",
        900 => "identity",
        2000 => "textClassifier",
        2001 => "wordTagger",
        2002 => "visionFeaturePrint",
        2003 => "soundAnalysisPreprocessing",
        2004 => "gazetteer",
        2005 => "wordEmbedding",
        2006 => "audioFeaturePrint",
        3000 => "serializedModel",
        _ => return None,
    })
}

/// Reads the top of a model; the type and the description stay unread.
pub(super) fn head(wire: &mut Wire<'_>, model: Span, file: &str, notes: &mut Notes) -> Result<Head, ReadError> {
    let mut rest = model;
    let (mut version, mut kind, mut description) = (None, None, Vec::new());
    while let Some(field) = wire.next(&mut rest)? {
        match (field.number, field.value) {
            (1, Payload::Varint(value)) => version = Some(value),
            (2, Payload::Bytes(span)) => description.push(span),
            // The last type on the wire wins, as in protobuf.
            (number @ 200.., Payload::Bytes(span)) => kind = Some((number, span)),
            _ => {}
        }
    }
    let Some((kind, body)) = kind else {
        let hint = "give an .mlpackage, an .mlmodel or a zip of one";
        return Err(wire.error(Fault::NotCoreMl, model.at, "this is no Core ML model: it says no model type", hint));
    };
    let spec_version = match version {
        Some(version @ 1..=NEWEST) => version as u32,
        Some(version) if version <= i32::MAX as u64 => {
            let why = if version == 0 { "no known one" } else { "newer than this planner knows" };
            notes.add(file, format!("the specification version is {version}, {why}; what it adds is not understood"));
            version as u32
        }
        _ => {
            notes.add(file, "the specification version is missing or negative");
            0
        }
    };
    if kind_name(kind).is_none() {
        notes.add(file, format!("the model type is number {kind}, which this planner does not know"));
    }
    Ok(Head { spec_version, kind, body, description })
}

/// The interfaces of a model: one for each function when it lists functions, else one named `main`.
pub(super) fn interfaces(wire: &mut Wire<'_>, description: &[Span]) -> Result<Vec<Interface>, ReadError> {
    let mut main =
        Interface { function: "main".to_owned(), inputs: Vec::new(), outputs: Vec::new(), states: Vec::new() };
    let mut functions = Vec::new();
    for message in description {
        let mut rest = *message;
        while let Some(field) = wire.next(&mut rest)? {
            match (field.number, field.value) {
                (1, Payload::Bytes(span)) => main.inputs.push(feature(wire, span)?),
                (10, Payload::Bytes(span)) => main.outputs.push(feature(wire, span)?),
                (13, Payload::Bytes(span)) => main.states.push(feature(wire, span)?),
                (20, Payload::Bytes(span)) => functions.push(function(wire, span)?),
                _ => {}
            }
        }
    }
    if functions.is_empty() {
        return Ok(vec![main]);
    }
    Ok(functions)
}

fn function(wire: &mut Wire<'_>, mut message: Span) -> Result<Interface, ReadError> {
    let mut found = Interface { function: String::new(), inputs: Vec::new(), outputs: Vec::new(), states: Vec::new() };
    while let Some(field) = wire.next(&mut message)? {
        match (field.number, field.value) {
            (1, Payload::Bytes(span)) => found.function = wire.text(span)?,
            (2, Payload::Bytes(span)) => found.inputs.push(feature(wire, span)?),
            (3, Payload::Bytes(span)) => found.outputs.push(feature(wire, span)?),
            (6, Payload::Bytes(span)) => found.states.push(feature(wire, span)?),
            _ => {}
        }
    }
    Ok(found)
}

fn feature(wire: &mut Wire<'_>, mut message: Span) -> Result<Feature, ReadError> {
    let mut found = Feature {
        name: String::new(),
        dtype: "unknown".to_owned(),
        shape: Vec::new(),
        default: Vec::new(),
        optional: false,
    };
    while let Some(field) = wire.next(&mut message)? {
        match (field.number, field.value) {
            (1, Payload::Bytes(span)) => found.name = wire.text(span)?,
            (3, Payload::Bytes(span)) => feature_type(wire, span, &mut found)?,
            _ => {}
        }
    }
    Ok(found)
}

fn feature_type(wire: &mut Wire<'_>, mut message: Span, found: &mut Feature) -> Result<(), ReadError> {
    while let Some(field) = wire.next(&mut message)? {
        let mut named = |name: &str| name.clone_into(&mut found.dtype);
        match (field.number, field.value) {
            (1, _) => named("int64"),
            (2, _) => named("double"),
            (3, _) => named("string"),
            (4, Payload::Bytes(span)) => image(wire, span, found)?,
            (5, Payload::Bytes(span)) => array(wire, span, found)?,
            (6, _) => named("dictionary"),
            (7, _) => named("sequence"),
            (8, Payload::Bytes(mut state)) => {
                while let Some(field) = wire.next(&mut state)? {
                    if let (1, Payload::Bytes(span)) = (field.number, field.value) {
                        array(wire, span, found)?;
                    }
                }
            }
            (1000, Payload::Varint(value)) => found.optional = value != 0,
            _ => {}
        }
    }
    Ok(())
}

fn array(wire: &mut Wire<'_>, mut message: Span, found: &mut Feature) -> Result<(), ReadError> {
    let (mut shape, mut ranges, mut shapes) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(field) = wire.next(&mut message)? {
        match (field.number, field.value) {
            (1, value) => sizes(wire, value, &mut shape)?,
            (2, Payload::Varint(value)) => {
                let name = match value {
                    65_568 => "fp32",
                    65_600 => "fp64",
                    65_552 => "fp16",
                    131_104 => "int32",
                    131_080 => "int8",
                    _ => "unknown",
                };
                name.clone_into(&mut found.dtype);
            }
            (21, Payload::Bytes(mut span)) => {
                while let Some(field) = wire.next(&mut span)? {
                    if let (1, Payload::Bytes(mut inner)) = (field.number, field.value) {
                        let mut one = Vec::new();
                        while let Some(field) = wire.next(&mut inner)? {
                            if field.number == 1 {
                                sizes(wire, field.value, &mut one)?;
                            }
                        }
                        shapes.push(one);
                    }
                }
            }
            (31, Payload::Bytes(mut span)) => {
                while let Some(field) = wire.next(&mut span)? {
                    if let (1, Payload::Bytes(span)) = (field.number, field.value)
                        && ranges.len() < RANK_MAX
                    {
                        ranges.push(range(wire, span)?);
                    }
                }
            }
            _ => {}
        }
    }
    if !ranges.is_empty() || !shapes.is_empty() {
        found.default.clone_from(&shape);
    }
    found.shape = if !ranges.is_empty() {
        ranges
    } else if shapes.is_empty() {
        shape.into_iter().map(FeatureDim::Fixed).collect()
    } else {
        one_of(&shapes)
    };
    Ok(())
}

/// Sizes of a shape; a negative one is no size and counts as zero.
fn sizes(wire: &mut Wire<'_>, value: Payload, shape: &mut Vec<u64>) -> Result<(), ReadError> {
    wire.ints(value, |size| {
        if shape.len() < RANK_MAX {
            shape.push(u64::try_from(size as i64).unwrap_or(0));
        }
    })
}

fn range(wire: &mut Wire<'_>, mut message: Span) -> Result<FeatureDim, ReadError> {
    let (mut low, mut high) = (0, Some(0));
    while let Some(field) = wire.next(&mut message)? {
        match (field.number, field.value) {
            (1, Payload::Varint(value)) => low = value,
            (2, Payload::Varint(value)) => high = u64::try_from(value as i64).ok(),
            _ => {}
        }
    }
    Ok(if high == Some(low) { FeatureDim::Fixed(low) } else { FeatureDim::Range(low, high) })
}

/// Enumerated shapes, dimension by dimension.
pub(super) fn one_of(shapes: &[Vec<u64>]) -> Vec<FeatureDim> {
    let rank = shapes.iter().map(Vec::len).max().unwrap_or(0);
    let dim = |at: usize| {
        let mut all: Vec<u64> = Vec::new();
        for size in shapes.iter().filter_map(|shape| shape.get(at)) {
            if let Err(place) = all.binary_search(size)
                && all.len() < SIZES_MAX
            {
                all.insert(place, *size);
            }
        }
        match all.as_slice() {
            [only] => FeatureDim::Fixed(*only),
            _ => FeatureDim::OneOf(all),
        }
    };
    (0..rank).map(dim).collect()
}

fn image(wire: &mut Wire<'_>, mut message: Span, found: &mut Feature) -> Result<(), ReadError> {
    let (mut width, mut height, mut color) = (0, 0, 0);
    let (mut widths, mut heights, mut listed) = (None, None, Vec::new());
    while let Some(field) = wire.next(&mut message)? {
        match (field.number, field.value) {
            (1, Payload::Varint(value)) => width = u64::try_from(value as i64).unwrap_or(0),
            (2, Payload::Varint(value)) => height = u64::try_from(value as i64).unwrap_or(0),
            (3, Payload::Varint(value)) => color = value,
            (21, Payload::Bytes(mut span)) => {
                while let Some(field) = wire.next(&mut span)? {
                    if let (1, Payload::Bytes(mut inner)) = (field.number, field.value) {
                        let mut size = vec![0, 0];
                        while let Some(field) = wire.next(&mut inner)? {
                            if let (1 | 2, Payload::Varint(value)) = (field.number, field.value)
                                && let Some(slot) = size.get_mut(2 - field.number as usize)
                            {
                                *slot = value;
                            }
                        }
                        listed.push(size);
                    }
                }
            }
            (31, Payload::Bytes(mut span)) => {
                while let Some(field) = wire.next(&mut span)? {
                    match (field.number, field.value) {
                        (1, Payload::Bytes(span)) => widths = Some(range(wire, span)?),
                        (2, Payload::Bytes(span)) => heights = Some(range(wire, span)?),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    if widths.is_some() || heights.is_some() || !listed.is_empty() {
        found.default = vec![height, width];
    }
    let (height, width) = (heights.unwrap_or(FeatureDim::Fixed(height)), widths.unwrap_or(FeatureDim::Fixed(width)));
    found.shape = if listed.is_empty() { vec![height, width] } else { one_of(&listed) };
    let name = match color {
        10 => "image-gray",
        20 => "image-rgb",
        30 => "image-bgr",
        40 => "image-gray-fp16",
        _ => "image",
    };
    name.clone_into(&mut found.dtype);
    Ok(())
}
