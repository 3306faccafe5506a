"""CUDA graphs on the lookalike of CuPy: streams that capture launches and replay them.

While a stream is captured nothing runs: kernels and FFTs are written down, their outputs hold NaN.
What a graph can't hold is refused: waiting, copies, memory that others may be given.
"""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

from gpu_free import lookalike

QUESTIONS = (  # launch nothing
    "sum_scratch", "gather_scratch", "use_device", "describe", "device_count", "fft_fits",
    "fft_pitch", "spectrum_scratch", "numbers_size",
)  # fmt: skip
FREE = ("empty", "asarray")  # of what CuPy does without a kernel, the second with its own arrays


class Graph:
    """Launches that were written down."""

    def __init__(self, calls):
        self.calls = calls

    def launch(self):
        for call in self.calls:
            call()


class Stream:
    """cupy.cuda.Stream; ``ptr`` 0 is CUDA's default stream."""

    def __init__(self, cupy, ptr):
        self.cupy, self.ptr, self.before = cupy, ptr, None

    def __enter__(self):
        self.before, self.cupy.stream = self.cupy.stream, self

    def __exit__(self, *_):
        self.cupy.stream = self.before

    def synchronize(self):
        assert self.cupy.calls_written is None, "a stream that is captured can't be waited for"

    def begin_capture(self):
        if self.ptr == 0 or self.cupy.refuse:
            raise RuntimeError("cudaErrorStreamCaptureUnsupported")
        self.cupy.calls_written, lookalike.Array.captured = [], True

    def end_capture(self):
        calls, self.cupy.calls_written = self.cupy.calls_written, None
        lookalike.Array.captured = False
        return Graph(calls)


class Arena:
    """cupy.cuda.MemoryPool: what it has lent stays its own."""

    def __init__(self):
        self.lent, self.emptied = [], 0

    def malloc(self, size):
        raise NotImplementedError("only a name for using_allocator")

    def total_bytes(self):
        return sum(a.nbytes for a in self.lent)

    def free_all_blocks(self):
        self.lent.clear()
        self.emptied += 1


class Cupy(lookalike.Cupy):
    """A lookalike whose streams can be captured; ``refuse`` lets that fail."""

    def __init__(self):
        super().__init__()
        self.calls_written, self.arena, self.refuse = None, None, False
        self.stream = Stream(self, 0)
        cuda = self.cuda
        cuda.get_current_stream = lambda: self.stream
        cuda.Stream = lambda non_blocking: Stream(self, 4096)
        cuda.MemoryPool = Arena
        cuda.using_allocator = lambda malloc: Using(self, malloc.__self__)

    def __getattr__(self, name):
        found = super().__getattr__(name)
        if not callable(found) or isinstance(found, type):
            return found

        def call(*given, **keywords):
            copied = name == "asarray" and not isinstance(given[0], lookalike.Array)
            if self.calls_written is not None and (copied or name not in FREE):
                raise RuntimeError(f"cupy.{name} while a stream is captured")
            result = found(*given, **keywords)
            if self.calls_written is not None:
                assert self.arena is not None, "memory that others may be given"
                self.arena.lent.append(result)
            return result

        return call


class Using:
    """cupy.cuda.using_allocator"""

    def __init__(self, cupy, arena):
        self.cupy, self.arena = cupy, arena

    def __enter__(self):
        self.cupy.arena = self.arena

    def __exit__(self, *_):
        self.cupy.arena = None


class Fft:
    """cupyx.scipy.fft"""

    def __init__(self, cupy):
        self.cupy, self.plain = cupy, lookalike.Fft()

    def get_fft_plan(self, a, **keywords):
        if self.cupy.calls_written is not None:
            raise RuntimeError("a plan is made while a stream is captured")
        return Plan(self.cupy, self.plain.get_fft_plan(a, **keywords))


class Plan:
    """cupy.cuda.cufft.PlanNd"""

    def __init__(self, cupy, plain):
        self.cupy, self.plain = cupy, plain

    def fft(self, a, out, direction):
        if self.cupy.calls_written is None:
            self.plain.fft(a, out, direction)
        else:
            self.cupy.calls_written.append(partial(self.plain.fft, a, out, direction))


def kernels(module, cupy):
    """Return the emulated module; its launches are written down while a stream is captured."""

    def launching(function):
        def call(*given):
            if cupy.calls_written is None:
                return function(*given)
            cupy.calls_written.append(partial(function, *given))
            return None

        return call

    out = SimpleNamespace()
    for name in dir(module):
        found = getattr(module, name)
        if callable(found) and not name.startswith("_"):
            asks = name in QUESTIONS or isinstance(found, type)
            setattr(out, name, found if asks else launching(found))
    return out
