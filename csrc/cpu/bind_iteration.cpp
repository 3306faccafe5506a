// How do the kernels of the iteration reach Python? deposit, gather, exact, attract_and_step,
// divergence, extent. Formulas: docs/math.md; the calling order: gputsne/engine/iteration.py.
#include "../kernels/attract.hpp"
#include "../kernels/exact.hpp"
#include "../kernels/gather.hpp"
#include "../kernels/step.hpp"
#include "deposit_bands.hpp"
#include "native.hpp"
#include <pybind11/stl.h>
#include <vector>

namespace gputsne::cpu {
namespace {

using Floats = std::vector<float>;

/// Geometry from Python's numbers; strides from the array that the kernel touches.
template <int C>
Grid<C> grid_of(const char *name, const py::array &a, const Floats &center, float inv_h,
                int order) {
  if (a.ndim() != C || Index(center.size()) != C)
    refuse(name, " has shape ", shape_of(a), " and center ", center.size(),
           " numbers; the map has ", C, " axes");
  if (a.strides(C - 1) != Index(a.itemsize()))
    refuse(name, " must be contiguous along its last axis");
  Grid<C> g;
  g.inv_h = inv_h;
  for (int k = 0; k < C; ++k) {
    if (a.shape(k) < 2 * order)
      refuse(name, " has shape ", shape_of(a), "; order ", order, " needs at least ", 2 * order,
             " nodes an axis");
    g.center[k] = center[k];
    g.m[k] = int(a.shape(k));
    g.stride[k] = Index(a.strides(k)) / Index(a.itemsize());
  }
  return g;
}

void deposit(In<float> Y, Floats center, float inv_h, int order, In<Charge> fixed,
             In<float> charge) {
  check_shape("Y", Y, -1, -1);
  if (fixed.size() != charge.size())
    refuse("fixed has shape ", shape_of(fixed), ", charge ", shape_of(charge), "; they must agree");
  Index n = Y.shape(0), nodes = charge.size();
  float *out = charge.mutable_data();
  Charge *q = fixed.mutable_data();
  by_axes(Y.shape(1), [&](auto c) {
    by_order(order, [&](auto p) {
      constexpr int C = decltype(c)::value, P = decltype(p)::value;
      Deposit<C, P> body{Y.data(), q, grid_of<C>("fixed", fixed, center, inv_h, order)};
      py::gil_scoped_release release;
      deposit_bands(machine(), body, n);
      machine().each(nodes, Pack{q, out});
    });
  });
}

double gather(In<float> Y, Floats center, float inv_h, int order, py::array_t<float> potential,
              std::vector<int> shape, float offset, Floats self_terms, In<float> phi,
              In<float> grad) {
  check_shape("Y", Y, -1, -1);
  Index n = Y.shape(0);
  check_length("phi", phi, n);
  check_shape("grad", grad, n, Y.shape(1));
  return by_axes(Y.shape(1), [&](auto c) {
    return by_order(order, [&](auto p) {
      constexpr int C = decltype(c)::value, P = decltype(p)::value;
      if (Index(self_terms.size()) != C + 1 || Index(shape.size()) != C)
        refuse("self_terms and shape have ", self_terms.size(), " and ", shape.size(),
               " numbers, need ", C + 1, " and ", C);
      Grid<C> g = grid_of<C>("potential", potential, center, inv_h, order);
      Correction<C> fix;
      fix.offset_n = offset * float(n);
      for (int k = 0; k <= C; ++k)
        fix.self[k] = self_terms[k];
      for (int k = 0; k < C; ++k) {
        if (shape[k] > g.m[k])
          refuse("potential has shape ", shape_of(potential), ", smaller than the mesh");
        g.m[k] = shape[k]; // the transform is longer than the mesh; only its first nodes count
      }
      Gather<C, P> body{Y.data(), potential.data(), phi.mutable_data(), grad.mutable_data(), g,
                        fix};
      py::gil_scoped_release release;
      std::vector<double> part(chunks(n));
      return machine().sum(n, body, part.data());
    });
  });
}

double exact(In<float> Y, float dof, In<float> phi, In<float> grad) {
  check_shape("Y", Y, -1, -1);
  Index n = Y.shape(0);
  check_length("phi", phi, n);
  check_shape("grad", grad, n, Y.shape(1));
  return by_axes(Y.shape(1), [&](auto c) {
    constexpr int C = decltype(c)::value;
    Exact<C> body{Y.data(),      n,         phi.mutable_data(), grad.mutable_data(), 1.f / dof,
                  (dof + 1) / 2, dof == 1.f};
    py::gil_scoped_release release;
    std::vector<double> part(chunks(n));
    return machine().sum(n, body, part.data());
  });
}

void check_edges(const In<int64_t> &indptr, const In<int> &indices, const In<float> &data,
                 Index n) {
  check_length("indptr", indptr, n + 1);
  check_length("data", data, indices.size());
  if (indptr.data()[n] != indices.size())
    refuse("indptr ends at ", indptr.data()[n], ", but there are ", indices.size(), " edges");
}

void attract_and_step(In<float> Y, In<int64_t> indptr, In<int> indices, In<float> data,
                      In<float> grad, In<float> Y_next, In<float> velocity, In<float> gains,
                      double Z, float dof, float exaggeration, float momentum, float learning_rate,
                      float max_step, float min_gain) {
  check_shape("Y", Y, -1, -1);
  Index n = Y.shape(0), c = Y.shape(1);
  check_edges(indptr, indices, data, n);
  check_shape("grad", grad, n, c);
  check_shape("Y_next", Y_next, n, c);
  check_shape("velocity", velocity, n, c);
  check_shape("gains", gains, n, c);
  if (Y.data() == Y_next.data())
    refuse("Y_next is Y; rows that are still to be read would be overwritten");
  by_axes(c, [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    Attract<C> pull{Y.data(), indices.data(), data.data(), 1.f / dof};
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
    const Index *ptr = indptr.data();
    py::gil_scoped_release release;
    machine().rows(n, ptr, pull, step);
  });
}

double divergence(In<float> Y, In<int64_t> indptr, In<int> indices, In<float> data, float dof) {
  check_shape("Y", Y, -1, -1);
  Index n = Y.shape(0);
  check_edges(indptr, indices, data, n);
  return by_axes(Y.shape(1), [&](auto c) {
    constexpr int C = decltype(c)::value;
    Divergence<C> body{Y.data(), indices.data(), {data.data()}, 1.f / dof, (dof + 1) / 2};
    const Index *ptr = indptr.data();
    py::gil_scoped_release release;
    std::vector<float> rows(n);
    std::vector<double> part(chunks(n));
    RowSum sums{rows.data()};
    machine().rows(n, ptr, body, sums);
    return machine().sum(n, sums, part.data());
  });
}

/// Smallest and largest coordinate an axis.
std::vector<std::pair<float, float>> extent(In<float> Y) {
  check_shape("Y", Y, -1, -1);
  Index n = Y.shape(0);
  const float *y = Y.data();
  return by_axes(Y.shape(1), [&](auto c) {
    constexpr int C = decltype(c)::value;
    constexpr Index BLOCK = Index(1) << 14;
    std::vector<std::pair<float, float>> part(size_t((n + BLOCK - 1) / BLOCK) * C);
    auto *parts = part.data();
    py::gil_scoped_release release;
    machine().each_chunk(n, BLOCK, [=](Index block, Index begin, Index end) {
      float low[C], high[C];
      for (int a = 0; a < C; ++a)
        low[a] = high[a] = y[begin * C + a];
      for (Index i = begin; i < end; ++i)
        for (int a = 0; a < C; ++a) {
          float v = y[i * C + a];
          low[a] = v < low[a] ? v : low[a];
          high[a] = v > high[a] ? v : high[a];
        }
      for (int a = 0; a < C; ++a)
        parts[block * C + a] = {low[a], high[a]};
    });
    std::vector<std::pair<float, float>> box(n ? C : 0);
    for (int a = 0; n && a < C; ++a) {
      box[a] = part[a];
      for (size_t k = a; k < part.size(); k += C)
        box[a] = {std::min(box[a].first, part[k].first), std::max(box[a].second, part[k].second)};
    }
    return box;
  });
}

} // namespace

void bind_iteration(py::module_ &m) {
  using namespace py::literals;
  m.def("deposit", &deposit, "Y"_a.noconvert(), "center"_a, "inv_h"_a, "order"_a,
        "fixed"_a.noconvert(), "charge"_a.noconvert());
  m.def("gather", &gather, "Y"_a.noconvert(), "center"_a, "inv_h"_a, "order"_a,
        "potential"_a.noconvert(), "shape"_a, "offset"_a, "self_terms"_a, "phi"_a.noconvert(),
        "grad"_a.noconvert());
  m.def("exact", &exact, "Y"_a.noconvert(), "dof"_a, "phi"_a.noconvert(), "grad"_a.noconvert());
  m.def("attract_and_step", &attract_and_step, "Y"_a.noconvert(), "indptr"_a.noconvert(),
        "indices"_a.noconvert(), "data"_a.noconvert(), "grad"_a.noconvert(), "Y_next"_a.noconvert(),
        "velocity"_a.noconvert(), "gains"_a.noconvert(), "Z"_a, "dof"_a, "exaggeration"_a,
        "momentum"_a, "learning_rate"_a, "max_step"_a, "min_gain"_a);
  m.def("divergence", &divergence, "Y"_a.noconvert(), "indptr"_a.noconvert(),
        "indices"_a.noconvert(), "data"_a.noconvert(), "dof"_a);
  m.def("extent", &extent, "Y"_a.noconvert());
}

} // namespace gputsne::cpu
