// The step for Python: attract_and_step and divergence. Formulas: docs/math.md; the calling order:
// gputsne/engine/iteration.py.
#include "../kernels/attract.hpp"
#include "../kernels/step.hpp"
#include "edges.hpp"
#include "native.hpp"
#include <vector>

namespace gputsne::cpu {
namespace {

/// P must be that of the map.
Index check_map(const In<float> &Y, const Edges &P) {
  check_shape("Y", Y, P.n(), -1);
  return P.n();
}

void attract_and_step(const Edges &P, In<float> Y, In<float> grad, In<float> Y_next,
                      In<float> velocity, In<float> gains, double Z, float dof, float exaggeration,
                      float momentum, float learning_rate, float max_step, float min_gain) {
  Index n = check_map(Y, P), c = Y.shape(1);
  check_shape("grad", grad, n, c);
  check_shape("Y_next", Y_next, n, c);
  check_shape("velocity", velocity, n, c);
  check_shape("gains", gains, n, c);
  if (Y.data() == Y_next.data())
    refuse("Y_next is Y; rows that are still to be read would be overwritten");
  by_axes(c, [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    Attract<C> pull{Y.data(), P.column(), P.weight(), 1.f / dof};
    Step<C> step{Y.data(),
                 Y_next.mutable_data(),
                 velocity.mutable_data(),
                 gains.mutable_data(),
                 grad.data(),
                 2.f * (dof + 1.f) / dof * exaggeration,
                 Z > 0 ? float(2.0 / Z)
                       : 0.f, // one point, or points beyond all reach of each other
                 learning_rate,
                 momentum,
                 max_step,
                 min_gain};
    py::gil_scoped_release release;
    machine().rows(n, P.row(), pull, step);
  });
}

double divergence(const Edges &P, In<float> Y, float dof) {
  Index n = check_map(Y, P);
  return by_axes(Y.shape(1), [&](auto c) {
    constexpr int C = decltype(c)::value;
    Divergence<C> body{Y.data(), P.column(), {P.weight()}, 1.f / dof, (dof + 1) / 2};
    py::gil_scoped_release release;
    std::vector<float> rows(n);
    std::vector<double> part(chunks(n));
    RowSum sums{rows.data()};
    machine().rows(n, P.row(), body, sums);
    return machine().sum(n, sums, part.data());
  });
}

} // namespace

void bind_step(py::module_ &m) {
  using namespace py::literals;
  m.def(
      "attract_and_step", &attract_and_step, "P"_a, "Y"_a.noconvert(), "grad"_a.noconvert(),
      "Y_next"_a.noconvert(), "velocity"_a.noconvert(), "gains"_a.noconvert(), "Z"_a, "dof"_a,
      "exaggeration"_a, "momentum"_a, "learning_rate"_a, "max_step"_a, "min_gain"_a,
      R"(Fills Y_next (n, c); velocity and gains (n, c) are updated in place. docs/math.md (3) to (5).

P: Edges of n points; grad (n, c): gradient of phi at Y; Z: its normaliser, 0 for no repulsion.)");
  m.def("divergence", &divergence, "P"_a, "Y"_a.noconvert(), "dof"_a,
        R"(sum p_ij (log p_ij - log K_ij) over the edges of P, float64. docs/math.md (1).)");
}

} // namespace gputsne::cpu
