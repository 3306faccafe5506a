// From charges to potential: what happens on either side of the FFT. Pad writes the fixed-point
// charges into the array that is transformed; Multiply applies the kernel, given as one octant.
// Twin of gputsne/backends/host.py; docs/mesh.md.
#pragma once
#include "deposit.hpp"

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

} // namespace gputsne
