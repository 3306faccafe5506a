// Deposit and gather in two axes, four points at a time: what csrc/kernels/deposit.hpp and
// gather.hpp compute. Splines in one register for four points, then each point's rows of the mesh
// in one register and a half. Registers of four numbers do: wider ones were no quicker.
#pragma once
#include "../kernels/deposit.hpp"
#include "../kernels/gather.hpp"
#include "registers.hpp"
#include <vector>

namespace gputsne::cpu {

/// Four points on a mesh of two axes: the first node of each and its spline weights. Lanes beyond
/// `count` repeat the last point.
template <int P> struct FourPoints {
  static constexpr int COUNT = 4;
  Index node[2][COUNT];
  Float4 t[2], w[2][P], d[2][P];

  template <class Which>
  HD FourPoints(const Grid<2> &grid, const float *Y, int count, const Which &which) {
    for (int a = 0; a < 2; ++a) {
      float at[COUNT];
      for (int l = 0; l < COUNT; ++l)
        at[l] = Y[2 * which(l < count ? l : count - 1) + a];
      Float4 y;
      std::memcpy(&y, at, sizeof y);
      locate(grid, a, y);
      spline<P>(t[a], w[a], d[a]);
    }
  }

private:
  /// gputsne::locate, of four.
  HD void locate(const Grid<2> &grid, int a, const Float4 &y) {
    const int m = grid.m[a];
    Float4 u = (y - grid.center[a]) * grid.inv_h;
    const Float4 low = Float4{} + float(P / 2 - 1 - m / 2);
    const Float4 high = Float4{} + float(m - m / 2 - P / 2 - 1);
    u = u > low ? u : low; // NaN goes to the edge
    u = u < high ? u : high;
    Int4 f = __builtin_convertvector(u, Int4);
    f += __builtin_convertvector(f, Float4) > u; // floor, for the negative half: true is -1
    t[a] = u - __builtin_convertvector(f, Float4);
    for (int l = 0; l < COUNT; ++l)
      node[a][l] = f[l] + m / 2 - (P / 2 - 1);
  }
};

/// Adds charges, in units to the nearest, to four nodes.
HD void add_units(Charge *q, const Float4 &units) {
  const Long4 whole = __builtin_convertvector(__builtin_convertvector(units + 0.5f, Int4), Long4);
  Long4 now;
  std::memcpy(&now, q, sizeof now);
  now += whole;
  std::memcpy(q, &now, sizeof now);
}

HD void add_two(Charge *q, const Long2 &units) {
  Long2 now;
  std::memcpy(&now, q, sizeof now);
  now += units;
  std::memcpy(q, &now, sizeof now);
}

/// Adds the charges of points which(0) .. which(count - 1), at most four.
template <int P, class Which>
HD void deposit_four(const Deposit<2, P> &body, int count, const Which &which) {
  const FourPoints<P> points(body.grid, body.Y, count, which);
  float across[P][4], along[4][8] = {};
  for (int j = 0; j < P; ++j) {
    std::memcpy(across[j], &points.w[0][j], sizeof across[j]);
    const Float4 scaled = points.w[1][j] * CHARGE_UNIT;
    for (int l = 0; l < 4; ++l)
      along[l][j] = scaled[l];
  }
  const Index stride = body.grid.stride[0];
  for (int l = 0; l < count; ++l) {
    Charge *row = body.charge + points.node[0][l] * stride + points.node[1][l];
    Float4 first;
    std::memcpy(&first, along[l], sizeof first);
    const Float4 last{along[l][4], along[l][5], along[l][4], along[l][5]};
    for (int j = 0; j < P; j += 2) {
      add_units(row, first * across[j][l]);
      add_units(row + stride, first * across[j + 1][l]);
      if constexpr (P == 6) { // two rows' last two in one register
        const Float4 w{across[j][l], across[j][l], across[j + 1][l], across[j + 1][l]};
        const Int4 units = __builtin_convertvector(last * w + 0.5f, Int4);
        add_two(row + 4, Long2{units[0], units[1]});
        add_two(row + stride + 4, Long2{units[2], units[3]});
      }
      row += 2 * stride;
    }
  }
}

/// Fills phi and grad of points begin .. begin + count - 1, at most four; others: sums over j != i
/// of K.
template <int P>
HD void gather_four(const Gather<2, P> &body, Index begin, int count, float *others) {
  const FourPoints<P> points(body.grid, body.Y, count, [=](int l) { return begin + l; });
  float w0[P][4], d0[P][4], value[4][8], slope[4][8];
  for (int j = 0; j < P; ++j) {
    std::memcpy(w0[j], &points.w[0][j], sizeof w0[j]);
    std::memcpy(d0[j], &points.d[0][j], sizeof d0[j]);
  }
  for (int l = 0; l < 4; ++l) {
    const float *row =
        body.potential + points.node[0][l] * body.grid.stride[0] + points.node[1][l] - body.origin;
    Float4 s[2] = {}, g[2] = {};
    for (int j = 0; j < P; ++j, row += body.grid.stride[0]) {
      Float4 v;
      std::memcpy(&v, row, sizeof v);
      s[0] += v * w0[j][l];
      g[0] += v * d0[j][l];
      if constexpr (P == 6) {
        const Float4 u{row[4], row[5], 0.f, 0.f};
        s[1] += u * w0[j][l];
        g[1] += u * d0[j][l];
      }
    }
    std::memcpy(value[l], s, sizeof s);
    std::memcpy(slope[l], g, sizeof g);
  }
  Float4 s = {}, g[2] = {};
  for (int k = 0; k < P; ++k) {
    const Float4 v{value[0][k], value[1][k], value[2][k], value[3][k]};
    const Float4 u{slope[0][k], slope[1][k], slope[2][k], slope[3][k]};
    s += points.w[1][k] * v;
    g[0] += points.w[1][k] * u;
    g[1] += points.d[1][k] * v;
  }
  // The point's own image: Gather::self.
  constexpr float TURN = 6.2831853f;
  const float *self = body.fix.self;
  Float4 c[2], sine[2];
  for (int a = 0; a < 2; ++a)
    sincos_2pi(points.t[a], c[a], sine[a]);
  s -= self[0] + self[1] * (c[0] + c[1]) + self[2] * c[0] * c[1];
  for (int a = 0; a < 2; ++a) {
    const Float4 own = -TURN * sine[a] * (self[1] + self[2] * c[1 - a]);
    g[a] = (g[a] - 0.5f * own) * body.grid.inv_h;
  }
  const Float4 sum = body.fix.offset_n + s;
  for (int l = 0; l < count; ++l) {
    others[l] = sum[l];
    body.phi[begin + l] = sum[l] + 1.f;
    body.grad[2 * (begin + l)] = g[0][l];
    body.grad[2 * (begin + l) + 1] = g[1][l];
  }
}

/// Fills phi and grad of all points; returns Z. The sum over points is taken as `Cpu::sum` does.
template <int P> double gather_all(const Cpu &machine, const Gather<2, P> &body, Index n) {
  std::vector<double> sums(static_cast<size_t>(chunks(n)));
  double *part = sums.data(), Z = 0;
  machine.each_chunk(n, CHUNK, [=](Index chunk, Index begin, Index end) {
    double sum = 0;
    for (Index i = begin; i < end; i += 4) {
      float others[4];
      int count = end - i < 4 ? static_cast<int>(end - i) : 4;
      gather_four<P>(body, i, count, others);
      for (int l = 0; l < count; ++l)
        sum += others[l];
    }
    part[chunk] = sum;
  });
  for (double sum : sums)
    Z += sum;
  return Z;
}

} // namespace gputsne::cpu
