// The map's bounding box, by a pass of its own or as a step's by-product, and a step that raises a
// flag where a point leaves the mesh: the host looks at them once per epoch, never in between.
#pragma once
#include "step.hpp"
#include <cstring>

namespace gputsne {

/// Bounding box. A NaN spreads into every box it is added to, so that it is seen at the end.
template <int C> struct Box {
  float low[C], high[C];
  HD Box operator+(const Box &o) const {
    Box b;
    UNROLL for (int a = 0; a < C; ++a) {
      b.low[a] = o.low[a] < low[a] || o.low[a] != o.low[a] ? o.low[a] : low[a];
      b.high[a] = o.high[a] > high[a] || o.high[a] != o.high[a] ? o.high[a] : high[a];
    }
    return b;
  }
  HD static Box none() {
    Box b;
    UNROLL for (int a = 0; a < C; ++a) {
      b.low[a] = INFINITY;
      b.high[a] = -INFINITY;
    }
    return b;
  }
};

/// The box of point i alone.
template <int C> struct PointBox {
  const float *Y;
  HD Box<C> operator()(Index i) const {
    Point<C> y = point<C>(Y, i);
    Box<C> b;
    UNROLL for (int a = 0; a < C; ++a)
      b.low[a] = b.high[a] = y.v[a];
    return b;
  }
};

/// A box in numbers that integer maxima join, in any order the same: (C,) how far down each axis
/// reaches, then (C,) how far up. 0 is nothing, all ones a NaN.
template <int C> struct BoxKeys {
  unsigned v[2 * C];

  /// Ascends with x, from -inf to inf, and is none of the two that mean something else.
  HD static unsigned ascending(float x) {
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
  }
  HD static BoxKeys of(const Vec<C> &y) {
    BoxKeys keys;
    UNROLL for (int a = 0; a < C; ++a) {
      unsigned key = ascending(y.v[a]);
      bool number = y.v[a] == y.v[a];
      keys.v[a] = number ? ~key : ~0u;
      keys.v[C + a] = number ? key : ~0u;
    }
    return keys;
  }
};

/// What changes of a step while its arrays stay, read from the device's memory as MeshNumbers are.
struct StepNumbers {
  float attraction, learning_rate, momentum, max_step, min_gain; // of Step
  float low[3], high[3];                                         // of WatchedStep
};

/// A step where Z stays on the device, and where a point that leaves the box (or becomes NaN)
/// raises a flag. All that write the flag write the same.
template <int C> struct WatchedStep {
  Step<C> step; // its repulsion is taken from Z
  const double *Z;
  float low[C], high[C];
  int *escaped;
  unsigned *extent; // (2 C,) BoxKeys that all points' are joined to; null where nobody asks
  /// Where numbers are taken from, if anywhere. Volatile: read here, after the row's edges, and not
  /// before them, where they would hold registers of all that time.
  const volatile StepNumbers *now;

  template <class Mine> HD BoxKeys<C> operator()(Index i, const Mine &y, const Vec<C> &pull) const {
    Step<C> own = step;
    if (now) {
      own.attraction = now->attraction;
      own.learning_rate = now->learning_rate;
      own.momentum = now->momentum;
      own.max_step = now->max_step;
      own.min_gain = now->min_gain;
    }
    float z = static_cast<float>(*Z);
    own.repulsion = z > 0.f ? 2.f / z : 0.f; // one point, or points beyond all reach of each other
    Vec<C> next = own(i, y, pull);
    bool inside = true;
    UNROLL for (int a = 0; a < C; ++a) {
      float least = now ? now->low[a] : low[a], most = now ? now->high[a] : high[a];
      inside = inside && next.v[a] >= least && next.v[a] <= most;
    }
    if (!inside)
      *escaped = 1;
    return BoxKeys<C>::of(next);
  }
};

} // namespace gputsne
