// The step for Python: attract_and_step and divergence. Formulas: docs/math.md; the calling order:
// gputsne/engine/iteration.py.
#include "../kernels/attract.hpp"
#include "../kernels/step.hpp"
#include "edges.hpp"
#include "native.hpp"
#include "pull.hpp"
#include <vector>

namespace gputsne::cpu {
namespace {

/// P must be that of the map.
template <class P_> Index check_map(const In<float> &Y, const P_ &P) {
  check_shape("Y", Y, P.n(), -1);
  return P.n();
}

/// What a step changes, all (n, c), and obeys.
struct StepInto {
  In<float> grad, Y_next, velocity, gains;
  double Z;
  float dof;
  StepParams params;
};

template <int C> void pull(const Edges &P, const float *Y, float inv_dof, const Step<C> &step) {
  Attract<C> edges{{Y, P.column(), {P.weight()}}, inv_dof};
  pull_rows<C, PullPlain>(machine(), P.n(), Y, step, edges, P.row());
}

template <int C> void pull(const Packed &P, const float *Y, float inv_dof, const Step<C> &step) {
  pull_rows<C, PullPacked>(machine(), P.n(), Y, step, Y, inv_dof, P.rows());
}

/// What p_ij is of what is stored.
float scale_of(const Edges &) { return 1.f; }
float scale_of(const Packed &P) { return P.scale(); }

template <class Graph> void attract_and_step(const Graph &P, In<float> Y, StepInto &into) {
  Index n = check_map(Y, P), c = Y.shape(1);
  check_shape("grad", into.grad, n, c);
  check_shape("Y_next", into.Y_next, n, c);
  check_shape("velocity", into.velocity, n, c);
  check_shape("gains", into.gains, n, c);
  check_apart("Y_next", into.Y_next, "Y", Y, "grad", into.grad, "velocity", into.velocity, "gains",
              into.gains);
  check_apart("velocity", into.velocity, "Y", Y, "grad", into.grad, "gains", into.gains);
  check_apart("gains", into.gains, "Y", Y, "grad", into.grad);
  by_axes(c, [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    auto step = Step<C>::of(writable("Y_next", into.Y_next), writable("velocity", into.velocity),
                            writable("gains", into.gains), into.grad.data(), into.dof, into.params,
                            scale_of(P));
    if (into.Z > 0) // not one point, nor points beyond all reach of each other
      step.repulsion = float(2.0 / into.Z);
    py::gil_scoped_release release;
    pull(P, Y.data(), 1.f / into.dof, step);
  });
}

double divergence(const Edges &P, In<float> Y, float dof) {
  Index n = check_map(Y, P);
  return by_axes(Y.shape(1), [&](auto c) {
    constexpr int C = decltype(c)::value;
    Divergence<C> body{{Y.data(), P.column(), {P.weight()}}, 1.f / dof, (dof + 1) / 2};
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
  py::class_<StepInto>(m, "StepInto", "What a step changes and obeys.")
      .def(
          py::init([](In<float> grad, In<float> Y_next, In<float> velocity, In<float> gains,
                      double Z, float dof, float exaggeration, float momentum, float learning_rate,
                      float max_step, float min_gain) {
            StepParams params{exaggeration, momentum, learning_rate, max_step, min_gain};
            return StepInto{grad, Y_next, velocity, gains, Z, dof, params};
          }),
          "grad"_a.noconvert(), "Y_next"_a.noconvert(), "velocity"_a.noconvert(),
          "gains"_a.noconvert(), "Z"_a, "dof"_a, "exaggeration"_a, "momentum"_a, "learning_rate"_a,
          "max_step"_a, "min_gain"_a,
          R"(Keeps the arrays, (n, c) float32: grad is the gradient of phi at Y; Y_next is filled; velocity
and gains are updated.

Z: the normaliser of phi, 0 for no repulsion; the numbers: gputsne.base.types.StepParams.)");
  m.def("attract_and_step", &attract_and_step<Edges>, "P"_a, "Y"_a.noconvert(), "into"_a,
        R"(Fills into.Y_next from Y (n, c) float32; velocity and gains are updated in place.

P: Edges or Packed of n points. docs/math.md (3) to (5).)");
  m.def("attract_and_step", &attract_and_step<Packed>, "P"_a, "Y"_a.noconvert(), "into"_a);
  m.def(
      "divergence", &divergence, "P"_a, "Y"_a.noconvert(), "dof"_a,
      R"(sum p_ij (log p_ij - log K_ij) over the edges of P, float64; Y (n, c) float32. docs/math.md (1).)");
}

} // namespace gputsne::cpu
