"""What all benchmarks share: options, data, one process per job, provenance, results as JSON.

Nothing here is timed: jobs.py holds what is, and each job runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PACKAGES = ("gputsne", "numpy", "scipy", "scikit-learn", "faiss-cpu", "openTSNE")
COMPONENTS = 50  # principal components, the usual preparation of MNIST for t-SNE
QUICK_N = 600  # points of --quick: enough for the mesh and for three perplexities of neighbours


def options(description: str, threads: int = 2) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, help="npz with X and y [MNIST in $GPUTSNE_DATA]")
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


def data(asked: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, str]:
    """Return X (n, 50) float32, labels (n,) and what they are.

    MNIST divided by 255 and reduced to 50 principal components, digits with --quick; of another
    npz the array X, reduced where it has more than 50 columns.
    """
    import gputsne

    path = asked.data
    if path is None and asked.quick:
        digits = gputsne.datasets.load_digits()
        return digits.X[:QUICK_N], digits.labels[:QUICK_N], f"digits, {QUICK_N} x 64"
    if path is None:
        folder = os.environ.get("GPUTSNE_DATA")
        if folder is None:
            raise SystemExit("pass --data FILE.npz, or set GPUTSNE_DATA to mnist70k.npz's folder")
        path = Path(folder) / "mnist70k.npz"
    with np.load(path, allow_pickle=False) as archive:
        X, y = archive["X"], archive["y"]
    name = f"{path.stem}, {len(X)} x {X.shape[1]}"
    if X.dtype == np.uint8:
        X = X.astype(np.float32) / 255
    if X.shape[1] > COMPONENTS:
        from sklearn.decomposition import PCA

        X = PCA(COMPONENTS, svd_solver="covariance_eigh").fit_transform(X.astype(np.float32))
        name += f", PCA to {COMPONENTS}"
    return np.ascontiguousarray(X, dtype=np.float32), y, name


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


class Jobs:
    """Runs the functions of jobs.py, each in a process of its own, one at a time."""

    def __init__(self, folder: Path, asked: argparse.Namespace) -> None:
        self.folder, self.count = folder, 0
        self.threads, self.device = asked.threads, device(asked)

    def __call__(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Run a job; arrays among the arguments go and come as npy files.

        Returns what the job returns, with ``peak_bytes``, the most memory its process held.
        """
        self.count += 1
        call = self.folder / f"{self.count}-{name}.json"
        told = {k: self._kept(k, v) for k, v in arguments.items()}
        call.write_text(json.dumps({"n_jobs": self.threads, "device": self.device, **told}))
        threads = str(self.threads)
        names = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR", "NUMBA")
        caps = {f"{n}_NUM_THREADS": threads for n in names}
        began = time.perf_counter()
        command = [sys.executable, str(HERE / "jobs.py"), name, str(call)]
        done = subprocess.run(command, env={**os.environ, **caps}, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{name} failed with {done.returncode}\n{done.stdout}{done.stderr}")
        facts: dict[str, Any] = json.loads(call.with_suffix(".out").read_text())
        seconds = facts.get("seconds", {}).get("total", float("nan"))
        peak, whole = facts["peak_bytes"] / 1e9, time.perf_counter() - began
        log(f"{name}: {seconds:.2f} s ({whole:.1f} s of process), {peak:.2f} GB")
        return facts

    def _kept(self, name: str, value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return str(value) if isinstance(value, Path) else value
        path = self.folder / f"{self.count}-{name}.npy"
        np.save(path, value)
        return str(path)


@contextmanager
def jobs(asked: argparse.Namespace) -> Iterator[Jobs]:
    """Lend a folder for the arrays of a benchmark's jobs."""
    with tempfile.TemporaryDirectory(prefix="gputsne-bench-") as folder:
        yield Jobs(Path(folder), asked)


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
        "versions": {"python": platform.python_version(), **{p: _version(p) for p in PACKAGES}},
        "commit": asked.commit,
    }


def finish(name: str, asked: argparse.Namespace, facts: dict[str, Any]) -> None:
    """Write NAME.json with provenance; --quick writes only where --results says."""
    record = {"benchmark": name, "quick": asked.quick, **provenance(asked), **facts}
    print(json.dumps({k: record[k] for k in facts}, indent=1, default=str))
    folder = asked.results or (None if asked.quick else RESULTS)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.json"
        path.write_text(json.dumps(rounded(record), indent=1) + "\n", encoding="utf-8")
        log(f"written {path}")


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
