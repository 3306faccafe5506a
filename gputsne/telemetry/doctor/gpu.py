"""Checks of the GPU: driver, kernels, CuPy and what fits what; docs/gpu.md says how to install."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import metadata
from typing import Any, Final

from gputsne.backends.diagnosis import ASKING, remedy_for
from gputsne.base import cgroups
from gputsne.base.extras import pip_install
from gputsne.base.sizes import size_text
from gputsne.telemetry.doctor.environment import in_process
from gputsne.telemetry.doctor.finding import FAILED, OK, WARNING, Check, Finding

__all__ = ["CHECKS", "judged"]

AREA: Final = "gpu"
SECONDS: Final = 120.0  # a first context takes 12 s, a driver that hangs takes for ever
LITTLE: Final = 1 << 30  # bytes free on a GPU
SIGNS: Final = ("dev/nvidia0", "dev/nvidiactl", "proc/driver/nvidia/version", "dev/dxg")


def gpu() -> Iterator[Finding]:
    """Ask the driver, the kernels and CuPy, and fit a small map, in a process of its own."""
    facts, end = in_process(ASKING, seconds=SECONDS)
    told: dict[str, Any] = {}
    devices = []
    for fact in facts:
        if "device" in fact:
            devices.append(fact)
        else:
            told |= fact
    signs = [sign for sign in SIGNS if (cgroups.ROOT / sign).exists()]
    yield from judged(told, devices, end, signs)


def judged(
    told: dict[str, Any], devices: list[dict[str, Any]], end: str, signs: list[str]
) -> Iterator[Finding]:
    """Say what the answers of driver, kernels and CuPy mean.

    Parameters
    ----------
    told : dict
        ``driver``, ``runtime`` (as CUDA numbers versions), ``no_driver``, ``reason``, ``fitted``.
    devices : list of dict
        ``device``, ``number``, ``free`` and ``total`` of each GPU.
    end : str
        How the process ended that asked, where that was no good end.
    signs : list of str
        Files that tell of a GPU in this machine.

    Yields
    ------
    Finding
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if "reason" not in told and (signs or "driver" in told):
        yield Finding(AREA, "device", FAILED, f"asking the GPU broke: {end or 'no answer'}",
                      "nvidia-smi says what the driver sees; restart the machine")  # fmt: skip
        return
    if not signs and "driver" not in told:
        yield Finding(AREA, "device", OK, "no NVIDIA GPU in this machine: the CPU computes")
        return
    driver = told.get("driver")
    if driver is None:
        yield Finding(AREA, "driver", WARNING, "there is a GPU and no driver's library here: "
                      f"{told.get('no_driver', '')}; the CPU computes",
                      "start the container with docker run --gpus all, or install the driver"
                      )  # fmt: skip
        return
    yield Finding(AREA, "driver", OK, f"up to CUDA {_version(driver)}")
    reason = told["reason"]
    if reason:
        if hidden is not None and hidden in ("", "-1"):
            yield Finding(AREA, "device", WARNING, f"CUDA_VISIBLE_DEVICES={hidden!r} hides all "
                          "GPUs: the CPU computes", "unset CUDA_VISIBLE_DEVICES")  # fmt: skip
            return
        yield Finding(AREA, "device", WARNING, f"the CPU computes: {reason}", remedy_for(reason))
        return
    runtime = told.get("runtime")
    if runtime is not None and runtime // 1000 > driver // 1000:
        yield Finding(AREA, "runtime", FAILED, f"CuPy is of CUDA {_version(runtime)}, the driver "
                      f"goes up to {_version(driver)}", pip_install("cuda12"))  # fmt: skip
    elif runtime is not None:
        yield Finding(AREA, "runtime", OK, f"CuPy of CUDA {_version(runtime)}")
    for device in devices:
        found = (f"{device['device']}, number {device['number']}: {size_text(device['free'])} of "
                 f"{size_text(device['total'])} free")  # fmt: skip
        little = device["free"] < LITTLE
        remedy = "nvidia-smi says which process has the rest" if little else ""
        yield Finding(AREA, "device", WARNING if little else OK, found, remedy)
    if "fitted" in told:
        yield Finding(AREA, "fit", OK, "a map of 200 rows was made on it")
    else:
        yield Finding(AREA, "fit", FAILED, f"a small map could not be made on it: {end}",
                      "report it, with gputsne doctor --json; TSNE(device='cpu') works meanwhile"
                      )  # fmt: skip


def two_faiss() -> Iterator[Finding]:
    """Tell where faiss-cpu and faiss-gpu are installed at once: both fill one folder."""
    found = []
    for distribution in metadata.distributions():
        name = (distribution.metadata["Name"] or "").lower()
        if name in ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu12", "faiss-gpu-cu11"):
            found.append(name)
    if len(set(found)) > 1:
        names = " ".join(sorted(set(found)))
        yield Finding(AREA, "faiss", FAILED, f"{names} fill the same folder: one of them is broken",
                      f"pip uninstall {names}, then install one of them")  # fmt: skip


def _version(number: int) -> str:
    """Return CUDA's number of a version for reading: 12040 is 12.4."""
    return f"{number // 1000}.{number % 1000 // 10}"


CHECKS: Final[dict[str, Check]] = {"device": gpu, "faiss": two_faiss}
