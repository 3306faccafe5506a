"""Bugs for the rings to see: what one is, and those of the FFT, neighbours and whole arrays."""

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
TILES, RANK = "kernels/gpu_neighbors.hpp", "kernels/neighbors.hpp"
SCAN = "kernels/gpu_scan.hpp"
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
NEIGHBOR_BUGS = {
    "vectors-of-what-is-not-aligned": Bug(
        TILES,
        "struct alignas(sizeof(Quad)) TileSlices",
        "struct TileSlices",
        "neighbors.cu",
        "search-products",
        "",  # a CPU loads them all the same
        "misaligned shared vector",
    ),
    "slice-is-read-before-it-is-there": Bug(
        TILES,
        "        __syncthreads(); // the other buffer",
        "        // the other buffer",
        "neighbors.cu",
        "search-products",
        WRONG,
        "",
    ),
    "slice-has-one-buffer": Bug(
        TILES,
        "        now ^= 1;\n",
        "",
        "neighbors.cu",
        "search-differences",
        WRONG,
        WRONG,
    ),
    "limits-are-read-before-they-are-there": Bug(
        TILES,
        "      active = 1;\n  }\n  __syncthreads();\n",
        "      active = 1;\n  }\n",
        "neighbors.cu",
        "search-products",
        f"{WRONG}|different barriers|a thread left while others wait",
        "",
    ),
    "two-candidates-in-one-place": Bug(
        TILES,
        "fetch_add(p.lists.count + row)",
        "p.lists.count[row]++",
        "neighbors.cu",
        "search-products",
        "",  # the emulator's threads change at barriers only
        WRONG,
    ),
    "list-that-ran-over-is-kept": Bug(
        TILES,
        "    if (count > room) {",
        "    if (count > room && room > 1000) {",
        "neighbors.cu",
        "search-short-lists",
        "lists run over|" + WRONG,
        "lists run over|" + WRONG,
    ),
    "front-is-filled-out-of-step": Bug(
        TILES,
        "      for (int d = 1; d < WARP; d *= 2) {\n        const int other",
        "      for (int d = 1; d < WARP / 2; d *= 2) {\n        const int other",
        "neighbors.cu",
        "search-products",
        WRONG,
        WRONG,
    ),
    "rank-of-equals": Bug(
        RANK,
        "before += keys[f] < key &&",
        "before += squared_of(keys[f]) < squared_of(key) &&",
        "neighbors.cu",
        "search-differences",
        WRONG,
        "uninitialised|" + WRONG,
    ),
}
ARRAY_BUGS = {
    "scan-reads-what-another-adds": Bug(
        SCAN,
        "    T more = t >= d ? shared[t - d] : T(0);\n    __syncthreads();\n",
        "    T more = t >= d ? shared[t - d] : T(0);\n",
        "arrays.cu",
        "scan",
        WRONG,
        "",
    ),
    "scan-goes-on-before-all-have-added": Bug(
        SCAN,
        "    shared[t] = shared[t] + more;\n    __syncthreads();\n",
        "    shared[t] = shared[t] + more;\n",
        "arrays.cu",
        "scan",
        WRONG,
        "",
    ),
    "scan-forgets-what-it-carries": Bug(
        SCAN,
        "total[at] = carried + before;",
        "total[at] = before;",
        "arrays.cu",
        "scan-many-tiles",
        WRONG,
        WRONG,
    ),
    "scan-writes-sums-that-are-still-read": Bug(
        SCAN,
        "    __syncthreads(); // before the next round writes sums\n",
        "",
        "arrays.cu",
        "scan-many-tiles",
        WRONG,
        "",
    ),
    "gram-multiplies-the-next-strip": Bug(
        "kernels/gram.hpp",
        "          sum[u][v] += a[u] * b[v];\n    }\n    __syncthreads();\n",
        "          sum[u][v] += a[u] * b[v];\n    }\n",
        "gram.cu",
        "gram-float",
        WRONG,
        "",
    ),
}
# Words then go to places that nobody checked, so a process of its own meets these.
RISKY = {
    "sort-ranks-before-all-have-counted": Bug(
        SCAN,
        "  count_digits(digits, first, own);\n  __syncthreads();\n",
        "  count_digits(digits, first, own);\n",
        "arrays.cu",
        "sort",
        WRONG,
        "",
    ),
    "sort-moves-before-the-base-is-known": Bug(
        SCAN,
        "T(own[threadIdx.x * BLOCK]);\n  __syncthreads();\n",
        "T(own[threadIdx.x * BLOCK]);\n",
        "arrays.cu",
        "sort",
        WRONG,
        "",
    ),
}
