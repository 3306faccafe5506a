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
  const float *Y;    // (n, C)
  float *Y_next;     // (n, C): not Y, other rows still read that
  float *velocity;   // (n, C)
  float *gains;      // (n, C)
  const float *grad; // (n, C) gradient of phi
  float attraction;  // 2 (dof + 1) / dof * exaggeration
  float repulsion;   // 2 / Z
  float learning_rate, momentum, max_step, min_gain;

  /// Without repulsion, which is known later. p_ij = scale * what Attract reads.
  static Step of(const float *Y, float *Y_next, float *velocity, float *gains, const float *grad,
                 float dof, const StepParams &params, float scale = 1.f) {
    Step s;
    s.Y = Y;
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

  /// pull: sum of Attract over the row of point i
  HD void operator()(Index i, const Vec<C> &pull) const {
    float v[C], norm2 = 0;
    UNROLL for (int a = 0; a < C; ++a) {
      Index k = i * C + a;
      float slope = attraction * pull.v[a] + repulsion * grad[k];
      bool onward = (velocity[k] > 0.f) != (slope > 0.f); // moving downhill already
      float gain = onward ? gains[k] + 0.2f : gains[k] * 0.8f + min_gain;
      gains[k] = gain;
      v[a] = momentum * velocity[k] - learning_rate * gain * slope;
      norm2 += v[a] * v[a];
    }
    float limit = norm2 > max_step * max_step ? max_step / sqrtf(norm2) : 1.f;
    UNROLL for (int a = 0; a < C; ++a) {
      velocity[i * C + a] = v[a] * limit;
      Y_next[i * C + a] = Y[i * C + a] + v[a] * limit;
    }
  }
};

} // namespace gputsne
