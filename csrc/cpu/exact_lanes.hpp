// The potential by definition for vector registers: what csrc/kernels/exact.hpp computes, sixteen
// points at a time. Which term goes into which sum is fixed, so that no instruction set, and no
// number of threads, changes a bit. docs/math.md (2).
#pragma once
#include "../kernels/attract.hpp"
#include "../kernels/exact.hpp"
#include <vector>

namespace gputsne::cpu {

/// Sums over all points at once: `LANES` of each in float32 over `BLOCK` points, then in float64.
template <int C, bool STUDENT> struct ExactLanes {
  static constexpr int LANES = 16;
  static constexpr Index BLOCK = 512;
  const float *axes; // (C, n): the map axis by axis
  Exact<C> by;       // the map, where the results go, and the kernel's numbers

  /// Fills phi and grad of point i; returns sum over j != i of K.
  HD float operator()(Index i) const {
    double s[1 + C][LANES] = {};
    for (Index begin = 0; begin < by.n; begin += BLOCK)
      block(begin, begin + BLOCK < by.n ? begin + BLOCK : by.n, i, s);
    double total[1 + C];
    for (int q = 0; q <= C; ++q) {
      for (int half = LANES / 2; half; half /= 2)
        for (int l = 0; l < half; ++l)
          s[q][l] += s[q][l + half];
      total[q] = s[q][0];
    }
    for (int a = 0; a < C; ++a) // dK/dy = -2 power / dof * K q (y_i - y_j)
      by.grad[i * C + a] = float(-2.0 * by.power * by.inv_dof * total[1 + a]);
    float others = float(total[0]);
    by.phi[i] = others + 1.f;
    return others;
  }

private:
  /// Adds the points [begin, end). The point itself, and places beyond the end, count as nothing:
  /// only groups that have one of these pay for the comparison.
  HD void block(Index begin, Index end, Index own, double (*s)[LANES]) const {
    float b[1 + C][LANES] = {};
    Index whole = begin + (end - begin) / LANES * LANES;
    Index mine = own >= begin && own < whole ? begin + (own - begin) / LANES * LANES : whole;
    for (Index j = begin; j < mine; j += LANES)
      group<false>(j, LANES, own, b);
    if (mine < whole) {
      group<true>(mine, LANES, own, b);
      for (Index j = mine + LANES; j < whole; j += LANES)
        group<false>(j, LANES, own, b);
    }
    if (whole < end)
      group<true>(whole, static_cast<int>(end - whole), own, b);
    for (int q = 0; q <= C; ++q)
      for (int l = 0; l < LANES; ++l)
        s[q][l] += double(b[q][l]);
  }

  template <bool MASKED> HD void group(Index j, int count, Index own, float (*b)[LANES]) const {
    int skip = static_cast<int>(own - j); // in no lane unless in [0, LANES)
    for (int l = 0; l < LANES; ++l) {
      Index at = MASKED && l >= count ? j : j + l;
      float d[C], r2 = 0;
      for (int a = 0; a < C; ++a) {
        d[a] = axes[a * by.n + own] - axes[a * by.n + at];
        r2 += d[a] * d[a];
      }
      float q = 1.f / (1.f + r2 * by.inv_dof);
      float K = STUDENT ? q : powf(q, by.power);
      if (MASKED)
        K = l == skip || l >= count ? 0.f : K;
      float w = K * q;
      b[0][l] += K;
      for (int a = 0; a < C; ++a)
        b[1 + a][l] += w * d[a];
    }
  }
};

} // namespace gputsne::cpu
