// The order of points in memory: along a space-filling curve through the map, so that the
// neighbours a row reads are near each other: from 10^6 points up that halves the attraction's time
// (bench/results/relabel.json). Morton (1966) order; the caller sorts the codes.
#pragma once
#include "machine.hpp"

namespace gputsne {

/// Position of a point on the curve: its coordinates' leading bits, interleaved.
template <int C> struct Morton {
  const float *Y; // (n, C)
  uint32_t *code; // out (n,)
  float low[C], inv_span[C];

  HD void operator()(Index i) const {
    constexpr int BITS = C == 1 ? 31 : C == 2 ? 15 : 10;
    uint32_t z = 0;
    uint32_t cell[C];
    UNROLL for (int a = 0; a < C; ++a) {
      float t = (Y[i * C + a] - low[a]) * inv_span[a]; // 0 .. 1
      t = t > 0.f ? t : 0.f;
      t = t < 0.999999f ? t : 0.999999f;
      cell[a] = uint32_t(t * float(uint32_t(1) << (BITS < 24 ? BITS : 24)));
    }
    for (int b = 0; b < BITS; ++b) UNROLL
      for (int a = 0; a < C; ++a)
        z |= ((cell[a] >> b) & 1u) << (b * C + a);
    code[i] = z;
  }
};

/// Edges of new row i, that is of old row order[i], with their columns renamed. Weight: float, or
/// the two bytes of half.hpp.
template <class Weight = float> struct MoveRow {
  const int64_t *indptr, *new_indptr;
  const int *indices;
  const Weight *data;
  const int *order;   // (n,) new -> old
  const int *inverse; // (n,) old -> new
  int *new_indices;
  Weight *new_data;

  HD void operator()(Index i) const { part(i, 0, 1); }

  /// Every lanes-th edge from `lane` on: side by side, the lanes of a warp move whole cache lines.
  HD void part(Index i, int lane, int lanes) const {
    Index from = indptr[order[i]], to = new_indptr[i], count = new_indptr[i + 1] - to;
    for (Index e = lane; e < count; e += lanes) {
      new_indices[to + e] = inverse[indices[from + e]];
      new_data[to + e] = data[from + e];
    }
  }
};

/// inverse[order[i]] = i
struct Invert {
  const int *order;
  int *inverse;
  HD void operator()(Index i) const { inverse[order[i]] = static_cast<int>(i); }
};

/// Degree of the point that comes to lie at i.
struct MovedDegree {
  const Index *indptr;
  const int *order;
  Index *size;
  HD void operator()(Index i) const { size[i] = indptr[order[i] + 1] - indptr[order[i]]; }
};

} // namespace gputsne
