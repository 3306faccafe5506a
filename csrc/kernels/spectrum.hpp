// From charges to potential: what happens on either side of the FFT, and the kernel's spectrum. Pad
// writes the fixed-point charges into the array that is transformed; Multiply applies the kernel,
// given as one octant. Twin of gputsne/backends/host.py; docs/mesh.md.
#pragma once
#include "deposit.hpp"
#include "fft.hpp"

namespace gputsne {

/// Node i of the array that the FFT reads; zeros outside of the mesh. Clears what it reads.
template <int C> struct Pad {
  Charge *charge; // mesh of m[0] x .. nodes, C order
  float *out;     // g[0] x .. nodes, C order, g >= m
  unsigned m[C], g[C];

  HD void operator()(Index i) const {
    unsigned rest = static_cast<unsigned>(i);
    Index from = 0, stride = 1;
    bool inside = true;
    UNROLL for (int a = C - 1; a >= 0; --a) {
      unsigned k = a ? rest % g[a] : rest;
      rest = a ? rest / g[a] : 0;
      inside = inside && k < m[a];
      from += k * stride;
      stride *= m[a];
    }
    if (inside) {
      out[i] = float(static_cast<long long>(charge[from])) * (1.f / CHARGE_UNIT);
      charge[from] = 0;
    } else {
      out[i] = 0.f;
    }
  }
};

/// Element i of the half-complex spectrum, times a kernel that is real and even on every axis.
template <int C> struct Multiply {
  float *A;            // (l[0], .., l[C-1]) complex64: full axes, but the last has half + 1
  const float *octant; // (half[0] + 1, .., half[C-1] + 1)
  unsigned l[C], half[C];
  float scale; // 1 / nodes, where the inverse FFT doesn't scale

  HD void operator()(Index i) const {
    unsigned rest = static_cast<unsigned>(i);
    Index at = 0, stride = 1;
    UNROLL for (int a = C - 1; a >= 0; --a) {
      unsigned k = a ? rest % l[a] : rest;
      rest = a ? rest / l[a] : 0;
      at += (k > half[a] ? l[a] - k : k) * stride;
      stride *= half[a] + 1;
    }
    float K = octant[at] * scale;
    Point<2> z = point<2>(A, i);
    A[2 * i] = z.v[0] * K;
    A[2 * i + 1] = z.v[1] * K;
  }
};

/// x to the power p for x >= 1, float64 to 1e-13: log by the series of atanh, exp by Taylor's.
HD double power(double x, double p) {
  int e = 0;
  for (; x > 1.4142135623730951; x *= 0.5) // a map is at most some 2^20 units wide
    ++e;
  const double s = (x - 1.0) / (x + 1.0), q = s * s;
  double series = 0;
  for (int k = 19; k >= 1; k -= 2)
    series = series * q + 1.0 / k;
  double y = p * (e * 0.69314718055994531 + 2.0 * s * series);
  if (y < -700.0)
    return 0.0;
  const int halvings = int(0.5 - y * 1.4426950408889634); // y = r - halvings log 2
  const double r = y + halvings * 0.69314718055994531;
  double out = 1.0;
  for (int k = 14; k >= 1; --k)
    out = 1.0 + r * out / k;
  for (int k = 0; k < halvings; ++k)
    out *= 0.5;
  return out;
}

/// K - offset at the nodes of a mesh whose last axis is a line; the axes before it are counted by
/// `row`, the inner of them with `inner` nodes.
struct KernelAtNodes {
  double h, inv_dof, exponent, offset; // K = (1 + r^2 / dof)^exponent
  Index inner;

  HD double operator()(Index row, int i) const {
    const double a = double(row / inner), b = double(row % inner), c = double(i);
    const double x = 1.0 + (a * a + b * b + c * c) * (h * h) * inv_dof;
    return (exponent == -1.0 ? 1.0 / x : power(x, exponent)) - offset;
  }
};

/// The factor that deposit and gather put on wave k of one axis, over a scale: the spline of twice
/// the order at the integers, as a cosine series. Twin of _transfer in gputsne/engine/mesh.py.
struct Transfer {
  static constexpr int TERMS = 6; // of order 6
  double c[TERMS];                // c[0] + sum of c[j] cos(2 pi k j / n)

  /// turn (n,) has cos(2 pi k / n) as its real parts.
  HD double operator()(const Complex<double> *turn, int n, int k) const {
    double s = c[0];
    for (int j = 1; j < TERMS; ++j)
      s += c[j] * turn[k * j % n].x;
    return s;
  }
};

} // namespace gputsne
