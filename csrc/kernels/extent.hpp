// The map's bounding box as a sum of boxes, and a step that raises a flag where a point leaves the
// mesh: the host looks at both once per epoch, never in between.
#pragma once
#include "step.hpp"

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
  /// Where numbers are taken from, if anywhere. Volatile: read here, after the row's edges, and not
  /// before them, where they would hold registers of all that time.
  const volatile StepNumbers *now;

  HD void operator()(Index i, const Vec<C> &pull) const {
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
    own(i, pull);
    bool inside = true;
    UNROLL for (int a = 0; a < C; ++a) {
      float y = own.Y_next[i * C + a];
      inside = inside && y >= (now ? now->low[a] : low[a]) && y <= (now ? now->high[a] : high[a]);
    }
    if (!inside)
      *escaped = 1;
  }
};

} // namespace gputsne
