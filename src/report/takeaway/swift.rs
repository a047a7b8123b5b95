//! The Swift text: loads the planned package with the planned compute units.

use crate::{
    catalog::OsFamily,
    model::{Dim, Function},
    scenario::Units,
};

use super::Plan;

fn compute_units(units: Units) -> &'static str {
    match units {
        Units::All => ".all",
        Units::CpuOnly => ".cpuOnly",
        Units::CpuAndGpu => ".cpuAndGPU",
        Units::CpuAndNe => ".cpuAndNeuralEngine",
    }
}

/// `@available(iOS 18, macOS 15, *)`, from what the variant and the graph need.
fn available(spec: u32) -> &'static str {
    match spec {
        0..=6 => "@available(iOS 15, macOS 12, *)",
        7 => "@available(iOS 16, macOS 13, *)",
        8 => "@available(iOS 17, macOS 14, *)",
        9 => "@available(iOS 18, macOS 15, *)",
        _ => "@available(iOS 26, macOS 26, *)",
    }
}

/// `PlannedModel.swift`.
pub(super) fn load(plan: &Plan<'_>) -> String {
    let name = plan.stem();
    let decoder = plan.decoder();
    let spec = plan.pick.variant.min_spec().spec_version.max(plan.model.spec_version);
    // `.cpuAndNeuralEngine` is new with iOS 16, states and functions with iOS 18.
    let spec = if decoder.is_some() { spec.max(9) } else { spec.max(7) };
    let mut out = format!(
        "// {}, {}, as planned: {}\n//\n// Add {name}.mlpackage to the target: Xcode compiles it to {name}.mlmodelc, which is what the device loads.\n",
        plan.title(),
        plan.pick.variant.label(),
        plan.link()
    );
    if plan.scenario.entitled && !matches!(plan.machine.os, OsFamily::Macos) {
        out.push_str(
            "// The plan counts on the entitlement com.apple.developer.kernel.increased-memory-limit: add the capability\n// “Increased Memory Limit” to the target.\n",
        );
    }
    out.push_str("import CoreML\n\n");
    out.push_str(available(spec));
    out.push_str(&format!(
        r#"
actor PlannedModel {{
    private let configuration: MLModelConfiguration

    init() {{
        configuration = MLModelConfiguration()
        configuration.computeUnits = {}
    }}

    private static var url: URL {{
        guard let url = Bundle.main.url(forResource: "{name}", withExtension: "mlmodelc") else {{
            preconditionFailure("{name}.mlmodelc is not in the bundle: add {name}.mlpackage to the target")
        }}
        return url
    }}
"#,
        compute_units(plan.pick.units)
    ));
    match decoder {
        Some((prompt, context)) => out.push_str(&generate(prompt, context)),
        None => out.push_str(&once(plan)),
    }
    out.push_str("}\n");
    out
}

fn once(plan: &Plan<'_>) -> String {
    let inputs = plan.model.functions.first().map(describe).unwrap_or_default();
    format!(
        r#"
    private var model: MLModel?

    /// Loads on the first call: the first load after an installation compiles for this device and takes seconds.
    private func loaded() async throws -> MLModel {{
        if let model {{ return model }}
        let loaded = try await MLModel.load(contentsOf: Self.url, configuration: configuration)
        model = loaded
        return loaded
    }}

    /// Inputs of the plan: {inputs}.
    func predict(_ inputs: MLDictionaryFeatureProvider) async throws -> MLFeatureProvider {{
        try await loaded().prediction(from: inputs)
    }}
"#
    )
}

fn describe(function: &Function) -> String {
    let one = |id: &crate::model::ValueId| {
        let name = function.value(*id).map_or("x", |value| value.name.as_str());
        let dims: Vec<String> = function
            .tensor(*id)
            .map(|tensor| {
                let size = |dim: &Dim| match dim {
                    Dim::Fixed(size) => size.to_string(),
                    Dim::Flexible => "?".to_owned(),
                };
                tensor.shape.iter().map(size).collect()
            })
            .unwrap_or_default();
        let dtype = function.tensor(*id).map_or("", |tensor| tensor.dtype.name());
        format!("{} {dtype} [{}]", name.replace(['\n', '\r'], " "), dims.join(", "))
    };
    let all: Vec<String> = function.inputs.iter().map(one).collect();
    if all.is_empty() { "see the package".to_owned() } else { all.join("; ") }
}

fn generate(prompt: u32, context: u32) -> String {
    format!(
        r#"
    /// Tokens of one prefill call, and capacity of the cache.
    static let prompt = {prompt}, context = {context}

    private struct Session {{
        let prefill: MLModel, decode: MLModel
        let state: MLState
    }}
    private var session: Session?

    private func loaded() async throws -> Session {{
        if let session {{ return session }}
        func load(_ function: String) async throws -> MLModel {{
            let own = MLModelConfiguration()
            own.computeUnits = configuration.computeUnits
            own.functionName = function
            return try await MLModel.load(contentsOf: Self.url, configuration: own)
        }}
        let prefill = try await load("prefill"), decode = try await load("decode")
        // Both functions read and write the one cache.
        let made = Session(prefill: prefill, decode: decode, state: prefill.makeState())
        session = made
        return made
    }}

    /// The logits after `tokens`, the first of which stands at `position`. `tokens` are one, or a full prompt call.
    func logits(after tokens: [Int32], at position: Int) async throws -> MLMultiArray {{
        precondition(tokens.count == 1 || tokens.count == Self.prompt, "one token, or \(Self.prompt)")
        precondition(position + tokens.count <= Self.context, "the cache holds \(Self.context) tokens")
        let session = try await loaded()
        let ids = MLShapedArray<Int32>(scalars: tokens, shape: [1, tokens.count])
        let at = MLShapedArray<Int32>(scalars: [Int32(position)], shape: [1])
        var mask = MLShapedArray<Float16>(repeating: -40_000, shape: [1, 1, tokens.count, Self.context])
        for row in 0..<tokens.count {{
            for column in 0...(position + row) {{ mask[scalarAt: 0, 0, row, column] = 0 }}
        }}
        let inputs = try MLDictionaryFeatureProvider(dictionary: [
            "input_ids": MLMultiArray(ids), "position": MLMultiArray(at), "mask": MLMultiArray(mask),
        ])
        let model = tokens.count == 1 ? session.decode : session.prefill
        let outputs = try await model.prediction(from: inputs, using: session.state)
        guard let logits = outputs.featureValue(for: "logits")?.multiArrayValue else {{
            preconditionFailure("the package has no output `logits`")
        }}
        return logits
    }}
"#
    )
}
