"""The table of backends, and the choice of one.

All offer the operations of ``Ops`` (protocol.py); the engine never asks which it has. A new backend
is a class derived from ``Ops`` and one line of ``BACKENDS``. Outside this room nobody compares the
name of a device: what a backend can do is asked of its line, or of its ``Ops``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from gputsne.backends.protocol import Ops
from gputsne.base.errors import BackendUnavailable
from gputsne.base.threads import resolve_n_jobs

__all__ = ["BACKENDS", "DEVICES", "Choice", "Ops", "choose", "devices_with_memory", "explain"]


class Backend(NamedTuple):
    """One line of the table."""

    device: str  # what users write
    name: str  # what it is called in reports
    why_not: Callable[[], str]  # "" where it can run here
    make: Callable[[int], Ops]
    own_memory: bool = False  # arrays of an iteration lie on a device, whose memory a plan counts


class Choice(NamedTuple):
    """What ``choose`` decided, and why."""

    ops: Ops
    device: str
    reason: str


def _cuda_missing() -> str:
    from gputsne.backends.cuda.presence import why_not

    return why_not()


def _cuda_make(n_jobs: int) -> Ops:
    from gputsne.backends.cuda.ops import CudaOps

    return CudaOps(
        n_jobs,
        graphs=os.environ.get("GPUTSNE_CUDA_GRAPHS", "1") != "0",
        own_fft=os.environ.get("GPUTSNE_CUDA_FFT", "own") != "cufft",
    )


def _native_missing() -> str:
    from gputsne.backends.native.loading import native

    try:
        _native = native()
    except ImportError as error:
        from gputsne._build import build

        return f"compiled kernels are missing: {build()['reason'] or error}"
    from gputsne._version import __version__

    if _native.__version__ != __version__:
        found = _native.__version__
        return f"compiled kernels are of version {found}, the package of {__version__}: reinstall"
    return ""


def _native_make(n_jobs: int) -> Ops:
    from gputsne.backends.native.ops import NativeOps

    return NativeOps(n_jobs)


def _numpy_make(n_jobs: int) -> Ops:
    from gputsne.backends.numpy.ops import NumpyOps

    return NumpyOps(n_jobs)


BACKENDS = (  # in the order in which "auto" tries them
    Backend("cuda", "cuda", _cuda_missing, _cuda_make, own_memory=True),
    Backend("cpu", "native", _native_missing, _native_make),
    Backend("numpy", "numpy", lambda: "", _numpy_make),
)
DEVICES = ("auto", *(b.device for b in BACKENDS))


def devices_with_memory() -> tuple[str, ...]:
    """Return the devices with memory of their own: GPUs, whether or not one is here."""
    return tuple(b.device for b in BACKENDS if b.own_memory)


def explain() -> list[tuple[str, bool, str]]:
    """Return ``(device, available, reason)`` for every backend, best first."""
    return [
        (b.device, not (why := b.why_not()), why or f"{b.name} backend is ready") for b in BACKENDS
    ]


def choose(device: str = "auto", n_jobs: int | None = None) -> Choice:
    """Choose a backend.

    Parameters
    ----------
    device : {"auto", "cuda", "cpu", "numpy"}
        ``"auto"`` takes the first that can run; any other name never falls back.
    n_jobs : int or None
        Threads; None for all that this process may use.

    Returns
    -------
    Choice
        The operations, the device's name and the reason.

    Raises
    ------
    ValueError
        ``device`` is none of the names above.
    BackendUnavailable
        The device was asked for by name and can't run here.
    """
    threads = resolve_n_jobs(n_jobs)
    if device not in DEVICES:
        raise ValueError(f"device={device!r} is none of {', '.join(map(repr, DEVICES))}")
    passed: list[str] = []
    for backend in BACKENDS:
        if device not in ("auto", backend.device):
            continue
        why = backend.why_not()
        if not why:
            reason = "; ".join(passed) or f"{backend.device} is the best there is"
            return Choice(backend.make(threads), backend.device, reason)
        if device != "auto":
            raise BackendUnavailable(
                f"device={device!r}: {why}; device='auto' takes what works here"
            )
        passed.append(f"{backend.device}: {why}")
    raise BackendUnavailable("; ".join(passed))  # numpy always works, so never reached
