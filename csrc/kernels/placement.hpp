// Placement of a new point on a map that does not move: all iterations of one point.
// Objective and method: docs/math.md, "Transform". Twin: gputsne/backends/numpy/place.py.
#pragma once
#include "exact.hpp"
#include "gather.hpp"

namespace gputsne {

/// KL divergence of one new point from the fitted ones, up to a constant, and how it changes:
/// F(y) = rho (dof + 1) / 2 sum_j p_j log(1 + |y - y_j|^2 / dof) + log(phi(y) + floor).
template <int C> struct Objective {
  float value;
  float grad[C];
  float curvature; // of the paraboloid that touches the attraction at y and lies above it
};

/// One new point. It sees the fitted points only, so its place does not depend on its batch.
template <int C, int P> struct Placement {
  static constexpr Index STARTS = 15;      // neighbours that are tried as starts, nearest first
  static constexpr float LONGEST = 8.f;    // map units a step
  static constexpr float SHORTEST = 1e-4f; // node spacings; a shorter step ends the search
  static constexpr float ARMIJO = 1e-4f;   // share of the foreseen decrease that a step must bring
  static constexpr float ROUNDING = 2e-6f; // of |F| + 1: what float32 can't tell apart
  static constexpr float CURVED = 1e-2f;   // of the attraction: flatter says nothing of a minimum
  static constexpr float BACK = 0.35f;     // factor on a step that brought too little

  const float *Y;     // (n, C) fitted map
  const int *indices; // (m, k) fitted neighbours of each new point
  const float *p;     // (m, k) their conditional probabilities
  float *out;         // (m, C)
  Index k;
  int max_iter;          // evaluations of F after the start
  float low[C], high[C]; // the box that no new point leaves; inside the mesh
  float inv_dof, pull;   // pull = rho (dof + 1) / dof
  float far, floor;      // phi = far + stencil sum; below floor it is rounding
  Gather<C, P> field;    // its grid and potential are read, nothing else
  Exact<C> sum;          // stands for the mesh where there is no potential

  /// What follows from the numbers of a fitted map; the views, box and grid are the caller's.
  static Placement of(const float *Y, Index n, float dof, float exaggeration) {
    Placement body{};
    body.Y = Y;
    body.inv_dof = 1.f / dof;
    body.pull = exaggeration * (dof + 1.f) / dof;
    body.sum = Exact<C>::of(Y, n, dof);
    return body;
  }

  HD void operator()(Index i) const {
    Row row{indices + i * k, p + i * k};
    float y[C];
    Objective<C> now = start(row, y);
    descend(row, y, now);
    UNROLL for (int a = 0; a < C; ++a)
      out[i * C + a] = y[a];
  }

private:
  struct Row {
    const int *ids;
    const float *p;
  };
  /// Inverse of the Hessian, as far as it is known; plain: that of the attraction's paraboloid.
  struct Metric {
    float m[C][C];
    bool plain;
  };

  HD Objective<C> at(const Row &row, const float *y) const {
    float slope[C], stretch = 0, stiffness = 0, sum[C] = {};
    float phi = potential(y, slope);
    for (Index j = 0; j < k; ++j) {
      const float *fitted = Y + Index(row.ids[j]) * C;
      float d[C], r2 = 0;
      UNROLL for (int a = 0; a < C; ++a) {
        d[a] = y[a] - fitted[a];
        r2 += d[a] * d[a];
      }
      float t = r2 * inv_dof, w = row.p[j] / (1.f + t);
      stretch += row.p[j] * log1pf(t);
      stiffness += w;
      UNROLL for (int a = 0; a < C; ++a)
        sum[a] += w * d[a];
    }
    bool positive = phi > 0.f;
    float share = positive ? 1.f / (phi + floor) : 0.f;
    Objective<C> F;
    F.value = 0.5f * pull / inv_dof * stretch + logf((positive ? phi : 0.f) + floor);
    F.curvature = pull * stiffness + 1e-20f; // never a division by zero
    UNROLL for (int a = 0; a < C; ++a)
      F.grad[a] = pull * sum[a] + share * slope[a];
    return F;
  }

  /// phi at y and its gradient, from the mesh or by definition.
  HD float potential(const float *y, float *slope) const {
    if (!field.potential)
      return sum.at(y, -1, slope);
    float phi = far + field.at(y, slope);
    UNROLL for (int a = 0; a < C; ++a)
      slope[a] *= field.grid.inv_h;
    return phi;
  }

  /// The best of the neighbours' weighted mean and the neighbours themselves: a mean over two
  /// clusters lies between them, in a valley of its own (docs/math.md, "Transform").
  HD Objective<C> start(const Row &row, float *y) const {
    UNROLL for (int a = 0; a < C; ++a)
      y[a] = 0;
    for (Index j = 0; j < k; ++j) UNROLL
      for (int a = 0; a < C; ++a)
        y[a] += row.p[j] * Y[Index(row.ids[j]) * C + a];
    clamp(y);
    Objective<C> best = at(row, y);
    for (Index j = 0; j < (STARTS < k ? STARTS : k); ++j) {
      const float *fitted = Y + Index(row.ids[j]) * C;
      Objective<C> there = at(row, fitted);
      if (there.value < best.value) {
        best = there;
        UNROLL for (int a = 0; a < C; ++a)
          y[a] = fitted[a];
      }
    }
    return best;
  }

  HD void clamp(float *y) const {
    UNROLL for (int a = 0; a < C; ++a) {
      y[a] = y[a] > low[a] ? y[a] : low[a]; // NaN goes to the edge
      y[a] = y[a] < high[a] ? y[a] : high[a];
    }
  }

  /// BFGS with backtracking. After any trouble the metric is plain again, so that a step is one of
  /// mean shift against the field, which can't overshoot the attraction.
  HD void descend(const Row &row, float *y, Objective<C> &now) const {
    Metric H = plain(now);
    float shorter = 1.f, least = SHORTEST / field.grid.inv_h;
    for (int iteration = 0; iteration < max_iter; ++iteration) {
      float step[C], there[C], length2 = 0, descent = 0;
      UNROLL for (int a = 0; a < C; ++a) {
        step[a] = 0;
        UNROLL for (int b = 0; b < C; ++b)
          step[a] -= H.m[a][b] * now.grad[b];
        length2 += step[a] * step[a];
      }
      float scale = shorter * (length2 > LONGEST * LONGEST ? LONGEST / sqrtf(length2) : 1.f);
      UNROLL for (int a = 0; a < C; ++a)
        there[a] = y[a] + scale * step[a];
      clamp(there);
      length2 = 0;
      UNROLL for (int a = 0; a < C; ++a) {
        step[a] = there[a] - y[a];
        length2 += step[a] * step[a];
        descent += step[a] * now.grad[a];
      }
      if (!(length2 > least * least))
        return;
      Objective<C> then = at(row, there);
      float allowed = now.value + ARMIJO * descent + ROUNDING * (fabsf(now.value) + 1.f);
      if (descent < 0.f && then.value <= allowed) {
        learn(H, step, now, then);
        shorter = 1.f;
        now = then;
        UNROLL for (int a = 0; a < C; ++a)
          y[a] = there[a];
      } else if (!H.plain) {
        H = plain(now);
      } else {
        shorter *= BACK;
      }
    }
  }

  HD static Metric plain(const Objective<C> &F) {
    Metric H;
    H.plain = true;
    UNROLL for (int a = 0; a < C; ++a) UNROLL
      for (int b = 0; b < C; ++b)
        H.m[a][b] = a == b ? 1.f / F.curvature : 0.f;
    return H;
  }

  /// Inverse BFGS update (Nocedal & Wright 2006, eq. 6.17); plain where F is not convex.
  HD static void learn(Metric &H, const float *s, const Objective<C> &now,
                       const Objective<C> &then) {
    float q[C], Hq[C], sq = 0, ss = 0, qHq = 0;
    UNROLL for (int a = 0; a < C; ++a) {
      q[a] = then.grad[a] - now.grad[a];
      sq += s[a] * q[a];
      ss += s[a] * s[a];
    }
    if (!(sq > CURVED * then.curvature * ss)) {
      H = plain(then);
      return;
    }
    UNROLL for (int a = 0; a < C; ++a) {
      Hq[a] = 0;
      UNROLL for (int b = 0; b < C; ++b)
        Hq[a] += H.m[a][b] * q[b];
      qHq += q[a] * Hq[a];
    }
    float r = 1.f / sq, grow = (1.f + qHq * r) * r;
    UNROLL for (int a = 0; a < C; ++a) UNROLL
      for (int b = 0; b < C; ++b)
        H.m[a][b] += grow * s[a] * s[b] - r * (Hq[a] * s[b] + s[a] * Hq[b]);
    H.plain = false;
  }
};

} // namespace gputsne
