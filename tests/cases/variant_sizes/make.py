"""Makes the fixtures beside this script: what coremltools really writes for each variant of a network.

    python make.py PACKAGES [GROUND_TRUTH.json]

PACKAGES holds dense `.mlpackage` folders (the names in NETWORKS). The fixture of a network keeps its weight table (dtype,
shape, consumers; no names, no values) and the sizes of each compressed file. A weight file's values are replaced by
random ones first, so that packages with zeroed payloads will do. k-means only chooses values, never sizes, so vector
tables are filled with arbitrary members. With GROUND_TRUTH.json (sizes of files made elsewhere by the same release, by
name: TWINS) those files are listed too, marked "found".

Made with coremltools 9.0 and NumPy 2.2.6; needs no macOS.
"""
import collections, json, os, struct, sys, tempfile, shutil, logging
import numpy as np
import coremltools as ct
import coremltools.optimize.coreml as cto
from coremltools.optimize.coreml import _quantization_passes as passes
from coremltools.converters.mil.mil import types
logging.getLogger("coremltools").setLevel(logging.CRITICAL)
HERE = os.path.dirname(os.path.abspath(__file__))

# NumPy 2 computes the percentile of a large fp16 array as nan, and then nothing is pruned; this is the intended result.
ORIGINAL_PERCENTILE = np.percentile
np.percentile = lambda a, q: ORIGINAL_PERCENTILE(np.asarray(a).astype(np.float32), q)

def arbitrary_clusters(nbits, w, force_kmeans1d=False, cluster_dim=1, vector_axis=None):
    if cluster_dim > 1:
        w = passes.optimize_utils.reshape_weight_for_vector_lut(w, cluster_dim, vector_axis)
    flat = w.reshape(-1, cluster_dim); n = 1 << nbits
    lut = flat[np.random.randint(0, len(flat), n)]
    idx = np.random.randint(0, n, len(flat))
    return (lut.flatten() if cluster_dim == 1 else lut), idx
passes._get_kmeans_lookup_table_and_weight = arbitrary_clusters

NAMES = {v: k.lower().replace("float", "fp") for k, v in ct.proto.MIL_pb2.DataType.items()}

def spec_of(path): return ct.utils.load_spec(path)
def dims(t): return [d.constant.size for d in t.dimensions]

def table(spec):
    """Stored weights (one row for each blob, or constexpr) with every operation that reads them; op and const counts."""
    rows = collections.OrderedDict(); n_ops = n_consts = 0
    for f in spec.mlProgram.functions.values():
        of = {}; scalars = {}
        blocks = [b for b in f.block_specializations.values()]
        while blocks:
            for op in blocks.pop(0).operations:
                blocks.extend(op.blocks)
                if op.type == "const":
                    n_consts += 1; v = op.attributes["val"]; o = op.outputs[0]
                    if v.WhichOneof("value") == "blobFileValue":
                        key = v.blobFileValue.offset
                        rows.setdefault(key, [NAMES[o.type.tensorType.dataType], dims(o.type.tensorType), []]); of[o.name] = key
                    elif v.immediateValue.tensor.ints.values: scalars[o.name] = v.immediateValue.tensor.ints.values[0]
                    elif v.immediateValue.tensor.bools.values: scalars[o.name] = v.immediateValue.tensor.bools.values[0]
                elif op.type.startswith("constexpr_"):
                    o = op.outputs[0]; key = ("x", o.name); of[o.name] = key
                    rows[key] = [NAMES[o.type.tensorType.dataType], dims(o.type.tensorType), []]
                else:
                    n_ops += 1
                    for param, arg in op.inputs.items():
                        for a in arg.arguments:
                            if a.name in of:
                                more = {k: int(scalars[op.inputs[k].arguments[0].name]) for k in ("groups", "transpose_x", "transpose_y") if k in op.inputs and op.inputs[k].arguments[0].name in scalars}
                                use = [op.type, param, more]
                                if use not in rows[of[a.name]][2]: rows[of[a.name]][2].append(use)
    return list(rows.values()), n_ops, n_consts

def randomise(path):
    w = f"{path}/Data/com.apple.CoreML/weights/weight.bin"; data = np.fromfile(w, np.uint8); rng = np.random.default_rng(1)
    count, at = struct.unpack_from("<I", data, 0)[0], 64
    for _ in range(count):
        _, kind, size, off = struct.unpack_from("<IIQQ", data, at)
        if kind == 1: data[off:off + size] = (rng.standard_normal(size // 2, np.float32) * .02).astype(np.float16).view(np.uint8)
        if kind == 2: data[off:off + size] = (rng.standard_normal(size // 4, np.float32) * .02).view(np.uint8)
        at = (off + size + 63) // 64 * 64
    data.tofile(w)

def conf(c): return cto.OptimizationConfig(global_config=c)
def pal(n, **k): return lambda m: cto.palettize_weights(m, conf(cto.OpPalettizerConfig(mode="kmeans" if k.get("cluster_dim", 1) > 1 else "uniform", nbits=n, **k)))
def lin(d, g, **k): return lambda m: cto.linear_quantize_weights(m, conf(cto.OpLinearQuantizerConfig(mode="linear_symmetric", dtype=d, granularity=g, **k)))
def spa(p): return lambda m: cto.prune_weights(m, conf(cto.OpMagnitudePrunerConfig(target_sparsity=p / 100)))
def joint(p, n): return lambda m: cto.palettize_weights(spa(p)(m), conf(cto.OpPalettizerConfig(mode="uniform", nbits=n)), joint_compression=True)
def w8a8(m):
    """`linear_quantize_activations` with made-up ranges (calibration needs macOS), then int8 weights."""
    class Anything(dict):
        def __missing__(self, _): return {"rmin": -1.0, "rmax": 1.0}
    p = passes.insert_prefix_quantize_dequantize_pair(conf(cto.experimental.OpActivationLinearQuantizerConfig(mode="linear_symmetric")))
    p.activation_stats = Anything()
    m = ct.models.utils._apply_graph_pass(m, p, spec_version=8, skip_model_load=True)
    return lin("int8", "per_channel")(m)

G = dict(granularity="per_grouped_channel", group_size=16)
OLD = {**{f"lut{n}": pal(n) for n in (8, 6, 4, 2, 1)}, "int8-tensor": lin("int8", "per_tensor"), "int8-channel": lin("int8", "per_channel"), "sparse50": spa(50), "sparse75": spa(75)}
NEW = {"lut3": pal(3), **{f"lut{n}-g16": pal(n, **G) for n in (8, 6, 4, 3, 2, 1)}, "lut4-v2": pal(4, cluster_dim=2), "lut6-v2": pal(6, cluster_dim=2), "lut4-v4": pal(4, cluster_dim=4), "lut8-v4": pal(8, cluster_dim=4), "lut2-v4": pal(2, cluster_dim=4),
       "int4-block32": lin("int4", "per_block", block_size=32), "int4-channel": lin("int4", "per_channel"), "sparse50-lut4": joint(50, 4), "sparse75-lut4": joint(75, 4), "sparse75-lut8": joint(75, 8), "sparse50-lut8": joint(50, 8)}
def no_fail(f):
    def g(m):
        try: return f(m)
        except Exception as e: print("   failed:", type(e).__name__, str(e)[:150]); return None
    return g

NETWORKS = {  # network: [(package, the variants to make from it)]
    "resnet18": [("resnet18_fp16_ios18", {**OLD, **NEW})],
    "mobilenet_v3_large": [("mobilenet_v3_large_fp16_ios17", {**OLD, "w8a8": w8a8}), ("+ios18", {**OLD, **NEW})],
    "llama8l": [("llama8l_a_naive_seq64_fp16_ios18", {**OLD, **NEW}), ("llama8l_a_naive_seq64_fp16_ios17", {k: OLD[k] for k in ("lut4", "int8-channel", "sparse50")})],
    "llama8l_stateful": [("llama8l_d_stateful_kv_fp16_ios18", {})],
    "llama8l_tied": [("llama8l_a_tied_seq64_fp16_ios17", {k: OLD[k] for k in ("lut6", "int8-channel")})],
    "llama4l_32k_tied": [("llama_vocab32k_tied_pal6_ios17", {})],
    "resnet50": [("resnet50_fp16_ios17", {"int8-channel": OLD["int8-channel"], "w8a8": w8a8}), ("resnet50_fp16_ios18", {k: NEW[k] for k in ("lut3", "lut4-g16", "lut4-v4", "int4-channel", "sparse75-lut4")})],
    "vit_b_16": [("vit_b_16_fp16_ios18", {k: NEW[k] for k in ("lut4-g16",)})],
    "tinyllama1b": [("tinyllama1b_stateful_fp16_ios18", {})],
}
TWINS = {
    "resnet50": {"fp16": ["resnet50_fp16_ios17", "resnet50_fp16_ios18"], "fp32": ["resnet50_fp32_ios17"], "int4-block32": ["resnet50_int4_block32_ios18"], "int8-channel": ["resnet50_int8_perchannel_ios18"],
                 **{f"lut{n}": [f"resnet50_pal{n}_uniform_ios17"] for n in (8, 6, 2, 1)}, "lut4": ["resnet50_pal4_uniform_ios17", "resnet50_pal4_uniform_ios18"],
                 "sparse50": ["resnet50_sparse50_ios17"], "sparse75": ["resnet50_sparse75_ios17", "resnet50_sparse75_ios18"], "int8-tensor": ["resnet50_uint8_asym_pertensor_ios17"]},
    "vit_b_16": {"fp16": ["vit_b_16_fp16_ios17", "vit_b_16_fp16_ios18"], "int4-block32": ["vit_b_16_int4_block32_ios18"], "lut4": ["vit_b_16_pal4_uniform_ios17"]},
    "mobilenet_v3_large": {"fp16": ["mobilenet_v3_large_fp16_ios17"], "lut4": ["mobilenet_v3_large_pal4_kmeans_ios17"], "lut6": ["mobilenet_v3_large_pal6_unique_try_ios17"]},
    "llama8l": {"fp16": ["llama8l_a_naive_seq64_fp16_ios17", "llama8l_a_naive_seq64_fp16_ios18"], "fp32": ["llama8l_f_fp32_seq64_ios17"], "int4-block32": ["llama8l_g_int4_block32_ios18"]},
    "llama8l_stateful": {"fp16": ["llama8l_d_stateful_kv_fp16_ios18"], "int4-block32": ["llama8l_g2_stateful_int4_block32_ios18"]},
    "llama8l_tied": {"fp16": ["llama8l_a_tied_seq64_fp16_ios17"]},
    "llama4l_32k_tied": {"lut6": ["llama_vocab32k_tied_pal6_ios17"]},
    "tinyllama1b": {"fp16": ["tinyllama1b_stateful_fp16_ios18"], "lut4": ["tinyllama1b_stateful_pal4_uniform_ios18"]},
    "resnet18": {"fp16": ["resnet18_fp16_ios18"]},
}

def entry(variant, spec_version, sizes, origin):
    # The pairs of a q/dq program are operations too: their number is the only thing the weight table cannot say.
    return {"variant": variant, "spec": spec_version, "weight_bin": sizes["weight.bin"], "model_mlmodel": sizes["model.mlmodel"], "origin": origin}

def sizes(path):
    d = f"{path}/Data/com.apple.CoreML"; return {"weight.bin": os.path.getsize(f"{d}/weights/weight.bin"), "model.mlmodel": os.path.getsize(f"{d}/model.mlmodel")}

def main(packages, truth, only):
    for network, sources in NETWORKS.items():
        if only and network not in only: continue
        rows, n_ops, n_consts = table(spec_of(f"{packages}/{sources[0][0]}.mlpackage"))
        files = []; tmp = tempfile.mkdtemp(); package = None
        for variant, names in TWINS.get(network, {}).items() if truth else ():
            for name in names:
                t = truth[name + ".mlpackage"]; f = {k.split("/")[-1]: v for k, v in t["files"].items()}
                files.append(entry(variant, t["spec_version"], f, "found"))
        for source, methods in sources:
            if not methods: continue
            lift = source == "+ios18"
            if not lift:
                package = f"{tmp}/{source}.mlpackage"; shutil.copytree(f"{packages}/{source}.mlpackage", package); randomise(package)
            for variant, method in methods.items():
                m = ct.models.MLModel(package, skip_model_load=True); np.random.seed(0)
                if lift:
                    class Nothing(ct.converters.mil.mil.passes.graph_pass.AbstractGraphPass):
                        def apply(self, prog): pass
                    m = ct.models.utils._apply_graph_pass(m, Nothing(), spec_version=9, skip_model_load=True)
                print(network, source, variant, flush=True)
                m = no_fail(method)(m)
                if m is None: continue
                out = f"{tmp}/out.mlpackage"; shutil.rmtree(out, ignore_errors=True); m.save(out)
                e = entry(variant, m.get_spec().specificationVersion, sizes(out), "made")
                if variant == "w8a8": e["n_ops"] = table(m.get_spec())[1]
                print("   ", e, flush=True); files.append(e)
        shutil.rmtree(tmp)
        with open(f"{HERE}/{network}.json", "w") as f:
            f.write('{"network":' + json.dumps(network) + f',"n_ops":{n_ops},"n_consts":{n_consts},\n"weights":[\n' + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + '\n],\n"files":[\n' + ",\n".join(json.dumps(e, separators=(",", ":")) for e in files) + "\n]}\n")

args = [a for a in sys.argv[1:] if not a.startswith("-")]
main(args[0], json.load(open(args[1])) if len(args) > 1 and args[1].endswith(".json") else None, [a for a in args[1:] if not a.endswith(".json")])
