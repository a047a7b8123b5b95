"""Times the planner's reader, coremltools and Netron on the same packages in one run and prints a table.

    python3 peers.py --python VENV/bin/python --netron NETRON [--dist DIST] PACKAGE.mlpackage ...

VENV has coremltools; NETRON is the folder with Netron's `view.js` (`site-packages/netron` of its Python package). The
planner is what `cargo build --release` and `cargo bench --bench packages` make; with --dist also the page's own worker in
Chromium (needs `npm ci` in ../e2e). See README.md for what is compared.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def lines(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not found:
        sys.exit(f"{command[0]}: {done.stderr[-2000:]}")
    return found[0]


def process(command, times):
    """The shortest time of a process, in milliseconds, and the most memory one of them held."""
    best, most = float("inf"), 0
    for _ in range(times):
        started = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        if status != 0:
            sys.exit(f"{command} ended with {status}")
        best = min(best, (time.perf_counter() - started) * 1e3)
        most = max(most, usage.ru_maxrss * 1024)
    return best, most


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--python", required=True)
    asked.add_argument("--netron", required=True)
    asked.add_argument("--dist")
    asked.add_argument("packages", nargs="+")
    asked = asked.parse_args()
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    planner = str(target / "planner")
    benches = [path for path in (target / "deps").glob("packages-*") if path.suffix == ""]
    bench = str(max(benches, key=lambda path: path.stat().st_mtime))
    walk = "import sys; import coremltools as ct; s = ct.utils.load_spec(sys.argv[1])"

    rows = []
    for path in asked.packages:
        size = sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())
        ours = lines([bench, path])
        ours_process, ours_rss = process([planner, "inspect", path], 10)
        theirs = lines([asked.python, str(HERE / "coremltools_open.py"), path])
        theirs_process, _ = process([asked.python, "-c", walk, path], 2)
        netron = lines(["node", str(HERE / "netron_open.mjs"), asked.netron, path])
        row = {
            "name": Path(path).stem,
            "mb": size / 1e6,
            "ours": ours["ms"],
            "heap": ours["heap"] / 1e6,
            "ours_process": ours_process,
            "ours_rss": ours_rss / 1e6,
            "coremltools": theirs["ms"],
            "coremltools_process": theirs_process,
            "netron": netron["ms"],
            "netron_first": netron["first_ms"],
            "netron_rss": netron["rss"] / 1e6,
        }
        if asked.dist:
            row["chromium"] = lines(["node", str(HERE / "chromium_open.mjs"), asked.dist, path])["ms"]
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)

    print("| package | MB | planner ms | heap MB | coremltools ms | × | Netron ms, first | × | planner process ms | RSS MB"
          " | coremltools process ms | × | Chromium ms | Netron × |")
    print("| --- |" + " ---: |" * 13)
    for row in rows:
        browser = row.get("chromium")
        cells = [
            row["name"],
            f"{row['mb']:.1f}",
            f"{row['ours']:.2f}",
            f"{row['heap']:.1f}",
            f"{row['coremltools']:.1f}",
            f"{row['coremltools'] / row['ours']:.1f}",
            f"{row['netron']:.0f}, {row['netron_first']:.0f}",
            f"{row['netron'] / row['ours']:.0f}, {row['netron_first'] / row['ours']:.0f}",
            f"{row['ours_process']:.1f}",
            f"{row['ours_rss']:.0f}",
            f"{row['coremltools_process']:.0f}",
            f"{row['coremltools_process'] / row['ours_process']:.0f}",
            f"{browser:.1f}" if browser else "–",
            f"{row['netron'] / browser:.0f}, {row['netron_first'] / browser:.0f}" if browser else "–",
        ]
        print("| " + " | ".join(cells) + " |")


main()
