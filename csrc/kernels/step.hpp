// How far a point moves: gains, momentum and the step limit.
// Jacobs 1988 (delta-bar-delta) with openTSNE's constants; limits explained in docs/math.md (5).
#pragma once
#include "machine.hpp"

namespace gputsne {

/// What the caller chooses for an iteration: gputsne.base.types.StepParams.
struct StepParams {
  float exaggeration, momentum, learning_rate, max_step, min_gain;
};

template <int C> struct Step {
  float *Y_next;     // (n, C): not the map, other rows still read that
  float *velocity;   // (n, C)
  float *gains;      // (n, C)
  const float *grad; // (n, C) gradient of phi
  float attraction;  // 2 (dof + 1) / dof * exaggeration
  float repulsion;   // 2 / Z
  float learning_rate, momentum, max_step, min_gain;

  /// Without repulsion, which is known later. p_ij = scale * what Attract reads.
  static Step of(float *Y_next, float *velocity, float *gains, const float *grad, float dof,
                 const StepParams &params, float scale = 1.f) {
    Step s;
    s.Y_next = Y_next;
    s.velocity = velocity;
    s.gains = gains;
    s.grad = grad;
    s.attraction = 2.f * (dof + 1.f) / dof * params.exaggeration * scale;
    s.repulsion = 0.f;
    s.learning_rate = params.learning_rate;
    s.momentum = params.momentum;
    s.max_step = params.max_step;
    s.min_gain = params.min_gain;
    return s;
  }

  /// Moves point i, which is at y; pull: sum of Attract over its row. Returns where it is then.
  /// Everything is read before anything is written: the arrays might overlap, for all that a
  /// compiler knows, and a GPU would wait for its own stores.
  template <class Mine> HD Vec<C> operator()(Index i, const Mine &y, const Vec<C> &pull) const {
    Point<C> before = point<C>(velocity, i), old = point<C>(gains, i), slopes = point<C>(grad, i);
    Vec<C> v, gain, next;
    float norm2 = 0;
    UNROLL for (int a = 0; a < C; ++a) {
      float slope = attraction * pull.v[a] + repulsion * slopes.v[a];
      bool onward = (before.v[a] > 0.f) != (slope > 0.f); // moving downhill already
      gain.v[a] = onward ? old.v[a] + 0.2f : old.v[a] * 0.8f + min_gain;
      v.v[a] = momentum * before.v[a] - learning_rate * gain.v[a] * slope;
      norm2 += v.v[a] * v.v[a];
    }
    float limit = norm2 > max_step * max_step ? max_step / sqrtf(norm2) : 1.f;
    UNROLL for (int a = 0; a < C; ++a) {
      v.v[a] *= limit;
      next.v[a] = y.v[a] + v.v[a];
    }
    put_point<C>(gains, i, gain);
    put_point<C>(velocity, i, v);
    put_point<C>(Y_next, i, next);
    return next;
  }
};

} // namespace gputsne
