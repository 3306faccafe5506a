// Where a point sits on the mesh, and with which weights: B-splines of even order P.
// Twin of gputsne/engine/mesh.py (node j of an axis lies at center + (j - m/2) h); docs/math.md,
// "Mesh".
#pragma once
#include "machine.hpp"

namespace gputsne {

/// What changes of a mesh while its shape stays, where a kernel reads it from the device's memory:
/// so that what was captured once is right for the next mesh of that shape.
struct MeshNumbers {
  float center[3], inv_h;
  float offset_n, self[4]; // of Correction in gather.hpp
};

/// Numbers to where kernels read them.
template <class Numbers> struct StoreNumbers {
  Numbers numbers, *to;
  HD void operator()(Index) const { *to = numbers; }
};

/// Geometry of a mesh of C axes; `stride` is in elements of the array that is read or written.
template <int C> struct Grid {
  float center[C];                  // map units
  float inv_h;                      // nodes per map unit
  int m[C];                         // nodes per axis
  Index stride[C];                  // row-major, stride[C - 1] == 1
  const MeshNumbers *now = nullptr; // where center and inv_h are taken from, if anywhere

  /// From C numbers each.
  static Grid of(const float *center, float inv_h, const Index *m, const Index *stride) {
    Grid g;
    g.inv_h = inv_h;
    for (int a = 0; a < C; ++a) {
      g.center[a] = center[a];
      g.m[a] = static_cast<int>(m[a]);
      g.stride[a] = stride[a];
    }
    return g;
  }

  HD void refresh() {
    if (now) {
      UNROLL for (int a = 0; a < C; ++a)
        center[a] = now->center[a];
      inv_h = now->inv_h;
    }
  }
};

/// First node of the stencil of coordinate y on axis a, and t in [0, 1), the place inside the cell.
/// Clamped, so that no point, not even a NaN, can reach outside the mesh.
template <int C, int P> HD int locate(const Grid<C> &g, int a, float y, float &t) {
  float u = (y - g.center[a]) * g.inv_h;
  float low = float(P / 2 - 1 - g.m[a] / 2), high = float(g.m[a] - g.m[a] / 2 - P / 2 - 1);
  u = u > low ? u : low; // NaN goes to the edge
  u = u < high ? u : high;
  int f = int(u);
  f -= float(f) > u; // floor, for the negative half
  t = u - float(f);
  return f + g.m[a] / 2 - (P / 2 - 1);
}

/// Cardinal B-spline of order P (degree P - 1) at the P nodes around t, and its derivative in t.
/// Recursion of smooth particle-mesh Ewald (Essmann et al. 1995, eqs. 4.1 and 4.2). T: float, or a
/// vector of floats.
template <int P, class T> HD void spline(const T &t, T *w, T *dw) {
  w[0] = 1.f - t;
  w[1] = t;
  UNROLL for (int k = 3; k < P; ++k) {
    float inv = 1.f / float(k - 1);
    w[k - 1] = inv * t * w[k - 2];
    UNROLL for (int j = k - 2; j >= 1; --j)
      w[j] = inv * ((t + float(k - 1 - j)) * w[j - 1] + (float(j + 1) - t) * w[j]);
    w[0] = inv * (1.f - t) * w[0];
  }
  dw[0] = -w[0];
  UNROLL for (int j = 1; j < P - 1; ++j)
    dw[j] = w[j - 1] - w[j];
  dw[P - 1] = w[P - 2];
  float inv = 1.f / float(P - 1);
  w[P - 1] = inv * t * w[P - 2];
  UNROLL for (int j = P - 2; j >= 1; --j)
    w[j] = inv * ((t + float(P - 1 - j)) * w[j - 1] + (float(j + 1) - t) * w[j]);
  w[0] = inv * (1.f - t) * w[0];
}

/// cos(2 pi t) and sin(2 pi t) for t in [0, 1), Taylor about t = 1/2; error < 1e-4, enough for a
/// correction that is itself below 2e-2 of the kernel.
template <class T> HD void sincos_2pi(const T &t, T &c, T &s) {
  T x = 6.2831853f * (t - 0.5f), q = x * x;
  c = -(1.f +
        q * (-0.5f + q * (4.1666667e-2f +
                          q * (-1.3888889e-3f +
                               q * (2.4801587e-5f + q * (-2.7557319e-7f + q * 2.0876757e-9f))))));
  s = -x * (1.f + q * (-1.6666667e-1f +
                       q * (8.3333333e-3f +
                            q * (-1.9841270e-4f + q * (2.7557319e-6f + q * -2.5052108e-8f)))));
}

} // namespace gputsne
