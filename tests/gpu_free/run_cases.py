"""Runs cases on one module, in a process of its own: python run_cases.py MODULE [CASE ...].

A sanitiser must be loaded before Python is, and a bug may end the process; so the module under
suspicion runs here. Prints the digest of the outputs of every case, under two shuffles.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gpu_free import (
    cases_arrays,
    cases_edges,
    cases_fft,
    cases_iteration,
    cases_lists,
    cases_neighbors,
    cases_prepare,
    cases_setup,
)
from gpu_free.benches import HostBench
from gpu_free.cases_iteration import Outputs
from gpu_free.emulator import Emulator

FILES = (
    cases_iteration, cases_edges, cases_fft, cases_setup, cases_neighbors, cases_arrays,
    cases_lists, cases_prepare,
)  # fmt: skip
CASES = {name: case for file in FILES for name, case in file.CASES.items()}


def digest(outputs: Outputs) -> str:
    summary = hashlib.sha256()
    for name in sorted(outputs):
        summary.update(name.encode() + outputs[name].tobytes())
    return summary.hexdigest()


def main(module: str, *names: str) -> int:
    emulator = Emulator(Path(module))
    for name in names or CASES:
        seen = set()
        for seed in (1, 99):
            emulator.shuffle(seed)
            seen.add(digest(CASES[name](HostBench(emulator))))
        assert len(seen) == 1, f"{name}: the order of threads can be seen in the result"
        print(name, *seen, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
