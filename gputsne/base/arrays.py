"""Arrays of any library to numpy, and a result back to the library its input came from.

Each library's own copy is used, so its current stream is honoured and nothing of ours is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gputsne.base.errors import BackendUnavailable, DependencyMissing
from gputsne.base.extras import pip_install
from gputsne.base.types import Array

__all__ = ["device_array", "device_index", "host", "returner"]

CUDA_DEVICES = (2, 13)  # DLPack's kDLCUDA and kDLCUDAManaged
JAX = ("jax", "jaxlib")  # modules of its arrays


def host(a: Any) -> Any:
    """Return the array in main memory; what is there already comes back as it is.

    Parameters
    ----------
    a : object
        Array of numpy, CuPy, PyTorch, Numba or JAX, anything with ``__cuda_array_interface__`` or
        DLPack; other objects pass through.

    Returns
    -------
    object
        numpy's array where ``a`` was a device's or another library's.

    Raises
    ------
    DependencyMissing
        The array lies on a GPU and only CuPy could read it.
    BackendUnavailable
        It lies on a device that isn't here, or that nothing here can read.
    """
    if isinstance(a, np.ndarray):
        return a
    try:
        return _fetched(a)
    except (DependencyMissing, MemoryError):
        raise
    except Exception as error:  # of any library's own kind
        kind, index = _dlpack_device(a)
        cuda = kind in CUDA_DEVICES or hasattr(a, "__cuda_array_interface__")
        where = f"NVIDIA GPU {index}" if cuda else f"a device of DLPack's kind {kind}"
        raise BackendUnavailable(
            f"the {type(a).__name__} that was passed lies on {where}, which can't be read here "
            f"({type(error).__name__}: {error}): copy it to main memory first"
        ) from error


def _fetched(a: Any) -> Any:
    """Return the array in main memory; other objects as they are."""
    if hasattr(a, "detach"):  # a torch tensor, perhaps with a gradient
        a = a.detach().cpu()
    elif hasattr(a, "copy_to_host"):  # Numba
        return a.copy_to_host()
    elif _library(a) in JAX:  # waits until it is computed
        return np.asarray(a)
    elif hasattr(a, "__cuda_array_interface__"):
        return a.get() if hasattr(a, "get") else _cupy().asarray(a).get()
    if not hasattr(a, "__array__") and hasattr(a, "__dlpack__"):
        if _dlpack_device(a)[0] in CUDA_DEVICES:
            return _cupy().from_dlpack(a).get()
        return np.from_dlpack(a)
    return a


def device_index(a: Any) -> int | None:
    """Return the number of the NVIDIA GPU that holds the array, None for main memory.

    Parameters
    ----------
    a : object
        As in ``host``.

    Returns
    -------
    int or None
        CUDA's device number in this process.
    """
    if isinstance(a, np.ndarray):
        return None
    kind, index = _dlpack_device(a)
    if kind in CUDA_DEVICES:
        return index
    if hasattr(a, "__cuda_array_interface__") and _library(a) != "torch":
        return _pointer_device(a)  # Numba
    return None


def device_array(a: Any, number: int | None, xp: Any) -> Any:
    """Return the array as CuPy's, without a copy; None for what doesn't lie on that GPU.

    Parameters
    ----------
    a : object
        As in ``host``.
    number : int or None
        CUDA's device number in this process.
    xp : module
        CuPy.

    Returns
    -------
    array or None
        None, too, for what CuPy can't take as it is; ``host`` then says why.
    """
    if number is None or device_index(a) != number or _library(a) in JAX:
        return None
    try:
        a = a.detach() if hasattr(a, "detach") else a
        return xp.asarray(a) if hasattr(a, "__cuda_array_interface__") else xp.from_dlpack(a)
    except Exception:  # of any library's own kind
        return None


def returner(a: Any) -> Callable[[Array], Any] | None:
    """Return what turns numpy's result into an array of ``a``'s library on ``a``'s GPU.

    Parameters
    ----------
    a : object
        What the caller passed.

    Returns
    -------
    callable or None
        None where the result is to stay numpy's, as for everything in main memory.
    """
    index = device_index(a)
    if index is None:
        return None
    library = _library(a)
    if library == "torch":
        device = a.device
        return lambda result: _torch(result, device)
    if library == "numba":
        return _numba
    if library in JAX:
        devices = a.devices()
        return lambda result: _jax(result, next(iter(devices)))
    return lambda result: _on(index, result)


def _library(a: Any) -> str:
    return type(a).__module__.split(".")[0]


def _pointer_device(a: Any) -> int:
    """Return the number of the GPU that an array lies on, as the driver knows it; 0 untold."""
    try:
        from cupy.cuda import runtime

        return int(runtime.pointerGetAttributes(a.__cuda_array_interface__["data"][0]).device)
    except Exception:  # without CuPy or a GPU nothing will run there anyway, and it is said why
        return 0


def _dlpack_device(a: Any) -> tuple[int, int]:
    """Return DLPack's (kind, number) of the device; (1, 0), the CPU, where it can't be asked."""
    if not hasattr(a, "__dlpack_device__"):
        return 1, 0
    try:
        kind, index = a.__dlpack_device__()
    except Exception:  # of any library's own kind; what reads the array says it again
        return 1, 0
    return int(kind), int(index)


def _cupy() -> Any:
    try:
        import cupy
    except ImportError as error:
        raise DependencyMissing(
            f"reading this array from the GPU needs CuPy: {pip_install('cuda13')}"
        ) from error
    return cupy


def _torch(result: Array, device: Any) -> Any:
    import torch  # the caller's array came from it

    return torch.from_numpy(result.copy()).to(device)


def _numba(result: Array) -> Any:
    from numba import cuda

    return cuda.to_device(result)


def _jax(result: Array, device: Any) -> Any:
    import jax

    return jax.device_put(result, device)


def _on(index: int, result: Array) -> Any:
    cupy = _cupy()
    with cupy.cuda.Device(index):
        return cupy.asarray(result)
