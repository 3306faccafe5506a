"""Bugs for the rings to see: what one is, and those of the FFT, where threads meet most often."""

from __future__ import annotations

from dataclasses import dataclass

WRONG = r"\d+ of \d+ differ|order of threads can be seen"


@dataclass(frozen=True)
class Bug:
    """A change to one file, and what each ring must say of the case that meets it."""

    file: str
    was: str
    becomes: str
    source: str  # the .cu file that is compiled with it
    case: str
    ring_2: str  # patterns; empty where the ring can't see it
    ring_3: str


FFT = "kernels/gpu_fft.hpp"
PASS = """  pass.template read<HALF>(line, thread);
  __syncthreads();
  pass.write(line, thread);
  __syncthreads();
"""
FFT_BUGS = {
    "lines-written-while-others-read": Bug(
        FFT,
        PASS,
        PASS.replace("  __syncthreads();\n", "", 1),
        "fft.cu",
        "convolve-128x64",
        WRONG,
        "",
    ),
    "lines-read-while-others-write": Bug(
        FFT,
        PASS,
        PASS.replace("thread);\n  __syncthreads();\n  pass", "thread);\n__syncthreads();pass")
        .replace("  __syncthreads();\n", "")
        .replace("__syncthreads();pass", "  __syncthreads();\n  pass"),
        "fft.cu",
        "spectrum-64x96-1",
        WRONG,
        "",
    ),
    "columns-transformed-before-they-are-there": Bug(
        FFT,
        "          there ? rows[Index(r) * pitch + first + c] : Complex<float>{};\n    }\n"
        "    __syncthreads();\n",
        "          there ? rows[Index(r) * pitch + first + c] : Complex<float>{};\n    }\n",
        "fft.cu",
        "convolve-128x64",
        WRONG,
        "",
    ),
    "padding-that-is-read-and-was-never-written": Bug(
        FFT,
        "    transform<true>(line, t, length, turn);\n    for (int k = t; k <= n / 2",
        "    transform<false>(line, t, length, turn);\n    for (int k = t; k <= n / 2",
        "fft.cu",
        "convolve-64x64",
        WRONG,
        "uninitialised shared read",
    ),
    "charges-stay": Bug(FFT, "    *at = 0;\n", "", "fft.cu", "convolve-64x64", WRONG, WRONG),
}
