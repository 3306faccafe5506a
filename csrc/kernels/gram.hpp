// Sums over the rows of X in float64 on the GPU: of its columns, of the products of its centred
// columns (the Gram matrix that PCA needs), and the rows' scores on a few axes. Every sum is taken
// in an order that n and d decide.
#pragma once
#include "gpu_machine.hpp"

namespace gputsne {

/// Numbers of X in float64, filled, centred and scaled as gputsne/preparation does it.
template <class T> struct Centred {
  const T *X; // (n, d)
  Index n;
  int d;
  const double *fill, *mean, *scale; // (d,) each, or null
  double factor;
  HD double operator()(Index row, int column) const {
    double x = double(X[row * d + column]);
    if (fill && x != x)
      x = fill[column];
    if (mean)
      x -= mean[column];
    if (scale)
      x /= scale[column];
    return x * factor;
  }
};

/// Sums of a column over CHUNK rows: neighbouring threads have neighbouring columns.
template <class T> struct ChunkSums {
  Centred<T> X;
  double *part; // (chunks(n), d)
  HD void operator()(Index at) const {
    const Index chunk = at / X.d, end = (chunk + 1) * CHUNK;
    const int column = int(at % X.d);
    double sum = 0;
    for (Index row = chunk * CHUNK; row < end && row < X.n; ++row)
      sum += X(row, column);
    part[at] = sum;
  }
};

/// Adds the parts of number `at` to what `out` has, one after the other.
struct AddParts {
  const double *part; // (count, size)
  Index count, size;
  double *out; // (size,)
  HD void operator()(Index at) const {
    double sum = out[at];
    for (Index p = 0; p < count; ++p)
      sum += part[p * size + at];
    out[at] = sum;
  }
};

/// The same for a symmetric (d, d) matrix of which blocks on and above the diagonal were made.
struct AddSymmetric {
  const double *part; // (count, d, d)
  Index count;
  int d, side;
  double *out;
  HD void operator()(Index at) const {
    const Index size = Index(d) * d;
    const int i = int(at / d), j = int(at % d);
    const Index from = i / side > j / side ? Index(j) * d + i : at;
    double sum = out[at];
    for (Index p = 0; p < count; ++p)
      sum += part[p * size + from];
    out[at] = sum;
  }
};

constexpr int GRAM_SIDE = 64, GRAM_STRIP = 16; // of a block's part of the matrix; rows at a time
constexpr int GRAM_LANES = 16, GRAM_OWN = GRAM_SIDE / GRAM_LANES; // threads a side, numbers each
constexpr Index GRAM_ROWS = 4096;                                 // of one part
static_assert(GRAM_LANES * GRAM_LANES == BLOCK, "a thread for each GRAM_OWN^2 numbers");

/// One block: GRAM_SIDE^2 products of columns, summed over GRAM_ROWS rows.
template <class T>
__global__ void __launch_bounds__(BLOCK) gram_k(Centred<T> X, int blocks, int pairs, double *part) {
  __shared__ double left[GRAM_STRIP][GRAM_SIDE], right[GRAM_STRIP][GRAM_SIDE];
  const int t = int(threadIdx.x), tx = t % GRAM_LANES, ty = t / GRAM_LANES;
  const Index share = Index(blockIdx.x) / pairs;
  int above = 0, beside = int(blockIdx.x) % pairs; // pairs of blocks, row by row of the triangle
  for (; beside >= blocks - above; ++above)
    beside -= blocks - above;
  const int i0 = above * GRAM_SIDE, j0 = (above + beside) * GRAM_SIDE;
  const Index begin = share * GRAM_ROWS, end = begin + GRAM_ROWS < X.n ? begin + GRAM_ROWS : X.n;
  double sum[GRAM_OWN][GRAM_OWN] = {};
  for (Index row = begin; row < end; row += GRAM_STRIP) {
    UNROLL for (int l = 0; l < GRAM_STRIP * GRAM_SIDE / BLOCK; ++l) {
      const int r = (t + l * BLOCK) / GRAM_SIDE, c = (t + l * BLOCK) % GRAM_SIDE;
      const bool there = row + r < end;
      left[r][c] = there && i0 + c < X.d ? X(row + r, i0 + c) : 0.0;
      right[r][c] = there && j0 + c < X.d ? X(row + r, j0 + c) : 0.0;
    }
    __syncthreads();
    UNROLL for (int r = 0; r < GRAM_STRIP; ++r) {
      double a[GRAM_OWN], b[GRAM_OWN];
      UNROLL for (int u = 0; u < GRAM_OWN; ++u) {
        a[u] = left[r][ty + u * GRAM_LANES];
        b[u] = right[r][tx + u * GRAM_LANES];
      }
      UNROLL for (int u = 0; u < GRAM_OWN; ++u) UNROLL
        for (int v = 0; v < GRAM_OWN; ++v)
          sum[u][v] += a[u] * b[v];
    }
    __syncthreads();
  }
  double *out = part + share * X.d * X.d;
  UNROLL for (int u = 0; u < GRAM_OWN; ++u) UNROLL
    for (int v = 0; v < GRAM_OWN; ++v) {
      const int i = i0 + ty + u * GRAM_LANES, j = j0 + tx + v * GRAM_LANES;
      if (i < X.d && j < X.d)
        out[Index(i) * X.d + j] = sum[u][v];
    }
}

inline Index gram_parts(Index n) { return (n + GRAM_ROWS - 1) / GRAM_ROWS; }

/// part (gram_parts(n), d, d): products of the centred columns, on and above the diagonal's blocks.
template <class T> void gram(const Centred<T> &X, double *part, cudaStream_t stream) {
  if (!X.n || !X.d)
    return;
  const Index blocks = (X.d + GRAM_SIDE - 1) / GRAM_SIDE, pairs = blocks * (blocks + 1) / 2;
  if (gram_parts(X.n) * pairs > LAUNCH_MAX)
    throw std::invalid_argument("d=" + std::to_string(X.d) + " columns: too many for one launch");
  auto kernel = gram_k<T>;
  LAUNCH(kernel, unsigned(gram_parts(X.n) * pairs), BLOCK, stream, X, int(blocks), int(pairs),
         part);
  check(cudaGetLastError(), "gram");
}

/// Scores of row i on C axes.
template <int C, class T> struct Scores {
  Centred<T> X;
  const double *axes; // (C, d)
  double *out;        // (n, C)
  HD void operator()(Index i) const {
    double sum[C] = {};
    for (int column = 0; column < X.d; ++column) {
      double x = X(i, column);
      UNROLL for (int a = 0; a < C; ++a)
        sum[a] += x * axes[a * X.d + column];
    }
    UNROLL for (int a = 0; a < C; ++a)
      out[i * C + a] = sum[a];
  }
};

} // namespace gputsne
