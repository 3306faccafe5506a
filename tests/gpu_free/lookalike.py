"""A stand-in for CuPy: numpy behind a module that is as strict as CuPy.

Arrays are a type of their own: they don't mix with numpy's, ``numpy.asarray`` refuses them, and
they come back by ``get`` alone. Every call is written down, for test_cupy_api.py.

What CuPy computes it compiles while the process runs, 0.2 s a kernel in a fresh container. So the
package may ask it for memory, copies, views and plans of FFTs, ``ALLOWED``, and a call of anything
else from a file of the package raises ``Compiles``. Tests may call what they like.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import scipy.fft

import gputsne

PACKAGE = Path(gputsne.__file__).resolve().parent
ALLOWED = {
    "xp.empty", "xp.empty_like", "xp.zeros", "xp.asarray", "fft.get_fft_plan",
    "array.get", "array.set", "array.view", "array.reshape", "array[view]",
}  # fmt: skip
CONSTRUCTORS = ("array", "asarray")  # what takes numpy's arrays; CuPy's ascontiguousarray doesn't
REFUSING = (*CONSTRUCTORS, "ascontiguousarray")  # of numpy, when they are given a device's array
_asarray = np.asarray


class Compiles(AssertionError):
    """The package asks CuPy for something that it would have to compile first."""


def asked(name: str) -> None:
    """Raise where a file of the package asks for what is not ``ALLOWED``."""
    if name in ALLOWED:
        return
    frame = sys._getframe(1)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PACKAGE):
            raise Compiles(f"{path.name}, line {frame.f_lineno}: CuPy would compile {name}")
        ours = path.parent == Path(__file__).parent and not path.name.startswith("test_")
        if not ours and not {"numpy", "scipy"} & set(path.parts):
            return
        frame = frame.f_back


class Call(NamedTuple):
    """One call of a function of ``cupy`` or ``cupyx.scipy.fft``, or a method of an array."""

    where: str  # "xp", "fft" or "array"
    name: str
    positional: int
    keywords: tuple[str, ...]


class Array(np.ndarray):
    """An array of the device: numpy's own don't mix with it."""

    calls: ClassVar[set[Call]] = set()
    captured: ClassVar[bool] = False  # nothing runs, so there is nothing to get

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **keywords):
        asked(f"ufunc {ufunc.__name__}")
        for a in (*inputs, *(out or ())):
            if type(a) is np.ndarray and a.ndim:
                raise TypeError(f"{ufunc.__name__} of an array of the device and one of numpy")
        host = [plain(a) for a in inputs]
        if out is not None:
            keywords["out"] = tuple(plain(a) for a in out)
        result = getattr(ufunc, method)(*host, **keywords)
        if out is not None:
            return out[0]
        return _device(result)

    def __array_function__(self, function, types, given, keywords):
        raise TypeError(f"numpy.{function.__name__} of an array of the device")

    def __getitem__(self, index):
        for part in index if isinstance(index, tuple) else (index,):
            if type(part) is np.ndarray:
                raise TypeError("an array of numpy as index of one of the device")
            asked("array[array]" if isinstance(part, np.ndarray | list) else "array[view]")
        return _device(plain(self)[_keys(index)])

    def __setitem__(self, index, value):
        asked("array[...] = value")
        if type(value) is np.ndarray and value.ndim:
            raise TypeError("an array of numpy put into one of the device")
        plain(self)[_keys(index)] = plain(value)

    def get(self):
        if Array.captured:
            raise RuntimeError("an array is copied while a stream is captured")
        asked("array.get" if self.flags.c_contiguous else "array.get of a view with gaps")
        return plain(self).copy()

    def set(self, a):
        if type(a) is not np.ndarray or a.dtype != self.dtype or a.shape != self.shape:
            raise TypeError("CuPy sets an array from one of numpy's of the same type and shape")
        plain(self)[...] = a

    @property
    def data(self):
        return SimpleNamespace(ptr=self.ctypes.data)


def _method(name):
    def call(self, *given, **keywords):
        asked(f"array.{name}")
        Array.calls.add(Call("array", name, len(given), tuple(sorted(keywords))))
        return _device(getattr(plain(self), name)(*map(plain, given), **keywords))

    return call


for _name in (
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "astype", "choose", "clip",
    "compress", "copy", "cumprod", "cumsum", "diagonal", "dot", "fill", "flatten", "max", "mean",
    "min", "nonzero", "partition", "prod", "put", "repeat", "reshape", "round", "searchsorted",
    "sort", "std", "sum", "take", "trace", "var",
):  # fmt: skip
    setattr(Array, _name, _method(_name))


def plain(a):
    return a.view(np.ndarray) if isinstance(a, Array) else a


def _device(a: Any) -> Any:
    if isinstance(a, np.ndarray | np.generic):
        return _asarray(a).view(Array)  # CuPy's reductions give arrays without axes
    return a


def _keys(index):
    return tuple(map(plain, index)) if isinstance(index, tuple) else plain(index)


class Foreign:
    """An array of another library on the device, which numpy can't read; CuPy takes it as it is."""

    def __init__(self, array: Array) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.__cuda_array_interface__ = {"version": 3}

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0  # kDLCUDA

    def __array__(self, *given: Any, **keywords: Any) -> Any:
        raise TypeError("implicit conversion of an array of the device")

    def get(self) -> np.ndarray:
        return self.array.get()


class Module:
    """A module of numpy's kind whose functions take and give arrays of the device.

    Parameters
    ----------
    where : str
        "xp" or "fft".
    real : module
        numpy or scipy.fft.
    """

    def __init__(self, where, real):
        self._where, self._real, self.calls = where, real, set()

    def __getattr__(self, name):
        found = getattr(self._real, name)
        if not callable(found) or isinstance(found, type):
            return found

        def call(*given, **keywords):
            other = name == "asarray" and isinstance(given[0], Array) and keywords
            converts = other and given[0].dtype != np.dtype(keywords.get("dtype", given[0].dtype))
            asked(f"{self._where}.{name}" + " to another dtype" * bool(converts))
            self.calls.add(Call(self._where, name, len(given), tuple(sorted(keywords))))
            if isinstance(given[0], Foreign):
                return given[0].array
            if name not in CONSTRUCTORS:
                for group in given:
                    for a in group if isinstance(group, tuple | list) else (group,):
                        if type(a) is np.ndarray and a.ndim:
                            raise TypeError(f"{self._where}.{name} of an array of numpy")
            sent = [
                tuple(map(plain, a)) if isinstance(a, tuple | list) else plain(a) for a in given
            ]
            result = _device(found(*sent, **{k: plain(v) for k, v in keywords.items()}))
            if name in CONSTRUCTORS and type(given[0]) is np.ndarray:
                return _device(plain(result).copy())  # it was sent to the device
            return result

        return call


class OutOfMemory(MemoryError):
    """cupy.cuda.memory.OutOfMemoryError"""


class Pool:
    """What CuPy's memory pool is asked; ``free`` bytes are left on the device."""

    def __init__(self):
        self.free, self.emptied, self.total = 1 << 40, 0, 0

    def total_bytes(self):
        return self.total

    def free_bytes(self):
        return 0

    def free_all_blocks(self):
        self.emptied += 1
        self.total = 0


class Cupy(Module):
    """The lookalike of ``cupy`` on one GPU.

    What it supplies itself stands in namespaces; test_cupy_api.py holds their names against CuPy's.
    """

    def __init__(self):
        super().__init__("xp", np)
        self.pool = pool = Pool()

        class Device(nullcontext):
            def __init__(self, number=0):
                super().__init__()
                self.id = number

            @property
            def mem_info(self):
                return pool.free, 1 << 40

        self.cuda = SimpleNamespace(
            Device=Device,
            get_current_stream=lambda: SimpleNamespace(ptr=0, synchronize=lambda: None),
            memory=SimpleNamespace(OutOfMemoryError=OutOfMemory),
        )

    def get_default_memory_pool(self):
        return self.pool

    get_default_pinned_memory_pool = get_default_memory_pool


class Plan(NamedTuple):
    """cupy.cuda.cufft.PlanNd, of what ``get_fft_plan`` was asked for."""

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    kind: str

    def fft(self, a, out, direction):
        assert direction == {"R2C": -1, "C2R": 1}[self.kind]
        half = (*self.shape[:-1], self.shape[-1] // 2 + 1)
        assert (a.shape, out.shape)[::-direction] == (self.shape, half)
        if self.kind == "R2C":
            plain(out)[...] = _spectrum(plain(a))
        else:
            # cuFFT works in it as well
            rest = scipy.fft.ifftn(
                plain(a), axes=range(len(half) - 1), norm="forward", overwrite_x=True
            )
            plain(out)[...] = scipy.fft.irfft(rest, n=self.shape[-1], norm="forward")
            plain(a)[...] = np.nan


def _spectrum(a: np.ndarray) -> np.ndarray:
    """Return ``scipy.fft.rfftn(a)``, without the transforms of what is padding: zeros."""
    found = a
    for axis, n in enumerate(a.shape[:-1]):
        first, rest = np.split(found, [n // 2], axis=axis)
        found = found if rest.any() else first
    found = scipy.fft.rfft(found)
    for axis in reversed(range(a.ndim - 1)):
        found = scipy.fft.fft(found, n=a.shape[axis], axis=axis)
    return found


class Fft(Module):
    """The lookalike of ``cupyx.scipy.fft``: plans that the caller owns."""

    def __init__(self):
        super().__init__("fft", SimpleNamespace(get_fft_plan=_plan))


def _plan(a, shape=None, axes=None, value_type="C2C"):
    assert a.dtype == {"R2C": np.float32, "C2R": np.complex64}[value_type]
    return Plan(shape, axes, value_type)


def modules():
    """Return lookalikes of ``cupy`` and ``cupyx.scipy.fft``."""
    return Cupy(), Fft()


@contextmanager
def strict(monkeypatch):
    """Let numpy's own constructors refuse arrays of the device, as they refuse CuPy's."""

    def refusing(real):
        def call(a, *given, **keywords):
            if isinstance(a, Array):
                raise TypeError("implicit conversion of an array of the device: use get()")
            return real(a, *given, **keywords)

        return call

    with monkeypatch.context() as patch:
        for name in REFUSING:
            patch.setattr(np, name, refusing(getattr(np, name)))
        yield
