"""Runs the scripts that `planner take` writes, for every variant of coremltools, on small stand-ins of the models.

    pip install 'coremltools==9.0' 'torch==2.7.0' 'torchvision==0.22.0' 'transformers==4.46.3' 'numpy<2' scikit-learn
    cargo build --release --bin planner
    python tests/takeaway/run.py target/release/planner

Each script is run as written, but for what it would download: checkpoints become networks of two layers with random
weights, and the lengths of prompt and cache shrink with them. The packages that come out are read back by
`planner inspect` and must hold the encoding that was planned. Steps that need a Mac (calibration) are left out. Not part
of `cargo xtask test`: torch alone is gigabytes.
"""
import json
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
import torch
import torchvision
import transformers

PLANNER = str(Path(sys.argv[1]).resolve())
ONLY = sys.argv[2] if len(sys.argv) > 2 else ""


def planner(*args):
    done = subprocess.run([PLANNER, *args], capture_output=True, text=True)
    if done.returncode == 2:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def tiny(*_, **__):
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=512, hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=8,
        num_key_value_heads=4, max_position_embeddings=256, attn_implementation="sdpa",
    )
    return transformers.LlamaForCausalLM(config)


def untrained(name, weights=None):
    torch.manual_seed(0)
    return build(name, weights=None)


build = torchvision.models.get_model
torchvision.models.get_model = untrained
transformers.AutoModelForCausalLM.from_pretrained = tiny

failures = 0
variants = [row["id"] for row in planner("variants", "--json")["variants"] if row["runtime"] == "Core ML"]
for preset in ["llama-3.2-1b", "resnet-18"]:
    for variant in variants:
        name = f"{preset} {variant}"
        if variant == "w8a8" or ONLY not in name:
            continue
        files = planner("take", "--preset", preset, "--device", "macbook-air-m4", "--variant", variant, "--units", "all", "--json")
        text = next(file["text"] for file in files if file["name"] == "convert.py")
        text = re.sub(r"^PROMPT, CONTEXT = .*$", "PROMPT, CONTEXT = 16, 64", text, flags=re.M)
        with tempfile.TemporaryDirectory() as folder:
            import os
            os.chdir(folder)
            try:
                exec(compile(text, f"{name}/convert.py", "exec"), {"__name__": "__main__"})
                made = [path for path in Path(".").glob("*.mlpackage") if not path.stem.endswith(("-prefill", "-decode"))]
                assert len(made) == 1, made
                found = planner("inspect", str(made[0]), "--json")
                encodings = {row["encoding"]: row["n_params"] for row in found["weights"]["by_encoding"]}
                most = max(encodings, key=encodings.get)
                functions = sorted(function["name"] for function in found["functions"])
                print(f"ok   {name}: {most} of {encodings}, functions {functions}")
            except BaseException as error:
                failures += 1
                print(f"FAIL {name}: {type(error).__name__}: {error}")
raise SystemExit(1 if failures else 0)
