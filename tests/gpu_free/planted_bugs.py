"""All bugs that are planted, with those of the iteration: what GPUs are known to get wrong."""

from __future__ import annotations

from gpu_free.bugs import ARRAY_BUGS, FFT_BUGS, NEIGHBOR_BUGS, WRONG, Bug

MACHINE = "kernels/gpu_machine.hpp"
ROWS, PATCH = "kernels/gpu_rows.hpp", "kernels/gpu_patch.hpp"

TREE = """    if (threadIdx.x < d)
      tree[threadIdx.x] = tree[threadIdx.x] + tree[threadIdx.x + d];
    __syncthreads();
"""
BUGS = {
    "barrier-missing": Bug(
        MACHINE,
        "  tree[threadIdx.x] = s;\n  __syncthreads();\n",
        "  tree[threadIdx.x] = s;\n",
        "field.cu",
        "total",
        WRONG,
        "",
    ),
    "barrier-in-the-tree-missing": Bug(
        MACHINE, TREE, TREE.replace("    __syncthreads();\n", ""), "field.cu", "total", WRONG, ""
    ),
    "barrier-in-a-branch": Bug(
        MACHINE,
        TREE,
        TREE.replace("if (threadIdx.x < d)", "if (threadIdx.x < d) {") + "    }\n",
        "field.cu",
        "total",
        "a thread left while others wait in __syncthreads|not reached by all|different barriers",
        "barrier not reached by every thread",
    ),
    "lane-leaves-before-the-shuffle": Bug(
        ROWS,
        "  SumOf<F> sum = {};\n",
        "  SumOf<F> sum = {};\n  if (lane >= degree)\n    return;\n",
        "step.cu",
        "attract_and_step-2-float",
        "a lane named in the mask has exited",
        "shuffle with lanes missing",
    ),
    "one-block-too-few": Bug(
        MACHINE,
        "(n + size - 1) / size",
        "n / size",
        "step.cu",
        "attract_and_step-2-float",
        WRONG,
        "",
    ),
    "grid-of-nothing": Bug(
        MACHINE,
        "(n + size - 1) / size",
        "n / size",
        "field.cu",
        "exact-2-1.0",
        "cudaErrorInvalidConfiguration",
        "",
    ),
    "wrong-stride": Bug(
        ROWS,
        "here.load(WARP * u)",
        "here.load((WARP - 1) * u)",
        "step.cu",
        "divergence-2-float",
        WRONG,
        WRONG,
    ),
    "lane-beyond-the-row": Bug(
        ROWS,
        "if (WARP * u < left)",
        "if (WARP * u <= left)",
        "step.cu",
        "divergence-2-float",
        WRONG,
        "out of bounds global read",
    ),
    "shuffle-of-half-a-warp": Bug(
        ROWS,
        "__shfl_sync(~0u, mine.v[a], r)",
        "__shfl_sync(0xffffu, mine.v[a], r)",
        "step.cu",
        "attract_and_step-2-float",
        "only shuffles of whole warps",
        "shuffle of a part of a warp",
    ),
    "shuffle-from-the-next-lane": Bug(
        ROWS,
        "__shfl_sync(~0u, degree, r)",
        "__shfl_sync(~0u, degree, r + 1)",
        "step.cu",
        "attract_and_step-2-float",
        WRONG,
        WRONG,
    ),
    "extent-joined-before-it-is-cleared": Bug(
        MACHINE,
        "    joined[threadIdx.x] = 0;\n  __syncthreads();\n",
        "    joined[threadIdx.x] = 0;\n",
        "step.cu",
        "attract_and_step-2-float",
        WRONG,
        "",
    ),
    "patch-cleared-too-late": Bug(
        PATCH,
        "    tile[i] = 0;\n  __syncthreads();\n",
        "    tile[i] = 0;\n",
        "deposit.cu",
        "deposit_crowded-2",
        WRONG,
        "",
    ),
    "patch-sent-too-early": Bug(
        PATCH,
        "  __syncthreads();\n  for (int i = int(threadIdx.x); i < patch.nodes; i += BLOCK)\n    if",
        "  for (int i = int(threadIdx.x); i < patch.nodes; i += BLOCK)\n    if",
        "deposit.cu",
        "deposit_crowded-2",
        WRONG,
        "",
    ),
    "patch-one-node-too-short": Bug(
        PATCH,
        "- patch.low[a] + P;",
        "- patch.low[a] + P - 1;",
        "deposit.cu",
        "deposit_crowded-2",
        WRONG,
        "uninitialised shared read",
    ),
    "potential-read-too-early": Bug(
        PATCH,
        "body.potential[at];\n  }\n  __syncthreads();\n",
        "body.potential[at];\n  }\n",
        "field.cu",
        "gather_patch-2-6",
        WRONG,
        "",
    ),
    "part-counted-before-it-is-there": Bug(
        MACHINE,
        "    __threadfence(); // first the post, then the count\n",
        "",
        "field.cu",
        "gather-2-6",
        WRONG,
        "",
    ),
    "shuffle-stops-early": Bug(
        ROWS,
        "for (int d = HALF / 2; d; d /= 2)",
        "for (int d = HALF / 2; d > 1; d /= 2)",
        "step.cu",
        "divergence-2-float",
        WRONG,
        WRONG,
    ),
    "output-not-written": Bug(
        "kernels/attract.hpp",
        "rows[i] = sum.v[0];",
        "if (i % 64) rows[i] = sum.v[0];",
        "step.cu",
        "divergence-2-float",
        WRONG,
        "uninitialised global read",
    ),
    "map-updated-in-place": Bug(
        ROWS,
        "      noted = out(first + own, mine, sum);\n",
        "      noted = out(first + own, mine, sum), const_cast<float *>(f.Y)[own] += 1.f;\n",
        "step.cu",
        "attract_and_step-2-float",
        WRONG,
        "",
    ),
}
BUGS |= FFT_BUGS | NEIGHBOR_BUGS | ARRAY_BUGS
NO_BOUNDS = Bug(
    MACHINE,
    "  if (t < n)\n    f(first + t);\n",
    "  f(first + t);\n",
    "field.cu",
    "exact-2-1.0",
    "heap-buffer-overflow",
    "out of bounds global",
)
FLOAT_ATOMICS = Bug(
    "kernels/machine.hpp",
    "unsigned long long amount) {\n#if defined(__CUDA_ARCH__)\n"
    "  atomicAdd(number, amount);\n#else\n  *number += amount;\n",
    "unsigned long long amount) {\n#if defined(__CUDA_ARCH__)\n"
    "  atomicAdd(reinterpret_cast<float *>(number), float(amount));\n#else\n"
    "  float sum;\n  __builtin_memcpy(&sum, number, 4);\n  sum += float(amount);\n"
    "  __builtin_memcpy(number, &sum, 4);\n",
    "deposit.cu",
    "deposit-2-6",
    "",
    "float atomics give another result in another order",
)
ON_HOST = Bug(
    "kernels/attract.hpp",
    "    float w = quotient(edge.p,",
    "    float w = quotient(on_host(edge.p),",
    "step.cu",
    "",
    "",
    "",
)
