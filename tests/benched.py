"""What tests of the benchmark share: a case run as README says, a script of bench/ as a module."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "bench"


def load(name: str) -> ModuleType:
    """Import a script of bench/ as it is when run by its path: beside its neighbours."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", BENCH / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(BENCH))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCH))
    return module


def quick(name: str, results: Path, *more: str) -> dict[str, Any]:
    """Run a case with --quick; return the record it wrote."""
    done = bench(name, "--quick", "--results", str(results), *more)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = results.glob(f"{name}*.json")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m bench`` as README says, in the clone's root."""
    # PYTHONSAFEPATH would hide the clone, and scripts of bench/ from each other
    hidden = ("GPUTSNE_DATA", "PYTHONSAFEPATH")
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    command = [sys.executable, "-m", "bench", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
