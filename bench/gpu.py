"""A GPU in one command: proves, times and compares with peers; builds nothing.

    python bench/gpu.py                          all parts, some 15 minutes; a page per card
    python bench/gpu.py --parts kernels fits     some of: prove kernels fits neighbors peers
    python bench/gpu.py --points 1000000 --half  one size of the kernels, weights of 2 bytes

prove: the tests that need a GPU, none skipped. kernels: the calls of an iteration in captured
graphs beside the roofline (gpu_kernels.py), the own FFT beside cuFFT. fits: whole fits and
transform, cold and warm, each in a process of its own, and the bytes of two processes compared
(gpu_fits.py). peers: those that are installed. A part that fails says so, and the others go on.
Results are bench/results/gpu.json and gpu-CARD.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import common
import gpu_fits

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("prove", "kernels", "fits", "neighbors", "peers")
SIZES = [60_000, 1_000_000, 10_000_000]
PROVE = ("-m", "gpu", "-q", "-x", "-p", "no:cacheprovider", "tests/contract", "tests/gpu")
FITS: tuple[dict[str, Any], ...] = (
    {"n": 70_000, "d": 50},
    {"n": 70_000, "d": 50},  # another process: the same bytes
    {"n": 70_000, "d": 784, "pca": 50},
    {"n": 1_000_000, "d": 50, "fits": 2},
    {"n": 10_000_000, "d": 50, "fits": 1},
)
QUICK_FITS: tuple[dict[str, Any], ...] = (
    {"n": 300, "d": 8, "fits": 2},
    {"n": 300, "d": 8, "fits": 2},
    {"n": 300, "d": 20, "pca": 5, "fits": 1},
)
LIMIT = 1200  # seconds that one process may take

Facts = dict[str, Any]


def arguments() -> argparse.Namespace:
    parser = common.options(__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--points", type=int, nargs="+", default=SIZES, help="of the kernels")
    parser.add_argument("--neighbors", type=int, default=90)
    parser.add_argument("--half", action="store_true", help="weights of 2 bytes")
    parser.add_argument("--shuffled", action="store_true", help="points in no order")
    asked = parser.parse_args()
    asked.device = asked.device or ("auto" if asked.quick else "cuda")
    return asked


def run(command: list[str], **more: str) -> tuple[int, str]:
    """Run a program; return its status and what it said."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **more}, capture_output=True, text=True,
            timeout=LIMIT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 124, f"took more than {LIMIT} s"
    return done.returncode, (done.stdout + done.stderr).strip()


def job(what: str, **told: Any) -> Facts:
    """Run a job of gpu_fits.py in a process of its own; what fails is told, not raised."""
    script = str(Path(gpu_fits.__file__))
    began = time.perf_counter()
    # As this process is, on the package that is installed: the clone's own may have no kernels.
    status, said = run([sys.executable, script, what, json.dumps(told)])
    lines = said.splitlines() or [""]
    # warnings of libraries may follow the result
    found = next((line for line in reversed(lines) if line.startswith('{"')), None)
    if status or found is None:
        common.log(f"{what} {told}: failed, {lines[-1]}")
        return {**told, "failed": f"status {status}: {lines[-1]}"}
    facts: Facts = json.loads(found)
    common.log(f"{what} {told}: {time.perf_counter() - began:.1f} s of process")
    return {**facts, "process_seconds": time.perf_counter() - began}


def no_gpu() -> str:
    """Return why there is no GPU to time, or an empty string."""
    from gputsne.backends import explain

    return next(why if not there else "" for name, there, why in explain() if name == "cuda")


def prove(asked: argparse.Namespace) -> Facts:
    """Run the tests that need a GPU; a skip is a failure."""
    reason = no_gpu()
    if reason:
        return {"left_out": reason}
    # PYTHONSAFEPATH: else "-m" would put the clone's package before the one that is installed.
    told = {"GPUTSNE_REQUIRE_GPU": "1", "PYTHONSAFEPATH": "1"}
    status, said = run([sys.executable, "-m", "pytest", *PROVE], **told)
    common.log(f"tests: {said.splitlines()[-1] if said else status}")
    return {
        "passed": status == 0,
        "said": said.splitlines()[-1:],
        "log": said[-4000:] * bool(status),
    }


def kernels(asked: argparse.Namespace) -> Facts:
    """Time the calls of an iteration, as far as the GPU's memory goes."""
    reason = no_gpu()
    if reason:
        return {"left_out": reason}
    from gpu_kernels import measure, transforms

    from gputsne import plan
    from gputsne.backends import choose
    from gputsne.backends.cuda.ops import CudaOps

    def make(**how: Any) -> CudaOps:
        return CudaOps(1, **how)

    gpu, free = machine(card()), choose("cuda").ops.memory()[0]
    facts: Facts = {"model": gpu.name, "transforms": transforms(make), "calls": [], "left_out": []}
    for n in asked.points:
        need = plan(n, 50, n_neighbors=asked.neighbors, device="cuda").device_stages["optimize"]
        if need > free:
            facts["left_out"].append(f"{n}: needs {need / 1e9:.1f} GB, {free / 1e9:.1f} are free")
            continue
        facts["calls"] += measure(
            n, asked.neighbors, gpu, make, half=asked.half, shuffled=asked.shuffled
        )
        for row in facts["calls"]:
            if row["n"] == n:
                common.log(f"{row['call']:<34}{n:>10}{row['milliseconds']:>10.3f} ms")
    return facts


def card() -> str:
    """Return the GPU's own name, or an empty string."""
    if no_gpu():
        return ""
    from gputsne.backends.cuda.presence import kernels as module

    return str(module().describe(0))


def machine(name: str) -> Any:
    """Return the model that fits a GPU's name best."""
    from gputsne.planning.costs import MACHINES

    return next((m for key, m in MACHINES.items() if key in name.lower()), MACHINES["h100"])


def fits(asked: argparse.Namespace) -> Facts:
    """Fit and place; compare the bytes of runs and processes, and the divergence with a CPU's."""
    cases = QUICK_FITS if asked.quick else FITS
    common_facts = {"device": asked.device, "quick": asked.quick}
    found = [job("fit", **case, **common_facts) for case in cases]
    maps = {fit["map"] for one in found[:2] if "fits" in one for fit in one["fits"]}
    cpu = job("fit", **cases[0] | {"fits": 1}, device="cpu", quick=asked.quick)
    n, m = (200, 50) if asked.quick else (70_000, 10_000)
    placed = job("place", n=n, m=m, d=cases[0]["d"], **common_facts)
    return {
        "runs": found,
        "same_bytes": len(maps) == 1 and all("fits" in one for one in found[:2]),
        "cpu": cpu,
        "transform": placed,
    }


def neighbors(asked: argparse.Namespace) -> Facts:
    """Search for neighbours alone."""
    sizes = (300,) if asked.quick else (70_000, 200_000, 1_000_000)
    told = {"d": 8 if asked.quick else 50, "device": asked.device, "quick": asked.quick}
    return {"runs": [job("neighbors", n=n, **told) for n in sizes]}


def peers(asked: argparse.Namespace) -> Facts:
    """Fit with what else is installed."""
    n, d = (300, 8) if asked.quick else (70_000, 50)
    return {
        "runs": [job("peer", name=name, n=n, d=d, quick=asked.quick) for name in gpu_fits.PEERS]
    }


def page(facts: Facts) -> str:
    """Return the results for reading, as Markdown."""
    lines = [
        f"# {facts['card'] or 'No GPU'}",
        "",
        f"Commit {facts['commit']}, {facts['date']}.",
        "",
    ]
    proved = facts.get("prove", {})
    if proved:
        lines += [f"Tests: {proved.get('left_out') or ' '.join(proved['said'])}", ""]
    timed = facts.get("kernels", {})
    if timed.get("calls"):
        lines += ["| call | points | ms | model ms | ratio | GB/s |", "|---|--:|--:|--:|--:|--:|"]
        for row in timed["calls"]:
            more = [row.get(key) for key in ("model_milliseconds", "ratio", "gigabytes_per_second")]
            cells = " | ".join("" if v is None else f"{v:.3g}" for v in more)
            lines.append(f"| {row['call']} | {row['n']:,} | {row['milliseconds']:.4g} | {cells} |")
        lines += ["", "| FFT length | own ms | cuFFT ms | new spectrum ms |", "|--:|--:|--:|--:|"]
        keys = ("own_milliseconds", "cufft_milliseconds", "spectrum_milliseconds")
        for row in timed["transforms"]:
            lines.append(f"| {row['length']} | " + " | ".join(f"{row[k]:.4g}" for k in keys) + " |")
        lines.append("")
    lines += _fits_page(facts.get("fits", {}), facts.get("peers", {}), facts.get("neighbors", {}))
    return "\n".join(lines) + "\n"


def _fits_page(fitted: Facts, others: Facts, searched: Facts) -> list[str]:
    lines = []
    if fitted:
        lines += [
            "| fit | first of a process, s | warm, s | stages of the last, s | KL | meshes |",
            "|---|--:|--:|---|--:|--:|",
        ]
    for one in [*fitted.get("runs", []), *([fitted["cpu"]] if fitted else [])]:
        what = f"{one['n']:,} x {one['d']}{', CPU' if one.get('device') == 'cpu' else ''}"
        if "failed" in one:
            lines.append(f"| {what} | {one['failed']} | | | | |")
            continue
        first, last = one["fits"][0], one["fits"][-1]
        warm = f"{last['seconds']:.3g}" if len(one["fits"]) > 1 else ""
        stages = ", ".join(f"{k} {v:.3g}" for k, v in last["stages"].items())
        lines.append(
            f"| {what} | {first['seconds']:.3g} | {warm} | {stages} | {last['kl_divergence']:.4g} "
            f"| {last['meshes']} |"
        )
    if fitted:
        lines += ["", f"Two processes, the same bytes: {fitted['same_bytes']}.", ""]
        lines += [f"transform: {json.dumps(fitted['transform'])}", ""]
    for one in [*searched.get("runs", []), *others.get("runs", [])]:
        lines.append(f"- {json.dumps(one)}")
    return lines


def main() -> int:
    asked = arguments()
    if not asked.quick and no_gpu():
        print(f"nothing to time: {no_gpu()}", file=sys.stderr)
        return 1
    steps = {
        "prove": prove,
        "kernels": kernels,
        "fits": fits,
        "neighbors": neighbors,
        "peers": peers,
    }
    facts: Facts = {"card": card(), "half": asked.half, "in_order": not asked.shuffled}
    for part in asked.parts:
        common.log(part)
        try:
            facts[part] = steps[part](asked)
        except Exception as error:  # the other parts are worth having
            facts[part] = {"left_out": f"failed: {type(error).__name__}: {error}"}
            common.log(facts[part]["left_out"])
    common.finish("gpu", asked, facts)
    folder = asked.results or (None if asked.quick else common.RESULTS)
    if folder is not None:
        record = json.loads((folder / "gpu.json").read_text(encoding="utf-8"))
        name = re.sub(r"[^a-z0-9]+", "-", facts["card"].split(",")[0].lower()).strip("-") or "none"
        (folder / f"gpu-{name}.md").write_text(page(record), encoding="utf-8")
    ok = facts.get("prove", {}).get("passed", True) and facts.get("fits", {}).get(
        "same_bytes", True
    )
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
