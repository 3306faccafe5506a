"""Whether the CUDA backend can run here; if not, why, in a sentence and never as an exception.

The cheap questions come first: CuPy, half a second to import, is asked only where a GPU answers.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
from types import ModuleType
from typing import Any

from gputsne.base.extras import pip_install
from gputsne.base.forks import Owner

__all__ = ["EXTRA", "OWNER", "kernels", "lost_in_fork", "why_not"]

EXTRA = f"{pip_install('cuda13')} (or cuda12, whichever the driver supports)"
OWNER = Owner()  # the process in which a GPU was asked for first; its children can't reach it


def kernels() -> ModuleType:
    """Return ``gputsne._cuda``.

    Raises
    ------
    ImportError
        It was not built.
    """
    return importlib.import_module("gputsne._cuda")


def lost_in_fork() -> str:
    """Return why a GPU that a parent of this process used is out of reach; "" where none did.

    A CUDA context does not survive a fork: calls in the child fail, or wait for ever.
    """
    if not OWNER.elsewhere:
        return ""
    return (
        f"CUDA was used before process {os.getpid()} was forked, and does not survive a fork; "
        "start processes by 'spawn' or 'forkserver' (multiprocessing.set_start_method)"
    )


def why_not() -> str:
    """Return the reason why ``device="cuda"`` can't run here; "" where it can."""
    from gputsne._version import __version__

    if lost := lost_in_fork():
        return lost

    if importlib.util.find_spec("gputsne._cuda") is None:
        from gputsne._build import build

        record: Any = build()
        told = record.get("cuda_reason") or record["reason"]
        return "this build has no CUDA kernels" + (f": {told}" if told else "")
    try:
        module = kernels()
    except ImportError as error:
        return f"the CUDA kernels can't be loaded: {error}"
    if module.__version__ != __version__:
        return (
            f"CUDA kernels are of version {module.__version__}, the package of {__version__}: "
            "reinstall"
        )
    count, reason = module.device_count()
    if not count:
        return f"no NVIDIA GPU answers: {reason}"
    OWNER.note()  # to ask was to use it: the driver is set up for this process alone
    return _cupy_missing() or _too_old(str(module.architectures))


def _cupy_missing() -> str:
    if importlib.util.find_spec("cupy") is None:
        return f"CuPy is missing: {EXTRA}"
    try:
        import cupy

        cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # ImportError of a library, or CuPy's own error types
        return f"CuPy does not work here ({str(error).splitlines()[0]}): {EXTRA}"
    return ""


def _too_old(architectures: str) -> str:
    """Compare the current GPU with the oldest that the kernels were compiled for."""
    import cupy

    known = [int(found) for found in re.findall(r"\d+", architectures)]
    here = int(cupy.cuda.Device().compute_capability)
    if known and here < min(known):
        return (
            f"this GPU has compute capability {here / 10:.1f}, the kernels need at least "
            f"{min(known) / 10:.1f}"
        )
    return ""
