"""The machine and the libraries of a run: versions, processors, the name of the host, memory."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

__all__ = ["host", "machine", "peak_memory", "versions"]

DISTRIBUTIONS: Final = {
    "numpy": ("numpy",),
    "scipy": ("scipy",),
    "scikit-learn": ("scikit-learn",),
    "faiss": ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu12", "faiss"),
}
# Libraries that a run may have read its data or searched with: told where they are loaded.
LOADED: Final = {
    "anndata": ("anndata",),
    "cupy": ("cupy-cuda13x", "cupy-cuda12x", "cupy"),
    "cuvs": ("cuvs-cu13", "cuvs-cu12"),
    "h5py": ("h5py",),
    "narwhals": ("narwhals",),
    "pandas": ("pandas",),
    "polars": ("polars",),
    "pyarrow": ("pyarrow",),
    "torch": ("torch",),
}
STATUS: Final = Path("/proc/self/status")


def versions() -> dict[str, str | None]:
    """Return the versions of Python, gputsne and what it computes with; None: not installed.

    Returns
    -------
    dict
        From name to version. Libraries that a run may use are in it where this process has loaded
        them. Reads package metadata and imports nothing.

    Examples
    --------
    >>> versions()["python"].startswith("3.")
    True
    """
    from gputsne._version import __version__

    found: dict[str, str | None] = {"python": platform.python_version(), "gputsne": __version__}
    found |= {name: _first(names) for name, names in DISTRIBUTIONS.items()}
    loaded = {name: _first(names) for name, names in LOADED.items() if name in sys.modules}
    return found | {name: version for name, version in loaded.items() if version is not None}


def _first(distributions: tuple[str, ...]) -> str | None:
    return next(filter(None, map(_installed, distributions)), None)


@cache
def _installed(distribution: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, Any]:
    """Return the platform and the processors a run was given."""
    return {"platform": platform.platform(), "processors": os.cpu_count()}


def host() -> str | None:
    """Return the name that this machine has on its network; None where it has none."""
    return platform.node() or None


def peak_memory() -> int | None:
    """Return the most memory this process has held at once, in bytes; None where it isn't known.

    Returns
    -------
    int or None
        Largest resident set since the process began. On Linux it is that of the process alone:
        what ``getrusage`` tells of a process that a larger one started is that one's.

    Examples
    --------
    >>> peak_memory() > 1_000_000
    True
    """
    own = next(_own_peaks(), None)
    if own is not None:
        return own
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024  # kB but on macOS


def _own_peaks() -> Iterator[int]:
    """Yield what Linux's status of this process says of its largest resident set, in bytes."""
    try:
        lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("VmHWM:"):
            yield 1024 * int(line.split()[1])
