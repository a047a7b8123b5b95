//! `Model`: the specification version, the interface and the one of many kinds of model that it is.

use crate::model::Model;

use super::{
    Feature, FeatureDim, Interface, ReadError, layers,
    mil::{self, Context},
    value::{MOST_DEEP, MOST_TEXT},
    wire::{Payload, Span, Wire},
};

/// Field number and name of every kind of model.
#[rustfmt::skip]
const TYPES: &[(u32, &str)] = &[
    (200, "pipelineClassifier"),
    (201, "pipelineRegressor"),
    (202, "pipeline"),
    (300, "glmRegressor"),
    (301, "supportVectorRegressor"),
    (302, "treeEnsembleRegressor"),
    (303, "neuralNetworkRegressor"),
    (304, "bayesianProbitRegressor"),
    (400, "glmClassifier"),
    (401, "supportVectorClassifier"),
    (402, "treeEnsembleClassifier"),
    (403, "neuralNetworkClassifier"),
    (404, "kNearestNeighborsClassifier"),
    (500, "neuralNetwork"),
    (501, "itemSimilarityRecommender"),
    (502, "mlProgram"),
    (555, "customModel"),
    (556, "linkedModel"),
    (560, "classConfidenceThresholding"),
    (600, "oneHotEncoder"),
    (601, "imputer"),
    (602, "featureVectorizer"),
    (603, "dictVectorizer"),
    (604, "scaler"),
    (606, "categoricalMapping"),
    (607, "normalizer"),
    (609, "arrayFeatureExtractor"),
    (610, "nonMaximumSuppression"),
    (900, "identity"),
    (2000, "textClassifier"),
    (2001, "wordTagger"),
    (2002, "visionFeaturePrint"),
    (2003, "soundAnalysisPreprocessing"),
    (2004, "gazetteer"),
    (2005, "wordEmbedding"),
    (2006, "audioFeaturePrint"),
    (3000, "serializedModel"),
];

/// What a specification says, beside the graph that goes into the model.
#[derive(Debug, Default)]
pub(super) struct Spec {
    pub version: u32,
    pub type_name: String,
    pub interfaces: Vec<Interface>,
}

/// Decodes a specification; the functions of sub-models are named after their place.
pub(super) fn model(
    wire: &mut Wire<'_>,
    span: Span,
    prefix: &str,
    depth: u32,
    graph: &mut Model,
    context: &mut Context<'_>,
) -> Result<Spec, ReadError> {
    if depth > MOST_DEEP {
        return Err(wire.error(span.start, "pipelines are nested deeper than any loader reads"));
    }
    let mut spec = Spec::default();
    let mut body: Option<(u32, Span)> = None;
    wire.within(span, |wire, end| {
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, Payload::Varint(version)) => spec.version = u32::try_from(version).unwrap_or(0),
                (2, Payload::Bytes(inner)) => spec.interfaces = description(wire, inner)?,
                // Of several kinds the last one on the wire is what protobuf keeps.
                (200.., Payload::Bytes(inner)) => body = Some((number, inner)),
                _ => {}
            }
        }
        Ok(())
    })?;
    let Some((number, inner)) = body else {
        let mut error = wire.error(span.start, "no kind of model in the specification");
        error.hint = "this is not a Core ML model, or it is empty".to_owned();
        return Err(error);
    };
    spec.type_name = match TYPES.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => (*name).to_owned(),
        None => {
            context.warnings.push(format!("a kind of model this version does not know (field {number})"));
            format!("unknown_{number}")
        }
    };
    let name = if prefix.is_empty() { "main" } else { prefix };
    match number {
        502 => mil::program(wire, inner, prefix, graph, context)?,
        500 | 403 | 303 => layers::network(wire, inner, name, graph)?,
        202 => pipeline(wire, inner, prefix, depth, graph, context)?,
        200 | 201 => wire.within(inner, |wire, end| {
            while let Some((number, payload)) = wire.field(end)? {
                if let (1, Payload::Bytes(inner)) = (number, payload) {
                    pipeline(wire, inner, prefix, depth, graph, context)?;
                    wire.enter(Span { start: inner.end, end });
                }
            }
            Ok(())
        })?,
        _ => {}
    }
    Ok(spec)
}

fn pipeline(
    wire: &mut Wire<'_>,
    span: Span,
    prefix: &str,
    depth: u32,
    graph: &mut Model,
    context: &mut Context<'_>,
) -> Result<(), ReadError> {
    wire.within(span, |wire, end| {
        let mut at = 0;
        while let Some((number, payload)) = wire.field(end)? {
            if let (1, Payload::Bytes(inner)) = (number, payload) {
                let name = if prefix.is_empty() { format!("model{at}") } else { format!("{prefix}/model{at}") };
                model(wire, inner, &name, depth + 1, graph, context)?;
                wire.enter(Span { start: inner.end, end });
                at += 1;
            }
        }
        Ok(())
    })
}

/// `ModelDescription`: one interface, or one for each function of a multifunction model.
fn description(wire: &mut Wire<'_>, span: Span) -> Result<Vec<Interface>, ReadError> {
    wire.within(span, |wire, end| {
        let mut own =
            Interface { function: "main".to_owned(), inputs: Vec::new(), outputs: Vec::new(), states: Vec::new() };
        let mut functions = Vec::new();
        while let Some((number, payload)) = wire.field(end)? {
            let Payload::Bytes(inner) = payload else { continue };
            match number {
                1 => own.inputs.push(feature(wire, inner)?),
                10 => own.outputs.push(feature(wire, inner)?),
                13 => own.states.push(feature(wire, inner)?),
                20 => functions.push(function(wire, inner)?),
                _ => {}
            }
        }
        Ok(if functions.is_empty() { vec![own] } else { functions })
    })
}

fn function(wire: &mut Wire<'_>, span: Span) -> Result<Interface, ReadError> {
    wire.within(span, |wire, end| {
        let mut own =
            Interface { function: String::new(), inputs: Vec::new(), outputs: Vec::new(), states: Vec::new() };
        while let Some((number, payload)) = wire.field(end)? {
            let Payload::Bytes(inner) = payload else { continue };
            match number {
                1 => own.function = wire.text(inner, MOST_TEXT)?,
                2 => own.inputs.push(feature(wire, inner)?),
                3 => own.outputs.push(feature(wire, inner)?),
                6 => own.states.push(feature(wire, inner)?),
                _ => {}
            }
        }
        Ok(own)
    })
}

/// `FeatureDescription`: a name and a type.
fn feature(wire: &mut Wire<'_>, span: Span) -> Result<Feature, ReadError> {
    wire.within(span, |wire, end| {
        let mut own = Feature { name: String::new(), dtype: "unknown".to_owned(), shape: Vec::new(), optional: false };
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, Payload::Bytes(text)) => own.name = wire.text(text, MOST_TEXT)?,
                (3, Payload::Bytes(inner)) => feature_type(wire, inner, &mut own)?,
                _ => {}
            }
        }
        Ok(own)
    })
}

fn feature_type(wire: &mut Wire<'_>, span: Span, own: &mut Feature) -> Result<(), ReadError> {
    wire.within(span, |wire, end| {
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, _) => own.dtype = "int64".to_owned(),
                (2, _) => own.dtype = "double".to_owned(),
                (3, _) => own.dtype = "string".to_owned(),
                (4, Payload::Bytes(inner)) => image(wire, inner, own)?,
                (5, Payload::Bytes(inner)) => array(wire, inner, own)?,
                (6, _) => own.dtype = "dictionary".to_owned(),
                (7, _) => own.dtype = "sequence".to_owned(),
                (8, Payload::Bytes(inner)) => wire.within(inner, |wire, end| {
                    while let Some((number, payload)) = wire.field(end)? {
                        if let (1, Payload::Bytes(inner)) = (number, payload) {
                            array(wire, inner, own)?;
                        }
                    }
                    Ok(())
                })?,
                (1000, Payload::Varint(optional)) => own.optional = optional != 0,
                _ => {}
            }
        }
        Ok(())
    })
}

/// The name of an `ArrayDataType`.
fn array_dtype(number: u64) -> &'static str {
    match number {
        65_568 => "fp32",
        65_600 => "fp64",
        131_104 => "int32",
        131_080 => "int8",
        65_552 => "fp16",
        _ => "unknown",
    }
}

fn size(value: u64) -> u64 {
    // A negative size on the wire is a lie; it reads as unknown, which is 0.
    if value > i64::MAX as u64 { 0 } else { value }
}

fn array(wire: &mut Wire<'_>, span: Span, own: &mut Feature) -> Result<(), ReadError> {
    wire.within(span, |wire, end| {
        let mut shape: Vec<u64> = Vec::new();
        let mut enumerated: Vec<Vec<u64>> = Vec::new();
        let mut ranges: Vec<FeatureDim> = Vec::new();
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, payload) => wire.varints(payload, |value| {
                    shape.push(size(value));
                    shape.len() < 64
                })?,
                (2, Payload::Varint(dtype)) => own.dtype = array_dtype(dtype).to_owned(),
                (21, Payload::Bytes(inner)) => enumerated = shapes(wire, inner)?,
                (31, Payload::Bytes(inner)) => ranges = size_ranges(wire, inner)?,
                _ => {}
            }
        }
        own.shape = if !ranges.is_empty() {
            ranges
        } else if !enumerated.is_empty() {
            let rank = enumerated.iter().map(Vec::len).max().unwrap_or(0);
            (0..rank)
                .map(|axis| {
                    let mut sizes: Vec<u64> = enumerated.iter().filter_map(|shape| shape.get(axis).copied()).collect();
                    sizes.sort_unstable();
                    sizes.dedup();
                    match sizes.as_slice() {
                        [one] => FeatureDim::Fixed(*one),
                        _ => FeatureDim::OneOf(sizes),
                    }
                })
                .collect()
        } else {
            shape.into_iter().map(FeatureDim::Fixed).collect()
        };
        Ok(())
    })
}

/// `EnumeratedShapes` and `EnumeratedImageSizes`: a list of messages with a shape each.
fn shapes(wire: &mut Wire<'_>, span: Span) -> Result<Vec<Vec<u64>>, ReadError> {
    wire.within(span, |wire, end| {
        let mut all = Vec::new();
        while let Some((number, payload)) = wire.field(end)? {
            let (1, Payload::Bytes(inner)) = (number, payload) else { continue };
            let shape = wire.within(inner, |wire, end| {
                let mut shape = Vec::new();
                while let Some((number, payload)) = wire.field(end)? {
                    if number == 1 {
                        wire.varints(payload, |value| {
                            shape.push(size(value));
                            shape.len() < 64
                        })?;
                    }
                }
                Ok(shape)
            })?;
            all.push(shape);
        }
        Ok(all)
    })
}

fn size_ranges(wire: &mut Wire<'_>, span: Span) -> Result<Vec<FeatureDim>, ReadError> {
    wire.within(span, |wire, end| {
        let mut all = Vec::new();
        while let Some((number, payload)) = wire.field(end)? {
            if let (1, Payload::Bytes(inner)) = (number, payload) {
                all.push(size_range(wire, inner)?);
            }
        }
        Ok(all)
    })
}

fn size_range(wire: &mut Wire<'_>, span: Span) -> Result<FeatureDim, ReadError> {
    wire.within(span, |wire, end| {
        let (mut low, mut high) = (0, Some(0));
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, Payload::Varint(value)) => low = value,
                // A negative upper end is no upper end.
                (2, Payload::Varint(value)) => high = (value <= i64::MAX as u64).then_some(value),
                _ => {}
            }
        }
        Ok(if high == Some(low) { FeatureDim::Fixed(low) } else { FeatureDim::Range(low, high) })
    })
}

fn image(wire: &mut Wire<'_>, span: Span, own: &mut Feature) -> Result<(), ReadError> {
    wire.within(span, |wire, end| {
        let (mut width, mut height) = (FeatureDim::Fixed(0), FeatureDim::Fixed(0));
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, Payload::Varint(value)) => width = FeatureDim::Fixed(size(value)),
                (2, Payload::Varint(value)) => height = FeatureDim::Fixed(size(value)),
                (3, Payload::Varint(space)) => {
                    own.dtype = match space {
                        10 => "image-gray",
                        20 => "image-rgb",
                        30 => "image-bgr",
                        40 => "image-gray-fp16",
                        _ => "image",
                    }
                    .to_owned();
                }
                (21, Payload::Bytes(inner)) => {
                    let (widths, heights) = image_sizes(wire, inner)?;
                    width = FeatureDim::OneOf(widths);
                    height = FeatureDim::OneOf(heights);
                }
                (31, Payload::Bytes(inner)) => wire.within(inner, |wire, end| {
                    while let Some((number, payload)) = wire.field(end)? {
                        match (number, payload) {
                            (1, Payload::Bytes(inner)) => width = size_range(wire, inner)?,
                            (2, Payload::Bytes(inner)) => height = size_range(wire, inner)?,
                            _ => {}
                        }
                    }
                    Ok(())
                })?,
                _ => {}
            }
        }
        own.shape = vec![height, width];
        Ok(())
    })
}

fn image_sizes(wire: &mut Wire<'_>, span: Span) -> Result<(Vec<u64>, Vec<u64>), ReadError> {
    wire.within(span, |wire, end| {
        let (mut widths, mut heights) = (Vec::new(), Vec::new());
        while let Some((number, payload)) = wire.field(end)? {
            let (1, Payload::Bytes(inner)) = (number, payload) else { continue };
            wire.within(inner, |wire, end| {
                while let Some((number, payload)) = wire.field(end)? {
                    match (number, payload) {
                        (1, Payload::Varint(value)) => widths.push(value),
                        (2, Payload::Varint(value)) => heights.push(value),
                        _ => {}
                    }
                }
                Ok(())
            })?;
        }
        Ok((widths, heights))
    })
}
