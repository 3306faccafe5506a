// Neighbours on a GPU where threads work together: tiles of 128 x 128 pairs whose distances stay in
// registers, and a warp that keeps the nearest of a list. Bodies and the order in which all
// run: neighbors.hpp.
#pragma once
#include "gpu_machine.hpp"
#include "neighbors.hpp"

namespace gputsne {

/// Four numbers by one load.
struct alignas(16) Quad {
  float x, y, z, w;
};

/// One pass: query tile t is compared with the tiles from `begin` to `end` of its list, and what is
/// below a row's gate joins its candidates. Gates move between passes only.
struct TilePass {
  const float *Q, *q_norm; // (padded, q_width), (q_width,)
  int q_width, q_tiles;
  const float *X, *x_norm; // (padded, x_width), (x_width,)
  int x_width;
  Slots slots; // of the database
  int padded;
  const int32_t *tiles; // the lists, one after the other, or null: all tiles
  const int32_t *first; // (q_tiles,) where a query tile's list begins; null with tiles
  const int32_t *last;  // (q_tiles,) and ends
  int begin, end;       // places of every list
  int per;              // places of one block
  int pass;
  Lists lists;
};

constexpr int PAIRS = 8; // a thread has 8 x 8 of a tile's pairs
/// Columns whose numbers are read ahead: as many as leave all pairs in registers (nvcc 13.0).
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
template <bool BY_DIFFERENCE> constexpr int AT_ONCE = 2;
#else
template <bool BY_DIFFERENCE> constexpr int AT_ONCE = BY_DIFFERENCE ? 2 : 4;
#endif

/// The row or column of a tile that is number i of a thread: two groups of four, 64 apart, so that
/// the threads of a warp read shared memory without a conflict.
HD int in_tile(int thread, int i) { return (i / 4) * (TILE / 2) + thread * 4 + i % 4; }

/// A slice of both tiles, double-buffered: while one is multiplied the next is on its way. Aligned,
/// or loads of four numbers at once would depend on what else lies in shared memory.
struct alignas(sizeof(Quad)) TileSlices {
  float a[2][SLICE * TILE], b[2][SLICE * TILE];
};

/// One block of a pass. Distances are |x|^2 + |y|^2 - 2 x.y, or sums of (x - y)^2 with
/// BY_DIFFERENCE; in both the columns come in one order, whichever tile a point is in.
template <bool BY_DIFFERENCE> __global__ void __launch_bounds__(BLOCK, 2) tiles_k(TilePass p) {
  __shared__ TileSlices slices;
  __shared__ float limit[TILE], own_norm[TILE];
  __shared__ int active;
  const int thread = int(threadIdx.x), tx = thread % 16, ty = thread / 16;
  const int q_tile = int(blockIdx.x) % p.q_tiles, part = int(blockIdx.x) / p.q_tiles;
  const int q0 = q_tile * TILE, start = p.tiles ? p.first[q_tile] : 0;
  int at = start + p.begin + part * p.per, stop = at + p.per;
  if (stop > start + p.end)
    stop = start + p.end;
  if (p.tiles && stop > p.last[q_tile])
    stop = p.last[q_tile];
  if (at >= stop)
    return; // the whole block
  if (thread == 0)
    active = 0;
  __syncthreads();
  if (thread < TILE) {
    const bool open = p.lists.done[q0 + thread] != p.pass && p.lists.gate[q0 + thread] != 0;
    limit[thread] = open ? squared_of(p.lists.gate[q0 + thread]) : -INFINITY;
    own_norm[thread] = p.q_norm[q0 + thread];
    if (open)
      active = 1;
  }
  __syncthreads();
  if (!active)
    return;

  // A thread brings four numbers of one column to either slice.
  const int column = thread / 32, four = thread % 32;
  const float *from_a = p.Q + Index(column) * p.q_width + q0 + four * 4;
  const float *from_b = p.X + Index(column) * p.x_width + four * 4;
  int x0 = (p.tiles ? p.tiles[at] : at) * TILE;
  Quad next_a = *reinterpret_cast<const Quad *>(from_a);
  Quad next_b = *reinterpret_cast<const Quad *>(from_b + x0);
  reinterpret_cast<Quad *>(slices.a[0])[thread] = next_a;
  reinterpret_cast<Quad *>(slices.b[0])[thread] = next_b;
  __syncthreads();
  int now = 0;
  float sum[PAIRS][PAIRS] = {};
#pragma unroll 1
  for (;;) {
#pragma unroll 1
    for (int k0 = 0; k0 < p.padded; k0 += SLICE) {
      const bool inside = k0 + SLICE < p.padded, more = inside || at + 1 < stop;
      if (more) { // this tile's next slice, or the first of the next tile
        const int k = inside ? k0 + SLICE : 0;
        const int x = inside ? x0 : (p.tiles ? p.tiles[at + 1] : at + 1) * TILE;
        next_a = *reinterpret_cast<const Quad *>(from_a + Index(k) * p.q_width);
        next_b = *reinterpret_cast<const Quad *>(from_b + Index(k) * p.x_width + x);
      }
      const float *a = slices.a[now], *b = slices.b[now];
#pragma unroll(AT_ONCE<BY_DIFFERENCE>)
      for (int k = 0; k < SLICE; ++k) {
        const Quad *row = reinterpret_cast<const Quad *>(a + k * TILE);
        const Quad *col = reinterpret_cast<const Quad *>(b + k * TILE);
        const Quad a0 = row[ty], a1 = row[ty + 16], b0 = col[tx], b1 = col[tx + 16];
        const float x[PAIRS] = {a0.x, a0.y, a0.z, a0.w, a1.x, a1.y, a1.z, a1.w};
        const float y[PAIRS] = {b0.x, b0.y, b0.z, b0.w, b1.x, b1.y, b1.z, b1.w};
#pragma unroll
        for (int i = 0; i < PAIRS; ++i)
#pragma unroll
          for (int j = 0; j < PAIRS; ++j)
            sum[i][j] =
                BY_DIFFERENCE ? add_square(sum[i][j], x[i], y[j]) : fmaf(x[i], y[j], sum[i][j]);
      }
      if (more) {
        reinterpret_cast<Quad *>(slices.a[now ^ 1])[thread] = next_a;
        reinterpret_cast<Quad *>(slices.b[now ^ 1])[thread] = next_b;
        __syncthreads(); // the other buffer is full, and nobody reads this one any more
        now ^= 1;
      }
    }
    float norm[PAIRS];
#pragma unroll
    for (int j = 0; j < PAIRS; ++j)
      norm[j] = p.x_norm[x0 + in_tile(tx, j)];
#pragma unroll
    for (int i = 0; i < PAIRS; ++i) {
      const float most = limit[in_tile(ty, i)], mine = own_norm[in_tile(ty, i)];
      bool any = false;
#pragma unroll
      for (int j = 0; j < PAIRS; ++j) {
        if (!BY_DIFFERENCE)
          sum[i][j] = fmaf(-2.f, sum[i][j], norm[j]) + mine;
        any = any || sum[i][j] <= most;
      }
      if (any) {
        const int row = q0 + in_tile(ty, i);
        const uint64_t gate = p.lists.gate[row];
#pragma unroll
        for (int j = 0; j < PAIRS; ++j) {
          if (!(sum[i][j] <= most))
            continue;
          const int32_t id = p.slots(x0 + in_tile(tx, j));
          const uint64_t key = candidate(sum[i][j], id);
          if (id < 0 || key >= gate)
            continue;
          const Index place = fetch_add(p.lists.count + row);
          if (place < p.lists.room)
            p.lists.keys[Index(row) * p.lists.room + place] = key;
        }
      }
#pragma unroll
      for (int j = 0; j < PAIRS; ++j)
        sum[i][j] = 0.f;
    }
    if (++at >= stop)
      break;
    x0 = (p.tiles ? p.tiles[at] : at) * TILE;
  }
}

/// f(i, lane) for whole warps, which may shuffle.
template <class F> __global__ void __launch_bounds__(BLOCK) warps_k(int n, F f) {
  int i = int(blockIdx.x) * (BLOCK / WARP) + int(threadIdx.x) / WARP;
  if (i < n)
    f(Index(i), int(threadIdx.x) % WARP);
}

/// What the lanes hold, joined by `op`, in every lane.
template <class T, class Op> ON_GPU T warp_join(T value, Op op) {
  for (int d = WARP / 2; d; d /= 2)
    value = op(value, T(__shfl_xor_sync(~0u, value, d)));
  return value;
}

struct Plus {
  template <class T> ON_GPU T operator()(T a, T b) const { return a + b; }
};
struct And {
  template <class T> ON_GPU T operator()(T a, T b) const { return a & b; }
};
struct Or {
  template <class T> ON_GPU T operator()(T a, T b) const { return a | b; }
};
struct Larger {
  template <class T> ON_GPU T operator()(T a, T b) const { return a > b ? a : b; }
};

/// The end of a pass for row i: its `keep` nearest stay, and the farthest of them is the gate. A
/// list that ran over lost candidates: it goes back to what it was before the pass, which is done
/// again below a gate that the candidates at hand give. They are some of all, so that their
/// keep-th is no nearer than the true one.
struct KeepNearest {
  Lists lists;
  Index keep;
  int pass;
  Index *over; // one number: rows that ran over

  ON_GPU void operator()(Index i, int lane) const {
    if (lists.done[i] == pass)
      return;
    uint64_t *keys = lists.keys + i * lists.room;
    const Index count = lists.count[i], room = lists.room;
    const int have = int(count < room ? count : room);
    if (have <= keep) {
      if (lane == 0) {
        lists.kept[i] = have;
        lists.done[i] = pass;
      }
      return;
    }
    const uint64_t last = nth(keys, have, int(keep), lane);
    if (count > room) {
      if (lane == 0) {
        lists.gate[i] = last + 1;
        lists.count[i] = lists.kept[i];
        fetch_add(over);
      }
      return;
    }
    // To the front, in strides: what a stride writes lies before what is still to be read, and the
    // scan ends after all lanes have read.
    int written = 0;
    for (int e = 0; e < have; e += WARP) {
      const uint64_t key = e + lane < have ? keys[e + lane] : ~uint64_t(0);
      int total = key <= last, before = 0;
      for (int d = 1; d < WARP; d *= 2) {
        const int other = __shfl_xor_sync(~0u, total, d);
        before += lane & d ? other : 0;
        total += other;
      }
      if (key <= last)
        keys[written + before] = key;
      written += total;
    }
    if (lane == 0) {
      lists.count[i] = lists.kept[i] = keep;
      lists.gate[i] = last;
      lists.done[i] = pass;
    }
  }

  /// The rank-th smallest of n keys, below 2^16: two bits at a time from the highest in which they
  /// differ, four counts in one number.
  static ON_GPU uint64_t nth(const uint64_t *keys, int n, int rank, int lane) {
    uint64_t all = ~uint64_t(0), any = 0;
    for (int e = lane; e < n; e += WARP) {
      all &= keys[e];
      any |= keys[e];
    }
    all = warp_join(all, And());
    any = warp_join(any, Or());
    int bit = 0;
    while (bit < 64 && (all ^ any) >> bit)
      bit += 2;
    uint64_t prefix = bit < 64 ? all >> bit : 0;
    while (bit > 0) {
      bit -= 2;
      uint64_t counts = 0;
      for (int e = lane; e < n; e += WARP) {
        const uint64_t high = keys[e] >> bit;
        if (high >> 2 == prefix)
          counts += uint64_t(1) << (16 * int(high & 3));
      }
      counts = warp_join(counts, Plus());
      int digit = 0, here = int(counts & 0xffff);
      while (digit < 3 && rank > here) {
        rank -= here;
        ++digit;
        here = int((counts >> (16 * digit)) & 0xffff);
      }
      prefix = prefix << 2 | uint64_t(digit);
      if (here == rank)
        break; // the last of those with this prefix
    }
    uint64_t last = 0;
    for (int e = lane; e < n; e += WARP)
      if (keys[e] >> bit == prefix && keys[e] > last)
        last = keys[e];
    return warp_join(last, Larger());
  }
};

} // namespace gputsne
