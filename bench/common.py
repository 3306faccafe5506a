"""What all benchmarks share: options, data, provenance, results as JSON.

Scripts of this folder import it as ``common``, the cases of ``python -m bench`` as
``bench.common``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np

# a script of bench/ has no package around it
LOADERS = import_module(f"{__package__}.data" if __package__ else "data")
HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PACKAGES = ("gputsne", "numpy", "scipy", "scikit-learn", "faiss-cpu", "openTSNE")


def options(description: str, threads: int = 2) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, help="npz with X and y in place of the case's data")
    parser.add_argument("--threads", type=int, default=threads, help=f"threads [{threads}]")
    parser.add_argument("--device", help="where ours runs [cpu; auto with --quick]")
    parser.add_argument("--quick", action="store_true", help="few points: does the script work?")
    parser.add_argument("--results", type=Path, help="folder of the JSON file [bench/results]")
    # as it is before the run: a run takes minutes, and makes the load itself
    parser.set_defaults(commit=_commit(), load=round(os.getloadavg()[0], 2))
    return parser


def log(text: str) -> None:
    """Tell the person at the terminal what is going on."""
    print(f"{datetime.now(UTC):%H:%M:%S}  {text}", flush=True)


def data(asked: argparse.Namespace, name: str = "mnist") -> tuple[np.ndarray, np.ndarray, str]:
    """Return X (n, d) float32, labels (n,) and what they are: a set of data.py, or ``--data``."""
    X, y, told = LOADERS.load(name, asked.data, quick=asked.quick)
    return X, y, told


def device(asked: argparse.Namespace) -> str:
    """Return the device to ask for: figures are of the compiled kernels or there are none."""
    return asked.device or ("auto" if asked.quick else "cpu")


# What every fit of a benchmark is asked: openTSNE's defaults.
FIT = {
    "perplexity": 30.0,
    "schedule": "classic",
    "max_iter": 750,
    "early_exaggeration_iter": 250,
    "random_state": 0,
    "method": "mesh",
}


def provenance(asked: argparse.Namespace) -> dict[str, Any]:
    """Return where, when and with what something was measured."""
    from gputsne import backends
    from gputsne.base import threads

    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "platform": platform.platform(),
            "cpu": _cpu(),
            "processors": os.cpu_count(),
            "granted": threads.resolve_n_jobs(None),
            "memory_bytes": _memory(),
            "load": asked.load,  # other work disturbs every figure
        },
        "threads": asked.threads,
        "backend": backends.choose(device(asked), 1).ops.name,
        "versions": {
            "python": platform.python_version(),
            **{p: _version(p) for p in PACKAGES},
            "gputsne": package()["version"],  # a clone need not be installed
        },
        "package": package(),
        "commit": asked.commit,
    }


@cache
def package() -> dict[str, Any]:
    """Return which gputsne is measured: path, version, and whether its sources are this clone's.

    Where they are not, ``commit`` of the record speaks of the clone and not of the package.
    """
    import gputsne

    path = Path(gputsne.__file__).parent
    same = sources(path) == sources(HERE.parent / "gputsne")
    if not same:
        log(f"the package in {path} is not of this clone's sources: install it again")
    near = path.is_relative_to(HERE.parent)  # no result says where on a machine it was made
    told = path.relative_to(HERE.parent) if near else Path(*path.parts[-2:])
    return {"path": str(told), "version": gputsne.__version__, "of_this_clone": same}


def sources(folder: Path) -> str:
    """Return a digest of the Python sources of a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def finish(name: str, asked: argparse.Namespace, facts: dict[str, Any]) -> None:
    """Write NAME.json with provenance, and print it; --quick writes only where --results says."""
    print(json.dumps(facts, indent=1, default=str))
    path = keep(name, asked, facts)
    if path is not None:
        log(f"written {path}")


def keep(name: str, asked: argparse.Namespace, facts: dict[str, Any]) -> Path | None:
    """Write NAME.json with provenance where results are kept; return where it is, if it is."""
    folder = folder_of(asked)
    record = {"benchmark": name, "quick": asked.quick, **provenance(asked), **facts}
    return None if folder is None else write(name, folder, record)


def write(name: str, folder: Path, record: dict[str, Any]) -> Path:
    """Write NAME.json into a folder, whole or not at all; return where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path, draft = folder / f"{name}.json", folder / f".{name}.json"
    draft.write_text(json.dumps(rounded(record), indent=1) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def folder_of(asked: argparse.Namespace) -> Path | None:
    """Return the folder of the results; --quick has none of its own."""
    return asked.results or (None if asked.quick else RESULTS)


def rounded(value: Any) -> Any:
    """Return a value for JSON, floats to six significant digits."""
    if isinstance(value, dict):
        return {str(k): rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [rounded(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(f"{float(value):.6g}")
    return value.item() if isinstance(value, np.generic) else value


def median_of(runs: list[dict[str, Any]], read: Callable[[dict[str, Any]], float]) -> float:
    """Return the median of one figure over runs."""
    return float(np.median([read(run) for run in runs]))


def target(value: float, limit: float, *, most: bool) -> dict[str, Any]:
    """Return a figure beside what was hoped for: at most (or at least) ``limit``."""
    return {
        "value": value,
        ("at_most" if most else "at_least"): limit,
        "met": bool(value <= limit if most else value >= limit),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _commit() -> str | None:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(HERE), *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "../gputsne", "../csrc", "../setup.py")
        return git("rev-parse", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
