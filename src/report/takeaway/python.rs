//! The Python and shell texts: convert and compress with coremltools, verify on a Mac, and the other runtimes' tools.

use crate::{
    model::{DType, Dim, Function, TensorType},
    scenario::{ModelRef, Units},
    variant::{Compression, GgufType, Precision, ScaleScope, TableScope, Variant},
};

use super::Plan;

/// `unit` as coremltools spells it.
fn compute_unit(units: Units) -> &'static str {
    match units {
        Units::All => "ALL",
        Units::CpuOnly => "CPU_ONLY",
        Units::CpuAndGpu => "CPU_AND_GPU",
        Units::CpuAndNe => "CPU_AND_NE",
    }
}

/// The deployment target that a specification version stands for.
fn target(spec: u32) -> &'static str {
    match spec {
        0..=6 => "iOS15",
        7 => "iOS16",
        8 => "iOS17",
        9 => "iOS18",
        _ => "iOS26",
    }
}

fn head(plan: &Plan<'_>, what: &str, needs: &str) -> String {
    let variant = plan.pick.variant.label();
    format!(
        "\"\"\"{what}: {}, {variant}, for {} on {}.\n\nThe plan: {}\nNeeds: {needs}\n\"\"\"\n",
        plan.title(),
        super::super::words::os(plan.machine.os, plan.machine.os_version),
        plan.machine.name,
        plan.link(),
    )
}

/// `convert.py`.
pub(super) fn convert(plan: &Plan<'_>) -> String {
    let variant = &plan.pick.variant;
    let name = plan.stem();
    let mut out = String::new();
    let is_file = matches!(plan.scenario.model, ModelRef::Package(_));
    if is_file {
        out.push_str(&head(plan, "Compresses the opened package", "pip install coremltools 'numpy<2' scikit-learn"));
        out.push_str("import coremltools as ct\nimport coremltools.optimize.coreml as cto\n\n");
        out.push_str(&compress(variant));
        out.push_str(&format!(
            "\n\nif __name__ == \"__main__\":\n    # The file as it was opened. Compress the functions of a multifunction package before they are merged.\n    \
             model = ct.models.MLModel(\"{}.mlpackage\", skip_model_load=True)\n    \
             compress(model).save(\"{name}-{}.mlpackage\")\n",
            plan.title(),
            variant.id(),
        ));
        return out;
    }
    match plan.decoder() {
        Some((prompt, context)) => {
            out.push_str(&head(
                plan,
                "Converts and compresses a language model",
                "pip install 'coremltools==9.0' 'torch==2.7.0' 'transformers==4.46.3' 'numpy<2' scikit-learn",
            ));
            out.push_str(&decoder(plan, prompt, context));
        }
        None => {
            out.push_str(&head(
                plan,
                "Converts and compresses a model",
                "pip install 'coremltools==9.0' 'torch==2.7.0' torchvision 'numpy<2' scikit-learn",
            ));
            out.push_str(&single(plan));
        }
    }
    out
}

/// The function `compress`, for one variant.
fn compress(variant: &Variant) -> String {
    let body = match variant.compression {
        Compression::None => match variant.precision {
            Precision::Fp32 | Precision::Fp16 => "    return model\n".to_owned(),
            Precision::W8A8 => activations(),
        },
        Compression::Palettized { bits, scope, vector } => {
            let mut settings = format!("mode=\"kmeans\", nbits={bits}");
            match scope {
                TableScope::PerTensor => {}
                TableScope::PerGroupedChannel(group) => {
                    settings.push_str(&format!(", granularity=\"per_grouped_channel\", group_size={group}"));
                }
            }
            if vector > 1 {
                settings.push_str(&format!(", cluster_dim={vector}"));
            }
            apply("palettize_weights", "OpPalettizerConfig", &settings)
        }
        Compression::Linear { bits, scope } => {
            let granularity = match scope {
                ScaleScope::PerTensor => "granularity=\"per_tensor\"".to_owned(),
                ScaleScope::PerChannel => "granularity=\"per_channel\"".to_owned(),
                ScaleScope::PerBlock(size) => format!("granularity=\"per_block\", block_size={size}"),
            };
            let settings = format!("mode=\"linear_symmetric\", dtype=\"int{bits}\", {granularity}");
            let weights = apply("linear_quantize_weights", "OpLinearQuantizerConfig", &settings);
            match variant.precision {
                Precision::W8A8 => format!("{}{}", activations().replace("    return model\n", ""), weights),
                Precision::Fp32 | Precision::Fp16 => weights,
            }
        }
        Compression::Sparse { percent } => prune(percent, false),
        Compression::SparsePalettized { percent, bits } => {
            let tables = format!(
                "    tables = cto.OpPalettizerConfig(mode=\"kmeans\", nbits={bits})\n    \
                 return cto.palettize_weights(model, cto.OptimizationConfig(global_config=tables), joint_compression=True)\n"
            );
            format!("{}{tables}", prune(percent, true))
        }
        // Not Core ML's: `other_runtime` writes those.
        Compression::Gguf(_) | Compression::MlxGroup { .. } => "    return model\n".to_owned(),
    };
    format!("\ndef compress(model):\n    \"\"\"{}: weights of more than 2,048 elements.\"\"\"\n{body}", variant.label())
}

fn apply(function: &str, config: &str, settings: &str) -> String {
    format!(
        "    config = cto.{config}({settings})\n    return cto.{function}(model, cto.OptimizationConfig(global_config=config))\n"
    )
}

/// coremltools 9 computes the threshold in the weight's own type, which overflows in large fp16 tensors under NumPy 2:
/// it then prunes nothing and adds a mask.
fn prune(percent: u32, goes_on: bool) -> String {
    let last = if goes_on { "model = " } else { "return " };
    format!(
        "    # With NumPy 2, coremltools 9 prunes nothing in fp16 weights of more than 65,504 elements: use numpy<2 here.\n    \
         config = cto.OpMagnitudePrunerConfig(target_sparsity={}.{:02})\n    \
         {last}cto.prune_weights(model, cto.OptimizationConfig(global_config=config))\n",
        percent / 100,
        percent % 100,
    )
}

fn activations() -> String {
    "    # Activations need a few real inputs to find their ranges; this step runs the model, so it needs a Mac.\n    \
     samples = calibration_samples()\n    \
     config = cto.experimental.OpActivationLinearQuantizerConfig(mode=\"linear_symmetric\")\n    \
     model = cto.linear_quantize_activations(model, cto.OptimizationConfig(global_config=config), samples)\n    \
     return model\n"
        .to_owned()
}

const SAMPLES: &str = "\ndef calibration_samples():\n    raise SystemExit(\"return a list of input dictionaries here: 100 real inputs or so\")\n";

fn precision(variant: &Variant) -> &'static str {
    match variant.precision {
        Precision::Fp32 => "FLOAT32",
        Precision::Fp16 | Precision::W8A8 => "FLOAT16",
    }
}

/// A model of one call.
fn single(plan: &Plan<'_>) -> String {
    let variant = &plan.pick.variant;
    let spec = plan.model.spec_version.max(variant.min_spec().spec_version).max(7);
    let name = plan.stem();
    let mut out =
        "import numpy as np\nimport torch\nimport coremltools as ct\nimport coremltools.optimize.coreml as cto\n\n\n"
            .to_owned();
    out.push_str("def load():\n    \"\"\"The network in evaluation mode.\"\"\"\n");
    match plan.preset.map(|preset| preset.checkpoint.as_str()).and_then(|name| name.strip_prefix("torchvision:")) {
        Some(builder) => out.push_str(&format!(
            "    import torchvision\n    return torchvision.models.get_model(\"{builder}\", weights=\"DEFAULT\").eval()\n"
        )),
        None => out.push_str("    raise SystemExit(\"return your torch.nn.Module here, in evaluation mode\")\n"),
    }
    if variant.precision == Precision::W8A8 {
        out.push('\n');
        out.push_str(SAMPLES);
    }
    out.push('\n');
    out.push_str(&compress(variant));
    out.push_str("\n\nif __name__ == \"__main__\":\n");
    for (idx, function) in plan.model.functions.iter().enumerate() {
        let suffix = if plan.model.functions.len() > 1 { format!("-{}", function.name) } else { String::new() };
        if idx > 0 {
            out.push('\n');
        }
        if plan.model.functions.len() > 1 {
            out.push_str(&format!("    # The part `{}`: load() has to return it.\n", function.name));
        }
        out.push_str(&format!("    shapes = {}\n", shapes(function)));
        out.push_str("    examples = tuple(torch.zeros(shape).to(dtype) for _, shape, dtype in shapes)\n");
        out.push_str("    traced = torch.jit.trace(load(), examples)\n    model = ct.convert(\n        traced,\n");
        out.push_str(
            "        inputs=[ct.TensorType(name=name, shape=shape, dtype=np.int32 if dtype == torch.int32 else ",
        );
        out.push_str(if variant.precision == Precision::Fp32 { "np.float32" } else { "np.float16" });
        out.push_str(") for name, shape, dtype in shapes],\n");
        out.push_str(&format!(
            "        minimum_deployment_target=ct.target.{},\n        compute_precision=ct.precision.{},\n        skip_model_load=True,\n    )\n",
            target(spec),
            precision(variant)
        ));
        out.push_str(&format!("    compress(model).save(\"{name}{suffix}.mlpackage\")\n"));
    }
    out
}

/// `[("x", (1, 3, 224, 224), torch.float32)]`.
fn shapes(function: &Function) -> String {
    let one = |id: &crate::model::ValueId| {
        let name = function.value(*id).map_or("x", |value| value.name.as_str());
        let tensor = function.tensor(*id);
        let is_int = tensor.is_some_and(|tensor| matches!(tensor.dtype, DType::Int32 | DType::Int64 | DType::UInt32));
        let dtype = if is_int { "torch.int32" } else { "torch.float32" };
        format!("(\"{}\", {}, {dtype})", name.replace(['"', '\\'], "_"), tuple(tensor))
    };
    let all: Vec<String> = function.inputs.iter().map(one).collect();
    format!("[{}]", all.join(", "))
}

fn tuple(tensor: Option<&TensorType>) -> String {
    let dims: Vec<String> = tensor
        .map(|tensor| {
            let size = |dim: &Dim| match dim {
                Dim::Fixed(size) => size.to_string(),
                Dim::Flexible => "1".to_owned(),
            };
            tensor.shape.iter().map(size).collect()
        })
        .unwrap_or_default();
    match dims.as_slice() {
        [one] => format!("({one},)"),
        all => format!("({})", all.join(", ")),
    }
}

/// A language model: prefill and decode over one state, as two functions of one package.
fn decoder(plan: &Plan<'_>, prompt: u32, context: u32) -> String {
    let variant = &plan.pick.variant;
    let checkpoint = plan.checkpoint().unwrap_or("name/of-the-checkpoint");
    let name = plan.stem();
    let mut out = format!(
        r#"import numpy as np
import torch
import coremltools as ct
import coremltools.optimize.coreml as cto
from transformers import AutoModelForCausalLM
from transformers.cache_utils import Cache

CHECKPOINT = "{checkpoint}"
PROMPT, CONTEXT = {prompt}, {context}  # tokens of one prefill call, capacity of the cache
"#
    );
    out.push_str(
        r#"

class StateCache(Cache):
    """A KV cache of fixed capacity in two buffers that Core ML keeps as states."""

    def __init__(self, layers, heads, width):
        super().__init__()
        shape = (layers, 1, heads, CONTEXT, width)
        self.keys, self.values = torch.zeros(shape), torch.zeros(shape)
        self.begin = self.end = 0

    def update(self, keys, values, layer, arguments=None):
        self.keys[layer, :, :, self.begin : self.end, :] = keys
        self.values[layer, :, :, self.begin : self.end, :] = values
        return self.keys[layer], self.values[layer]

    def get_seq_length(self, layer=0):
        return 0

    def get_max_cache_shape(self):
        return CONTEXT


class Step(torch.nn.Module):
    """Reads `input_ids` at `position` and returns the logits of the last of them."""

    def __init__(self, model):
        super().__init__()
        config = model.config
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.model = model
        self.cache = StateCache(config.num_hidden_layers, config.num_key_value_heads, width)
        self.register_buffer("key_cache", self.cache.keys)
        self.register_buffer("value_cache", self.cache.values)

    def forward(self, input_ids, position, mask):
        n_tokens = input_ids.shape[1]
        self.cache.begin, self.cache.end = position[0], position[0] + n_tokens
        positions = position + torch.arange(n_tokens, dtype=torch.int32)
        hidden = self.model.model(
            input_ids=input_ids,
            attention_mask=mask,
            position_ids=positions.unsqueeze(0),
            past_key_values=self.cache,
            use_cache=True,
            cache_position=positions,
        )[0]
        return self.model.lm_head(hidden[:, -1:, :])


def convert(step, n_tokens):
    examples = (
        torch.zeros(1, n_tokens, dtype=torch.int32),
        torch.zeros(1, dtype=torch.int32),
        torch.zeros(1, 1, n_tokens, CONTEXT),
    )
    traced = torch.jit.trace(step, examples, check_trace=False)
    state = ct.TensorType(shape=tuple(step.key_cache.shape), dtype=np.float16)
    return ct.convert(
        traced,
        inputs=[
            ct.TensorType(name="input_ids", shape=(1, n_tokens), dtype=np.int32),
            ct.TensorType(name="position", shape=(1,), dtype=np.int32),
            # 0 where a token may look, -40000 (not -inf: fp16) where it may not.
            ct.TensorType(name="mask", shape=(1, 1, n_tokens, CONTEXT), dtype=np.float16),
        ],
        outputs=[ct.TensorType(name="logits", dtype=np.float16)],
        states=[ct.StateType(state, name="key_cache"), ct.StateType(state, name="value_cache")],
"#,
    );
    let spec = variant.min_spec().spec_version.max(9);
    out.push_str(&format!(
        "        minimum_deployment_target=ct.target.{},\n        compute_precision=ct.precision.{},\n        skip_model_load=True,\n    )\n\n",
        target(spec),
        precision(variant)
    ));
    if variant.precision == Precision::W8A8 {
        out.push_str(SAMPLES);
        out.push('\n');
    }
    out.push_str(&compress(variant));
    out.push_str(&format!(
        r#"

if __name__ == "__main__":
    network = AutoModelForCausalLM.from_pretrained(CHECKPOINT, torch_dtype=torch.float32, attn_implementation="sdpa").eval()
    functions = ct.utils.MultiFunctionDescriptor()
    for function, n_tokens in [("prefill", PROMPT), ("decode", 1)]:
        # A new cache for each: tracing writes into it.
        compress(convert(Step(network).eval(), n_tokens)).save(f"{name}-{{function}}.mlpackage")
        functions.add_function(f"{name}-{{function}}.mlpackage", "main", function)
    functions.default_function_name = "decode"
    # Equal weights of the two functions are stored once.
    ct.utils.save_multifunction(functions, "{name}.mlpackage")
"#
    ));
    out
}

/// `verify.py`.
pub(super) fn verify(plan: &Plan<'_>) -> String {
    let mut out = head(plan, "Measures the converted model on this Mac", "macOS, pip install coremltools");
    let name = plan.stem();
    let unit = compute_unit(plan.pick.units);
    let state = plan.decoder().is_some();
    out.push_str(&format!(
        r#"import json
import platform
import statistics
import subprocess
import time
from pathlib import Path

import coremltools as ct
import numpy as np

PATH = Path("{name}.mlpackage")
RUNS = 50


def example(feature):
    """An input of zeros; positions and tokens are small integers anyway."""
    kind = feature.type.WhichOneof("Type")
    if kind != "multiArrayType":
        raise SystemExit(f"{{feature.name}} is a {{kind}}: put a real one here")
    array = feature.type.multiArrayType
    is_int = array.dataType == ct.proto.FeatureTypes_pb2.ArrayFeatureType.INT32
    return np.zeros(tuple(array.shape), dtype=np.int32 if is_int else np.float16)


def measure(function):
    arguments = {{"function_name": function}} if function else {{}}
    start = time.perf_counter()
    model = ct.models.MLModel(str(PATH), compute_units=ct.ComputeUnit.{unit}, **arguments)
    load = time.perf_counter() - start
    description = model.get_spec().description
    found = [own for own in description.functions if own.name == function]
    inputs = {{feature.name: example(feature) for feature in (found[0] if found else description).input}}
"#
    ));
    if state {
        out.push_str("    state = model.make_state()\n    call = lambda: model.predict(inputs, state=state)\n");
    } else {
        out.push_str("    call = lambda: model.predict(inputs)\n");
    }
    out.push_str(
        r#"    for _ in range(5):
        call()
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return {"function": function or "main", "load_s": load, "median_s": statistics.median(times), "runs": RUNS}


def size(path):
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


if __name__ == "__main__":
"#,
    );
    let functions = if state { "[\"prefill\", \"decode\"]" } else { "[None]" };
    out.push_str(&format!(
        r#"    chip = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True).stdout.strip()
    print(json.dumps({{
        "chip": chip,
        "os": platform.mac_ver()[0],
        "units": "{}",
        "variant": "{}",
        "bundle_bytes": size(PATH),
        "functions": [measure(function) for function in {functions}],
    }}, indent=2))
"#,
        plan.pick.units.id(),
        plan.pick.variant.id(),
    ));
    out
}

/// The tools of llama.cpp and MLX.
pub(super) fn other_runtime(plan: &Plan<'_>) -> String {
    let checkpoint = plan.checkpoint().unwrap_or("name/of-the-checkpoint");
    let stem = plan.stem();
    let start =
        format!("#!/bin/sh\n# {}, {}, as planned: {}\nset -e\n", plan.title(), plan.pick.variant.label(), plan.link());
    let steps = match plan.pick.variant.compression {
        Compression::Gguf(kind) => {
            let convert = format!(
                "# In a checkout of llama.cpp, with its Python requirements and a build.\n\
                 hf download {checkpoint} --local-dir {stem}\n\
                 python convert_hf_to_gguf.py {stem} --outtype f16 --outfile {stem}-f16.gguf\n"
            );
            let quantize = match kind {
                GgufType::F16 => String::new(),
                GgufType::Q8_0 => format!("./build/bin/llama-quantize {stem}-f16.gguf {stem}-q8_0.gguf Q8_0\n"),
                GgufType::Q4KM => format!("./build/bin/llama-quantize {stem}-f16.gguf {stem}-q4_k_m.gguf Q4_K_M\n"),
            };
            convert + &quantize
        }
        Compression::MlxGroup { bits, group } => format!(
            "# pip install mlx-lm\n\
             mlx_lm.convert --hf-path {checkpoint} --mlx-path {stem}-{bits}bit -q --q-bits {bits} --q-group-size {group}\n"
        ),
        Compression::None
        | Compression::Palettized { .. }
        | Compression::Linear { .. }
        | Compression::Sparse { .. }
        | Compression::SparsePalettized { .. } => String::new(),
    };
    start + &steps
}
