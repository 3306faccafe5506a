// Where a kernel body runs on the GPU: each, lanes, rows, sum. Twin of machine.hpp's Cpu, and with
// gpu_neighbors.hpp, whose tiles are blocks that work together, all that shuffles or waits.
// Compiled by nvcc, or by a plain C++ compiler with SIMT_EMU on top of tests/gpu_free/simt.hpp.
#pragma once
#include "machine.hpp"
#include "gpu_error.hpp"
#include <string>
#if defined(SIMT_EMU)
#include "simt.hpp"
#else
#include <cuda_runtime.h>
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

/// A lane's share of f(r, begin) .. f(r, begin + count - 1).
template <class F> ON_GPU auto lane_sum(const F &f, Index r, Index begin, int count, int lane) {
  decltype(f(r, begin)) s = {};
  for (int e = lane; e < count; e += WARP)
    s = s + f(r, begin + e);
  return s;
}

/// What the lanes of a warp add up to, as a fixed tree. Every lane must take part, and the code
/// must call this in one place: with shuffles on both sides of a branch it would not be inlined.
template <class Sum> ON_GPU Sum warp_reduce(Sum s) {
  for (int d = WARP / 2; d; d /= 2) {
    auto other = s;
    UNROLL for (unsigned a = 0; a < sizeof(s.v) / sizeof(s.v[0]); ++a)
      other.v[a] = __shfl_xor_sync(~0u, s.v[a], d);
    s = s + other;
  }
  return s;
}

/// Rows of more than `piece` edges, each cut into pieces: one warp would still add up such a
/// row when all others are done. Empty where no row is that long.
struct Hubs {
  const int *row;   // (count,) ascending
  const int *first; // (count + 1,) first piece of each
  int count, pieces, piece;
  void *sums; // (pieces,) of what the rows add up

  /// Which hub a piece belongs to (of `first`), or where a row stands (of `row`).
  static ON_GPU int find(const int *ascending, int count, int value) {
    int at = 0;
    for (int left = count; left > 1;) {
      int half = left / 2;
      if (ascending[at + half] <= value)
        at += half;
      left -= half;
    }
    return at;
  }
};

/// How a row reads the sums of its pieces.
template <class Sum> struct Pieces {
  const Sum *sums;
  HD Sum operator()(Index, Index piece) const { return sums[piece]; }
};

template <class F>
__global__ void __launch_bounds__(BLOCK) pieces_k(const Index *indptr, F f, Hubs hubs) {
  using Sum = decltype(f(Index(0), Index(0)));
  int t = int(blockIdx.x) * (BLOCK / WARP) + int(threadIdx.x) / WARP; // below 2^31 / WARP blocks
  int lane = int(threadIdx.x) % WARP;
  if (t >= hubs.pieces)
    return;
  int h = Hubs::find(hubs.first, hubs.count, t), r = hubs.row[h];
  Index begin = indptr[r] + Index(t - hubs.first[h]) * hubs.piece, left = indptr[r + 1] - begin;
  Sum s = warp_reduce(lane_sum(f, r, begin, left < hubs.piece ? int(left) : hubs.piece, lane));
  if (lane == 0)
    static_cast<Sum *>(hubs.sums)[t] = s;
}

/// One warp per row: the median row has 125 edges, four strides. Whole warps leave together.
template <class F, class G>
__global__ void __launch_bounds__(BLOCK)
    rows_k(Index first, int n, const Index *indptr, F f, G out, Hubs hubs) {
  using Sum = decltype(f(Index(0), Index(0)));
  int t = int(blockIdx.x) * (BLOCK / WARP) + int(threadIdx.x) / WARP; // below 2^31 / WARP blocks
  int lane = int(threadIdx.x) % WARP;
  if (t >= n)
    return;
  Index r = first + t, begin = indptr[r];
  int degree = int(indptr[r + 1] - begin);
  Sum s;
  if (hubs.count && degree > hubs.piece) {
    int h = Hubs::find(hubs.row, hubs.count, int(r));
    Pieces<Sum> sums{static_cast<const Sum *>(hubs.sums)};
    s = lane_sum(sums, r, hubs.first[h], hubs.first[h + 1] - hubs.first[h], lane);
  } else {
    s = lane_sum(f, r, begin, degree, lane);
  }
  s = warp_reduce(s);
  if (lane == 0)
    out(r, s);
}

/// part[block] = zero + the block's share of f(0) .. f(n - 1), as a fixed tree.
template <class T, class F>
__global__ void __launch_bounds__(BLOCK) sum_k(unsigned n, F f, T zero, T *part) {
  __shared__ T tree[BLOCK];
  T s = zero;
  for (unsigned i = blockIdx.x * BLOCK + threadIdx.x; i < n; i += gridDim.x * BLOCK)
    s = s + f(i);
  tree[threadIdx.x] = s;
  __syncthreads();
  for (unsigned d = BLOCK / 2; d; d /= 2) {
    if (threadIdx.x < d)
      tree[threadIdx.x] = tree[threadIdx.x] + tree[threadIdx.x + d];
    __syncthreads();
  }
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

  /// out(r, sum of f(r, e) over the edges of row r), summed in a fixed order; one launch more where
  /// there are hubs.
  template <class F, class G>
  void rows(Index n, const Index *indptr, F f, G out, const Hubs &hubs) const {
    static_assert(std::is_trivially_copyable<G>::value, "kernel bodies hold views only");
    if (hubs.count) {
      auto kernel = pieces_k<F>;
      LAUNCH(kernel, blocks(hubs.pieces, BLOCK / WARP), BLOCK, stream, indptr, f, hubs);
      check(cudaGetLastError(), "pieces");
    }
    slices<F>(n, [=](Index first, int count) {
      auto kernel = rows_k<F, G>;
      LAUNCH(kernel, blocks(count, BLOCK / WARP), BLOCK, stream, first, count, indptr, f, out,
             hubs);
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

private:
  /// At least one block: a sum over nothing still has to write its zero.
  static unsigned blocks(Index n, Index size) { return n ? unsigned((n + size - 1) / size) : 1u; }

  template <class F, class Launch> static void slices(Index n, Launch launch) {
    static_assert(std::is_trivially_copyable<F>::value, "kernel bodies hold views only");
    for (Index first = 0; first < n; first += LAUNCH_MAX) {
      launch(first, int(n - first < LAUNCH_MAX ? n - first : LAUNCH_MAX));
      check(cudaGetLastError(), "launch");
    }
  }
};

} // namespace gputsne
