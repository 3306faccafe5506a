// Potential and its gradient by definition, O(n) per point: small maps, and the mesh's oracle.
// Twin of gather.hpp, same outputs. docs/math.md (2).
#pragma once
#include "machine.hpp"

namespace gputsne {

template <int C> struct Exact {
  const float *Y; // (n, C)
  Index n;
  float *phi, *grad;    // phi may be null: not wanted
  float inv_dof, power; // power = (dof + 1) / 2
  bool student;         // dof == 1: K = 1 / (1 + r^2), no pow

  /// phi and grad may be null where only `at` is called.
  static Exact of(const float *Y, Index n, float dof, float *phi = nullptr, float *grad = nullptr) {
    return {Y, n, phi, grad, 1.f / dof, (dof + 1.f) / 2.f, dof == 1.f};
  }

  /// Fills phi and grad of point i; returns sum over j != i of K.
  HD float operator()(Index i) const {
    float others = at(Y + i * C, i, grad + i * C);
    if (phi)
      phi[i] = others + 1.f;
    return others;
  }

  /// Sum of K over all points but `own` at y, and its gradient; own = -1 leaves none out.
  HD float at(const float *y, Index own, float *slope) const {
    float yi[C];
    UNROLL for (int a = 0; a < C; ++a)
      yi[a] = y[a];
    double s = 0, g[C] = {};
    for (Index begin = 0; begin < n; begin += 512) { // short float sums, long double ones
      Index end = begin + 512 < n ? begin + 512 : n;
      float bs = 0, b0 = 0, b1 = 0, b2 = 0;
      SIMD_SUM(bs, b0, b1, b2)
      for (Index j = begin; j < end; ++j) {
        float d[C], r2 = 0;
        UNROLL for (int a = 0; a < C; ++a) {
          d[a] = yi[a] - Y[j * C + a];
          r2 += d[a] * d[a];
        }
        float q = 1.f / (1.f + r2 * inv_dof);
        float K = student ? q : powf(q, power);
        K = j == own ? 0.f : K;
        bs += K;
        b0 += K * q * d[0];
        if constexpr (C > 1)
          b1 += K * q * d[1];
        if constexpr (C > 2)
          b2 += K * q * d[2];
      }
      float bg[3] = {b0, b1, b2};
      s += bs;
      UNROLL for (int a = 0; a < C; ++a)
        g[a] += bg[a];
    }
    // dK/dy = -2 power / dof * K q (y_i - y_j)
    UNROLL for (int a = 0; a < C; ++a)
      slope[a] = float(-2.0 * power * inv_dof * g[a]);
    return float(s);
  }
};

} // namespace gputsne
