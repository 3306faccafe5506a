"""A GPU in one command: proves, times and compares with peers and with what is wanted.

    python bench/gpu.py                          all parts, 12 minutes at most; a page per card
    python bench/gpu.py --minutes 5              what matters most, as far as the time goes
    python bench/gpu.py --parts kernels fits     some of PARTS
    python bench/gpu.py --points 1000000 --half  one size of the kernels, weights of 2 bytes

It builds nothing: with the build for one architecture (``GPUTSNE_CUDA_ARCHS=90``, 2 minutes) it
takes a quarter of an hour. Every step is a process of its own, in the order of what matters: one
that fails, hangs or finds no time left says so, and the others go on. Results are written after
each step: bench/results/gpu.json, and gpu-CARD.md with the wanted figures first.

prove: the tests that need a GPU, none skipped. fits: whole fits (gpu_fits.py), the first of a
process and warm, their bytes in two processes, the divergence beside a CPU's. kernels: the calls of
an iteration in captured graphs beside the model (gpu_kernels.py), the own FFT beside cuFFT.
transform, neighbors: alone. peers: those that are installed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import common
import gpu_fits
import gpu_page

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("prove", "fits", "kernels", "transform", "peers", "neighbors")
SIZES = [60_000, 1_000_000, 10_000_000]
MINUTES = 12.0
TESTS = ("-m", "gpu", "-q", "-x", "-p", "no:cacheprovider")
LEAST = 5.0  # seconds below which nothing is begun
TIMED_OUT = 124  # status of a program that was ended, as of timeout(1)

Facts = dict[str, Any]


class Step(NamedTuple):
    """One process: the part it belongs to, a job of gpu_fits.py or "tests", what it is told."""

    part: str
    job: str
    told: dict[str, Any]
    takes: float  # seconds, about; begun only where as much is left
    limit: float  # seconds, after which it is given up


def steps(asked: argparse.Namespace) -> list[Step]:
    """Return what is asked for, what matters most first."""
    told = {"device": asked.device, "quick": asked.quick}
    if asked.quick:
        small = {"n": 300, "d": 8}
        twice = Step("fits", "fit", {**small, "times": 2, **told}, 1, 300)
        all_steps = [
            twice,
            twice,
            Step("fits", "fit", {"n": 300, "d": 20, "pca": 5, "times": 1, **told}, 1, 300),
            Step("fits", "fit", {**small, "times": 1, **told, "device": "cpu"}, 1, 300),
            Step("transform", "place", {"n": 200, "m": 50, "d": 8, **told}, 1, 300),
            *(Step("peers", "peer", {"name": p, **small}, 1, 300) for p in PEERS),
            Step("neighbors", "neighbors", {**small, **told}, 1, 300),
            Step("prove", "tests", {"folder": "tests/contract"}, 1, 300),
        ]
    else:
        mnist, million, ten = {"n": 70_000, "d": 50}, {"n": 1_000_000}, {"n": 10_000_000}
        all_steps = [
            Step("fits", "fit", {**mnist, **told}, 10, 120),
            Step("fits", "fit", {**million, "d": 50, "times": 2, **told}, 20, 150),
            *(kernels(asked, n) for n in asked.points if n < 5_000_000),
            Step("fits", "fit", {"n": 70_000, "d": 784, "pca": 50, **told}, 10, 90),
            Step("transform", "place", {"n": 70_000, "m": 10_000, "d": 50, **told}, 10, 60),
            Step("fits", "fit", {**mnist, **told}, 10, 60),  # another process: the same bytes
            Step("fits", "fit", {**mnist, "times": 1, **told, "device": "cpu"}, 20, 90),
            Step("prove", "tests", {"folder": "tests/contract"}, 60, 200),
            Step("kernels", "transforms", {}, 15, 60),
            *(Step("peers", "peer", {"name": p, **mnist}, 20, 120) for p in PEERS),
            Step("fits", "fit", {**ten, "d": 50, "times": 2, **told}, 80, 200),
            *(kernels(asked, n) for n in asked.points if n >= 5_000_000),
            *(
                Step("neighbors", "neighbors", {"n": n, "d": 50, **told}, 15, 90)
                for n in (70_000, 200_000, 1_000_000)
            ),
            Step("prove", "tests", {"folder": "tests/gpu"}, 60, 240),
        ]
    return [step for step in all_steps if step.part in asked.parts]


PEERS = tuple(name for name, line in gpu_fits.PEERS.items() if line.gpu)


def kernels(asked: argparse.Namespace, n: int) -> Step:
    """Return the step that times the calls of an iteration of n points."""
    told = {"n": n, "k": asked.neighbors, "half": asked.half, "shuffled": asked.shuffled}
    return Step("kernels", "kernels", told, 10 + n / 250_000, 180)


def arguments() -> argparse.Namespace:
    parser = common.options(__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"in all [{MINUTES:g}]")
    parser.add_argument("--points", type=int, nargs="+", default=SIZES, help="of the kernels")
    parser.add_argument("--neighbors", type=int, default=90)
    parser.add_argument("--half", action="store_true", help="weights of 2 bytes")
    parser.add_argument("--shuffled", action="store_true", help="points in no order")
    asked = parser.parse_args()
    asked.device = asked.device or ("auto" if asked.quick else "cuda")
    return asked


def run(command: list[str], limit: float, **more: str) -> tuple[int, str]:
    """Run a program for at most ``limit`` seconds; return its status and what it said."""
    # A session of its own, so that what it has started ends with it and lets go of its pipes.
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **more}, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        return TIMED_OUT, f"{said.strip()}\ntook more than {limit:.0f} s"
    except BaseException:  # Ctrl-C does not reach another session
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, said.strip()


def outcome(step: Step, left: float) -> Facts:
    """Do a step within the seconds that are left; what fails is told, not raised."""
    if left < max(LEAST, step.takes):
        why = f"{max(0.0, left):.0f} s left, it takes about {step.takes:.0f}"
        return {**step.told, "left_out": why}
    limit, began = min(step.limit, left), time.perf_counter()
    if step.job == "tests":
        facts = tests(step.told["folder"], limit)
    else:
        script = str(Path(gpu_fits.__file__))
        # As this process is, on the package that is installed: the clone's own may have no kernels.
        status, said = run([sys.executable, script, step.job, json.dumps(step.told)], limit)
        lines = said.splitlines() or [""]
        # warnings of libraries may follow the result
        found = next((line for line in reversed(lines) if line.startswith('{"')), None)
        if status or found is None:
            facts = {**step.told, "failed": f"status {status}: {lines[-1]}", "log": said[-2000:]}
        else:
            facts = json.loads(found)
    return {**facts, "process_seconds": time.perf_counter() - began}


def tests(folder: str, limit: float) -> Facts:
    """Run the tests of a folder that need a GPU; a skip is a failure."""
    reason = no_gpu()
    if reason:
        return {"folder": folder, "left_out": reason}
    # PYTHONSAFEPATH: else "-m" would put the clone's package before the one that is installed.
    told = {"GPUTSNE_REQUIRE_GPU": "1", "PYTHONSAFEPATH": "1"}
    status, said = run([sys.executable, "-m", "pytest", *TESTS, folder], limit, **told)
    facts = {"folder": folder, "passed": status == 0, "said": (said.splitlines() or [""])[-1]}
    return facts if status == 0 else {**facts, "log": said[-4000:]}


def no_gpu() -> str:
    """Return why there is no GPU to time, or an empty string."""
    from gputsne.backends import explain

    return next(why if not there else "" for name, there, why in explain() if name == "cuda")


def card() -> str:
    """Return the GPU's own name, or an empty string."""
    if no_gpu():
        return ""
    from gputsne.backends.cuda.presence import kernels as module

    return str(module().describe(0))


def same_bytes(fits: list[Facts]) -> bool | None:
    """Return whether equal fits gave equal maps, in a process and in two; None of fewer."""
    seen: dict[str, list[str]] = {}
    for one in fits:
        if "fits" in one:
            asked = json.dumps([one["n"], one["d"], one["device"], one["asked"]])
            seen.setdefault(asked, []).extend(fit["map"] for fit in one["fits"])
    compared = [maps for maps in seen.values() if len(maps) > 1]
    return all(len(set(maps)) == 1 for maps in compared) if compared else None


def main() -> int:
    asked = arguments()
    if not asked.quick and no_gpu():
        print(f"nothing to time: {no_gpu()}", file=sys.stderr)
        return 1
    ends = time.perf_counter() + 60 * asked.minutes
    record: Facts = {
        "benchmark": "gpu", "quick": asked.quick, **common.provenance(asked), "card": card(),
        "half": asked.half, "in_order": not asked.shuffled, "minutes": asked.minutes,
        **{part: [] for part in asked.parts},
    }  # fmt: skip
    name = re.sub(r"[^a-z0-9]+", "-", record["card"].split(",")[0].lower()).strip("-") or "none"
    folder = asked.results or (None if asked.quick else common.RESULTS)
    for step in steps(asked):
        facts = outcome(step, ends - time.perf_counter())
        record[step.part].append(facts)
        common.log(f"{step.part}: {gpu_page.line(step.job, facts)}")
        if "fits" in record:
            record["same_bytes"] = same_bytes(record["fits"])
        record["wanted"] = gpu_page.wanted(record)
        if folder is not None:  # after each step: what comes next may take the machine along
            common.write("gpu", folder, record)
            page = folder / f"gpu-{name}.md"
            page.write_text(gpu_page.page(common.rounded(record)), encoding="utf-8")
    print(gpu_page.page(common.rounded(record)))
    failed = [one for one in record.get("prove", []) if not one.get("passed", True)]
    return 1 if failed or record.get("same_bytes") is False else 0


if __name__ == "__main__":
    sys.exit(main())
