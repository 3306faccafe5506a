// Sums over the edges of P's rows on the GPU: many rows per warp, many loads on the way at once,
// long rows in pieces. Twin of Cpu::rows in machine.hpp; bodies are those of attract.hpp.
#pragma once
#include "attract.hpp"
#include "gpu_machine.hpp"
#include <utility>

namespace gputsne {

/// Edges of a row that a lane has on the way: the loads of ids and weights of all of them, then
/// those of the points, then the arithmetic. A warp with one load on the way waits for 2 x 5 of
/// them one after the other in a row of 135 edges; 32 warps of a processor with 12 keep 49 KB on
/// the way, where an H200's 4.3 TB/s need about 30.
constexpr int BATCH = 6;
/// Blocks per processor that the registers must do for: 64 per thread, which BATCH needs.
constexpr int ROW_BLOCKS = 4;
/// Warps that a launch should have, three rounds of an H100's 132 processors; below, a warp takes
/// fewer rows.
constexpr Index WARPS_WANTED = 3 * 132 * 32;
constexpr int ROWS_MOST = WARP, ROWS_LEAST = 4;

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

/// What a body adds up.
template <class F> using SumOf = decltype(std::declval<const F &>()(Index(0), Index(0)));

/// A lane's share of the terms of edges [begin, begin + count) of row i, which is at `mine`.
/// Lanes past the end take the row itself with weight 0. Written for ptxas, which leaves the loads
/// together only so: arrays that are filled in loops of their own, addresses that differ by
/// constants, one number that tells who is past the end, and no unrolling around it.
template <class F>
ON_GPU SumOf<F> lane_sum(const F &f, const Vec<F::AXES> &mine, int i, Index begin, int count,
                         int lane) {
  SumOf<F> s = {};
  F here = f;
  here.skip(begin + lane);
#if defined(__CUDACC__)
#pragma unroll 1
#endif
  for (int left = count - lane; left > -lane; left -= BATCH * WARP) {
    Edge edge[BATCH];
    Point<F::AXES> other[BATCH];
    UNROLL for (int u = 0; u < BATCH; ++u) {
      edge[u] = {i, 0.f};
      if (WARP * u < left)
        edge[u] = here.load(WARP * u);
    }
    __syncwarp(); // ptxas moves no load across: else it puts weights off until they are used
    UNROLL for (int u = 0; u < BATCH; ++u)
      other[u] = f.other(edge[u]);
    UNROLL for (int u = 0; u < BATCH; ++u)
      s = s + f.term(mine, edge[u], other[u]);
    here.skip(BATCH * WARP);
  }
  return s;
}

/// What the lanes of a warp add up to, as a fixed tree. Every lane must take part, and the code
/// must call this in one place: with shuffles on both sides of a branch it would not be inlined.
/// Two numbers go up one tree: half of the lanes go on with the first, the others with the second.
template <int N> ON_GPU Vec<N> warp_reduce(Vec<N> s) {
  constexpr int HALF = WARP / 2;
  bool upper = threadIdx.x & HALF;
  UNROLL for (int k = 0; k < N; k += 2) {
    bool two = k + 1 < N;
    float first = s.v[k], second = s.v[two ? k + 1 : k];
    float kept = upper ? second : first, given = upper ? first : second;
    kept += __shfl_xor_sync(~0u, given, HALF);
    for (int d = HALF / 2; d; d /= 2)
      kept += __shfl_xor_sync(~0u, kept, d);
    if (two) {
      float other = __shfl_xor_sync(~0u, kept, HALF);
      s.v[k] = upper ? other : kept;
      s.v[k + 1] = upper ? kept : other;
    } else {
      s.v[k] = kept;
    }
  }
  return s;
}

/// Point i as numbers.
template <class F> ON_GPU Vec<F::AXES> numbers(const F &f, Index i) {
  Point<F::AXES> y = f.mine(i);
  Vec<F::AXES> out;
  UNROLL for (int a = 0; a < F::AXES; ++a)
    out.v[a] = y.v[a];
  return out;
}

template <class F>
__global__ void __launch_bounds__(BLOCK, ROW_BLOCKS) pieces_k(const Index *indptr, F f, Hubs hubs) {
  int t = int(blockIdx.x) * (BLOCK / WARP) + int(threadIdx.x) / WARP; // below 2^31 / WARP blocks
  int lane = int(threadIdx.x) % WARP;
  if (t >= hubs.pieces)
    return;
  int h = Hubs::find(hubs.first, hubs.count, t), r = hubs.row[h];
  Index begin = indptr[r] + Index(t - hubs.first[h]) * hubs.piece, left = indptr[r + 1] - begin;
  int count = left < hubs.piece ? int(left) : hubs.piece;
  SumOf<F> s = warp_reduce(lane_sum(f, numbers(f, r), r, begin, count, lane));
  if (lane == 0)
    static_cast<SumOf<F> *>(hubs.sums)[t] = s;
}

/// A lane's share of what the pieces of row r have added up to.
template <class Sum> ON_GPU Sum hub_sum(const Hubs &hubs, int r, int lane) {
  Sum s = {};
  int h = Hubs::find(hubs.row, hubs.count, r);
  for (int piece = hubs.first[h] + lane; piece < hubs.first[h + 1]; piece += WARP)
    s = s + static_cast<const Sum *>(hubs.sums)[piece];
  return s;
}

/// Each warp adds up `group` rows one after the other, keeps the sum of row r in lane r, and then
/// calls `out` for all of them at once, so that it loads and stores side by side. What `out`
/// returns, if anything, is joined over all rows by maxima into out.extent. No warp leaves before
/// the others.
template <class F, class G>
__global__ void __launch_bounds__(BLOCK, ROW_BLOCKS)
    rows_k(Index first, int n, int group, const Index *indptr, F f, G out, Hubs hubs) {
  using Noted = decltype(out(first, Vec<F::AXES>(), SumOf<F>()));
  int lane = int(threadIdx.x) % WARP;
  int begun = (int(blockIdx.x) * (BLOCK / WARP) + int(threadIdx.x) / WARP) * group;
  int rows = n - begun < group ? n - begun : group; // 0 or less for warps beyond the end
  int own = rows > 0 ? begun + (lane < rows ? lane : rows - 1) : 0;
  Index begin = indptr[first + own];
  int degree = int(indptr[first + own + 1] - begin);
  Vec<F::AXES> mine = numbers(f, first + own);
  SumOf<F> sum = {};
#if defined(__CUDACC__)
#pragma unroll 1
#endif
  for (int r = 0; r < rows; ++r) {
    Index from = __shfl_sync(~0u, begin, r);
    int edges = __shfl_sync(~0u, degree, r), i = int(first) + begun + r;
    Vec<F::AXES> y;
    UNROLL for (int a = 0; a < F::AXES; ++a)
      y.v[a] = __shfl_sync(~0u, mine.v[a], r);
    SumOf<F> s;
    if (hubs.count && edges > hubs.piece)
      s = hub_sum<SumOf<F>>(hubs, i, lane);
    else
      s = lane_sum(f, y, i, from, edges, lane);
    s = warp_reduce(s);
    if (lane == r)
      sum = s;
  }
  if constexpr (std::is_void<Noted>::value) {
    if (lane < rows)
      out(first + own, mine, sum);
  } else {
    Noted noted = {};
    if (lane < rows)
      noted = out(first + own, mine, sum);
    if (!out.extent)
      return;
    __shared__ unsigned joined[sizeof noted.v / sizeof noted.v[0]];
    block_max(noted.v, joined);
    if (threadIdx.x < sizeof noted.v / sizeof noted.v[0])
      raise_to(out.extent + threadIdx.x, joined[threadIdx.x]);
  }
}

/// Rows that a warp adds up where there are n.
inline int rows_per_warp(Index n) {
  int group = ROWS_MOST;
  while (group > ROWS_LEAST && n / group < WARPS_WANTED)
    group /= 2;
  return group;
}

/// out(r, where r is, sum of f(r, e) over the edges of row r), summed in a fixed order that does
/// not depend on `group`, the rows per warp (0: as many as suit n). One launch more where there are
/// hubs.
template <class F, class G>
void sum_rows(const Gpu &machine, Index n, const Index *indptr, F f, G out, const Hubs &hubs,
              int group) {
  static_assert(std::is_trivially_copyable<G>::value, "kernel bodies hold views only");
  if (hubs.count) {
    auto kernel = pieces_k<F>;
    LAUNCH(kernel, Gpu::blocks(hubs.pieces, BLOCK / WARP), BLOCK, machine.stream, indptr, f, hubs);
    check(cudaGetLastError(), "pieces");
  }
  int rows = group ? group : rows_per_warp(n);
  Gpu::slices<F>(n, [&](Index first, int count) {
    auto kernel = rows_k<F, G>;
    LAUNCH(kernel, Gpu::blocks(count, rows * (BLOCK / WARP)), BLOCK, machine.stream, first, count,
           rows, indptr, f, out, hubs);
  });
}

} // namespace gputsne
