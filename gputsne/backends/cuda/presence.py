"""Whether the CUDA backend can run here; if not, why, in a sentence and never as an exception.

The cheap questions come first: CuPy, half a second to import, is asked only where a GPU answers.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from types import ModuleType
from typing import Any

__all__ = ["EXTRA", "kernels", "why_not"]

EXTRA = "pip install 'gputsne[cuda13]' (or cuda12, whichever the driver supports)"


def kernels() -> ModuleType:
    """Return ``gputsne._cuda``.

    Raises
    ------
    ImportError
        It was not built.
    """
    return importlib.import_module("gputsne._cuda")


def why_not() -> str:
    """Return the reason why ``device="cuda"`` can't run here; "" where it can."""
    from gputsne._version import __version__

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
