"""Times coremltools on the paths it is given: `load_spec`, then a walk over every operation of every function.

Prints a line of JSON for each, with the shortest time, as the planner's own bench does.
"""

import json
import sys
import time

import coremltools as ct

def walk(spec):
    n_ops = 0
    models = [spec]
    while models:
        model = models.pop()
        kind = model.WhichOneof("Type")
        if kind == "pipeline":
            models.extend(model.pipeline.models)
        if kind != "mlProgram":
            continue
        for function in model.mlProgram.functions.values():
            blocks = list(function.block_specializations.values())
            while blocks:
                for operation in blocks.pop().operations:
                    n_ops += 1
                    for value in operation.attributes.values():
                        value.WhichOneof("value")
                    for argument in operation.inputs.values():
                        len(argument.arguments)
                    blocks.extend(operation.blocks)
    return n_ops


for path in sys.argv[1:]:
    times = []
    begun = time.perf_counter()
    n_ops = walk(ct.utils.load_spec(path))
    while len(times) < 3 or (time.perf_counter() - begun < 1 and len(times) < 200):
        started = time.perf_counter()
        walk(ct.utils.load_spec(path))
        times.append((time.perf_counter() - started) * 1e3)
    print(json.dumps({"path": path, "ms": min(times), "n_ops": n_ops}), flush=True)
