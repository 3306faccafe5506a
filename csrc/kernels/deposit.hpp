// How much charge a point leaves on the mesh: its spline weights, in fixed point.
// Integers add up the same in any order, so the grid is bit-equal for any number of threads, and
// 10^7 points in one cell lose nothing. docs/math.md, "Mesh".
#pragma once
#include "spline.hpp"

namespace gputsne {

using Charge = unsigned long long; // what CUDA's 64-bit atomicAdd takes
/// 2^24 per unit charge. Rounding to the nearest moves a node by up to 2^-25 per point, half of
/// what float32 says of a weight near 1, and a patch of 512 points fits into 32 bits
/// (gpu_patch.hpp). The mesh itself has 64: 10^12 points in one node.
constexpr float CHARGE_UNIT = 16777216.f;

/// A weight in units, to the nearest; below 2^31.
HD unsigned in_units(float weight) {
  return static_cast<unsigned>(static_cast<int>(weight + 0.5f));
}

template <int C, int P> struct Deposit {
  const float *Y; // (n, C)
  Charge *charge; // (m0, .., mC-1)
  Grid<C> grid;

  /// First node of point i's stencil, and its place in the cell.
  HD void locate(Index i, int *node, float *t) const {
    UNROLL for (int a = 0; a < C; ++a)
      node[a] = gputsne::locate<C, P>(grid, a, Y[i * C + a], t[a]);
  }
  HD Index place(const int *node) const {
    Index at = 0;
    UNROLL for (int a = 0; a < C; ++a)
      at += node[a] * grid.stride[a];
    return at;
  }

  /// Adds a point's charge to those nodes whose last coordinate is stencil node `lane`; `at` is the
  /// first of them, in memory with these strides.
  template <class Number>
  HD void lane(const float *t, int lane, Number *at, const Index *stride) const {
    float w[C][P], dw[P];
    UNROLL for (int a = 0; a < C; ++a)
      spline<P>(t[a], w[a], dw);
    float last = 0; // w[C - 1][lane] without indexing registers by a run-time number
    UNROLL for (int j = 0; j < P; ++j)
      last = j == lane ? w[C - 1][j] : last;
    last *= CHARGE_UNIT;
    if constexpr (C == 1) {
      add_to(at, Number(in_units(last)));
    } else if constexpr (C == 2) {
      UNROLL for (int j = 0; j < P; ++j)
        add_to(at + j * stride[0], Number(in_units(w[0][j] * last)));
    } else {
      UNROLL for (int j = 0; j < P; ++j) UNROLL
        for (int k = 0; k < P; ++k)
          add_to(at + j * stride[0] + k * stride[1], Number(in_units(w[0][j] * w[1][k] * last)));
    }
  }

  /// All nodes of point i with plain additions: for one thread that owns these nodes.
  void point(Index i) const {
    float w[C][P], dw[P], t[C];
    int node[C];
    locate(i, node, t);
    Index at = place(node);
    UNROLL for (int a = 0; a < C; ++a)
      spline<P>(t[a], w[a], dw);
    float last[P];
    for (int j = 0; j < P; ++j)
      last[j] = w[C - 1][j] * CHARGE_UNIT;
    if constexpr (C == 1) {
      for (int j = 0; j < P; ++j)
        charge[at + j] += in_units(last[j]);
    } else if constexpr (C == 2) {
      for (int j = 0; j < P; ++j)
        add_row(charge + at + j * grid.stride[0], w[0][j], last);
    } else {
      for (int j = 0; j < P; ++j)
        for (int k = 0; k < P; ++k)
          add_row(charge + at + j * grid.stride[0] + k * grid.stride[1], w[0][j] * w[1][k], last);
    }
  }

private:
  // Vector units of plain x86-64 have the conversion to 32 bits alone.
  static void add_row(Charge *q, float w, const float *last) {
    for (int j = 0; j < P; ++j)
      q[j] += in_units(w * last[j]);
  }
};

/// Fixed point -> float32, and the fixed-point grid is cleared for the next iteration.
struct Pack {
  Charge *charge;
  float *out;
  HD void operator()(Index i) const {
    out[i] = float(static_cast<long long>(charge[i])) * (1.f / CHARGE_UNIT);
    charge[i] = 0;
  }
};

} // namespace gputsne
