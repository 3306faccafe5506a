// Where a kernel body runs on the GPU: each, lanes, sum. Twin of machine.hpp's Cpu; only the files
// gpu_*.hpp and gram.hpp launch, shuffle or wait.
// Compiled by nvcc, or by a plain C++ compiler with SIMT_EMU on top of tests/gpu_free/simt.hpp.
#pragma once
#include "machine.hpp"
#include "gpu_error.hpp"
#include <string>
#if defined(SIMT_EMU)
#include "simt.hpp"
#else
#include <cuda_runtime.h>
#define POST(at, value) (*(at) = (value)) // what other blocks read; theirs after __threadfence()
#define LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#define ON_GPU __device__ __forceinline__
#define LAUNCH_FREE LAUNCH // a kernel without barriers and shuffles: the emulator needs no fibers
#endif

namespace gputsne {

inline void check(cudaError_t error, const char *what) {
  if (error == cudaSuccess)
    return;
  cudaGetLastError(); // forget it: the next call starts clean
  throw CudaError(std::string(what) + ": " + cudaGetErrorName(error) + ", " +
                  cudaGetErrorString(error));
}

/// Eight warps: at 64 registers a thread four such blocks fill a processor's 65,536 registers.
constexpr int BLOCK = 256;
constexpr int WARP = 32;
/// Blocks of a sum, at most: two for each of an H100's 132 processors. A constant, so that the tree
/// of a sum, and with it the last bit, is the same on every GPU.
constexpr int SUM_BLOCKS = 264;
/// Bodies of one launch: thread numbers stay below 2^31, which costs half the registers of 2^63.
constexpr Index LAUNCH_MAX = Index(1) << 30;

/// Points a block of P lanes per point has: 192 threads for six lanes, 256 otherwise.
template <int P> constexpr int LANE_POINTS = BLOCK / P / 32 ? BLOCK / P / 32 * 32 : BLOCK / P;

template <class F> __global__ void __launch_bounds__(BLOCK) each_k(Index first, int n, F f) {
  int t = int(blockIdx.x) * BLOCK + int(threadIdx.x);
  if (t < n)
    f(first + t);
}

template <int P, class F>
__global__ void __launch_bounds__(BLOCK) lanes_k(Index first, int n, F f) {
  int t = int(blockIdx.x) * LANE_POINTS<P> + int(threadIdx.y);
  if (t < n)
    f(first + t, int(threadIdx.x));
}

/// Raises N numbers in shared memory to the largest of the block's threads. All must take part.
template <int N> ON_GPU void block_max(const unsigned (&mine)[N], unsigned *joined) {
  if (threadIdx.x < N)
    joined[threadIdx.x] = 0;
  __syncthreads();
  UNROLL for (int k = 0; k < N; ++k) {
    unsigned most = mine[k];
    for (int d = WARP / 2; d; d /= 2) {
      unsigned other = __shfl_xor_sync(~0u, most, d);
      most = most < other ? other : most;
    }
    if (threadIdx.x % WARP == 0)
      raise_to(joined + k, most);
  }
  __syncthreads();
}

/// The block's sum of s, as a fixed tree, in tree[0]. All threads must take part.
template <class T> ON_GPU void block_sum(T s, T *tree) {
  tree[threadIdx.x] = s;
  __syncthreads();
  for (unsigned d = BLOCK / 2; d; d /= 2) {
    if (threadIdx.x < d)
      tree[threadIdx.x] = tree[threadIdx.x] + tree[threadIdx.x + d];
    __syncthreads();
  }
}

/// Whether this block is the last that comes here: what every block's first thread has written by
/// POST is there for it. All threads must take part. The counter is 0 before and after.
ON_GPU bool last_block(unsigned *counter) {
  __shared__ bool last;
  if (threadIdx.x == 0) {
    __threadfence(); // first the post, then the count
    last = fetch_add(counter) == gridDim.x - 1;
    if (last) {
      *counter = 0;
      __threadfence(); // first the count, then what others have posted
    }
  }
  __syncthreads();
  return last;
}

/// part[block] = zero + the block's share of f(0) .. f(n - 1), as a fixed tree.
template <class T, class F>
__global__ void __launch_bounds__(BLOCK) sum_k(unsigned n, F f, T zero, T *part) {
  __shared__ T tree[BLOCK];
  T s = zero;
  for (unsigned i = blockIdx.x * BLOCK + threadIdx.x; i < n; i += gridDim.x * BLOCK)
    s = s + f(i);
  block_sum(s, tree);
  if (threadIdx.x == 0)
    part[blockIdx.x] = tree[0];
}

/// How a total reads the parts.
template <class T> struct Parts {
  const T *part;
  HD T operator()(Index i) const { return part[i]; }
};

/// The GPU: kernels on one stream, nothing allocated, nothing waited for.
struct Gpu {
  cudaStream_t stream;

  /// f(i) for every i in [0, n), in any order.
  template <class F> void each(Index n, F f) const {
    slices<F>(n, [=](Index first, int count) {
      auto kernel = each_k<F>;
      LAUNCH_FREE(kernel, blocks(count, BLOCK), BLOCK, stream, first, count, f);
    });
  }

  /// f(i, lane) for every i in [0, n) and lane in [0, P); the lanes of a point lie side by side.
  template <int P, class F> void lanes(Index n, F f) const {
    slices<F>(n, [=](Index first, int count) {
      auto kernel = lanes_k<P, F>;
      LAUNCH_FREE(kernel, blocks(count, LANE_POINTS<P>), dim3(P, LANE_POINTS<P>), stream, first,
                  count, f);
    });
  }

  /// *out = zero + f(0) + .. + f(n - 1) in a fixed order; part holds SUM_BLOCKS values.
  template <class T, class F> void sum(Index n, F f, T zero, T *part, T *out) const {
    static_assert(std::is_trivially_copyable<F>::value, "kernel bodies hold views only");
    if (n > Index(1) << 31)
      throw std::invalid_argument("n=" + std::to_string(n) + " points; at most 2^31 can be summed");
    unsigned wanted = blocks(n, BLOCK), count = wanted < SUM_BLOCKS ? wanted : SUM_BLOCKS;
    auto shares = sum_k<T, F>;
    LAUNCH(shares, count, BLOCK, stream, unsigned(n), f, zero, part);
    check(cudaGetLastError(), "sum");
    auto all = sum_k<T, Parts<T>>;
    LAUNCH(all, 1, BLOCK, stream, count, Parts<T>{part}, zero, out);
    check(cudaGetLastError(), "sum");
  }

  /// At least one block: a sum over nothing still has to write its zero.
  static unsigned blocks(Index n, Index size) { return n ? unsigned((n + size - 1) / size) : 1u; }

  /// launch(first, count) for every LAUNCH_MAX of n bodies.
  template <class F, class Launch> static void slices(Index n, Launch launch) {
    static_assert(std::is_trivially_copyable<F>::value, "kernel bodies hold views only");
    for (Index first = 0; first < n; first += LAUNCH_MAX) {
      launch(first, int(n - first < LAUNCH_MAX ? n - first : LAUNCH_MAX));
      check(cudaGetLastError(), "launch");
    }
  }
};

} // namespace gputsne
