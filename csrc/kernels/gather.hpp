// Potential phi and its gradient at a map point, from the mesh.
// The mesh carries K - offset; a point's own image on the mesh is taken out by a cosine series
// (twin: mesh.py, self_terms). docs/math.md, "Mesh" and "Self term".
#pragma once
#include "spline.hpp"

namespace gputsne {

/// What the mesh says beyond the stencil sum: phi_others = offset n + stencil - self(t).
template <int C> struct Correction {
  float offset_n;    // offset * n
  float self[C + 1]; // coefficients of products of 0, 1, .. C cosines
};

template <int C, int P> struct Gather {
  const float *Y;         // (n, C)
  const float *potential; // mesh, strides in grid
  float *phi;             // out (n,): sum over j of K, the point itself included; null: not wanted
  float *grad;            // out (n, C): gradient of phi in map units
  Grid<C> grid;
  Correction<C> fix;
  Index origin = 0; // what the strides make of the node that lies at potential[0]

  /// First node of point i's stencil, and its place in the cell.
  HD void locate(Index i, int *node, float *t) const {
    UNROLL for (int a = 0; a < C; ++a)
      node[a] = gputsne::locate<C, P>(grid, a, Y[i * C + a], t[a]);
  }

  /// Takes what the device's memory says of the mesh, where it says anything.
  HD void refresh() {
    grid.refresh();
    if (grid.now) {
      fix.offset_n = grid.now->offset_n;
      UNROLL for (int a = 0; a <= C; ++a)
        fix.self[a] = grid.now->self[a];
    }
  }

  /// Fills phi and grad of point i; returns sum over j != i of K.
  HD float operator()(Index i) const {
    float g[C];
    float s = at(Y + i * C, g);
    float own_grad[C], own = self(Y + i * C, own_grad);
    UNROLL for (int a = 0; a < C; ++a)
      grad[i * C + a] = (g[a] - 0.5f * own_grad[a]) * grid.inv_h;
    float others = fix.offset_n + (s - own);
    if (phi)
      phi[i] = others + 1.f;
    return others;
  }

  /// Stencil sum at y and its derivative per node spacing.
  HD float at(const float *y, float *g) const {
    float w[C][P], d[C][P], t;
    Index base = 0;
    UNROLL for (int a = 0; a < C; ++a) {
      base += Index(gputsne::locate<C, P>(grid, a, y[a], t)) * grid.stride[a];
      spline<P>(t, w[a], d[a]);
    }
    float s = 0;
    UNROLL for (int a = 0; a < C; ++a)
      g[a] = 0;
    const float *p = potential + (base - origin);
    if constexpr (C == 1) {
      UNROLL for (int j = 0; j < P; ++j) {
        s += w[0][j] * p[j];
        g[0] += d[0][j] * p[j];
      }
    } else if constexpr (C == 2) {
      UNROLL for (int j = 0; j < P; ++j) {
        float r = 0, rd = 0;
        UNROLL for (int k = 0; k < P; ++k) {
          float v = p[j * grid.stride[0] + k];
          r += w[1][k] * v;
          rd += d[1][k] * v;
        }
        s += w[0][j] * r;
        g[0] += d[0][j] * r;
        g[1] += w[0][j] * rd;
      }
    } else {
      UNROLL_ON_GPU for (int i = 0; i < P; ++i) {
        float q = 0, q1 = 0, q2 = 0;
        UNROLL_ON_GPU for (int j = 0; j < P; ++j) {
          float r = 0, rd = 0;
          UNROLL for (int k = 0; k < P; ++k) {
            float v = p[i * grid.stride[0] + j * grid.stride[1] + k];
            r += w[2][k] * v;
            rd += d[2][k] * v;
          }
          q += w[1][j] * r;
          q1 += d[1][j] * r;
          q2 += w[1][j] * rd;
        }
        s += w[0][i] * q;
        g[0] += d[0][i] * q;
        g[1] += w[0][i] * q1;
        g[2] += w[0][i] * q2;
      }
    }
    return s;
  }

  /// The point's own potential on the mesh, and its derivative per node spacing.
  HD float self(const float *y, float *g) const {
    float c[C], s[C], t;
    UNROLL for (int a = 0; a < C; ++a) {
      gputsne::locate<C, P>(grid, a, y[a], t);
      sincos_2pi(t, c[a], s[a]);
    }
    constexpr float TURN = 6.2831853f;
    if constexpr (C == 1) {
      g[0] = -TURN * s[0] * fix.self[1];
      return fix.self[0] + fix.self[1] * c[0];
    } else if constexpr (C == 2) {
      g[0] = -TURN * s[0] * (fix.self[1] + fix.self[2] * c[1]);
      g[1] = -TURN * s[1] * (fix.self[1] + fix.self[2] * c[0]);
      return fix.self[0] + fix.self[1] * (c[0] + c[1]) + fix.self[2] * c[0] * c[1];
    } else {
      float pairs = c[0] * c[1] + c[0] * c[2] + c[1] * c[2];
      UNROLL for (int a = 0; a < 3; ++a) {
        float p = c[(a + 1) % 3], q = c[(a + 2) % 3];
        g[a] = -TURN * s[a] * (fix.self[1] + fix.self[2] * (p + q) + fix.self[3] * p * q);
      }
      return fix.self[0] + fix.self[1] * (c[0] + c[1] + c[2]) + fix.self[2] * pairs +
             fix.self[3] * c[0] * c[1] * c[2];
    }
  }
};

} // namespace gputsne
