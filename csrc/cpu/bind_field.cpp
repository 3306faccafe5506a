// The field for Python: deposit, gather, exact, extent. Formulas: docs/math.md; the calling order:
// gputsne/engine/iteration.py.
#include "../kernels/exact.hpp"
#include "../kernels/extent.hpp"
#include "../kernels/gather.hpp"
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
  check_aligned(name, a);
  Grid<C> g;
  g.inv_h = inv_h;
  for (int k = 0; k < C; ++k) {
    if (a.shape(k) < 2 * order)
      refuse(name, " has shape ", shape_of(a), "; order ", order, " needs at least ", 2 * order,
             " nodes an axis");
    g.center[k] = center[k];
    g.m[k] = int(a.shape(k));
    g.stride[k] = Index(a.strides(k)) / Index(a.itemsize());
    if (g.stride[k] * Index(a.itemsize()) != Index(a.strides(k)))
      refuse(name, " has a stride of ", a.strides(k), " bytes, no multiple of its item");
  }
  return g;
}

void deposit(In<float> Y, Floats center, float inv_h, int order, In<Charge> fixed,
             In<float> charge) {
  check_shape("Y", Y, -1, -1);
  if (fixed.size() != charge.size())
    refuse("fixed has shape ", shape_of(fixed), ", charge ", shape_of(charge), "; they must agree");
  check_aligned("charge", charge);
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
        if (shape[k] < 2 * order || shape[k] > g.m[k])
          refuse("shape[", k, "]=", shape[k], "; order ", order, " needs at least ", 2 * order,
                 " nodes, and potential of shape ", shape_of(potential), " has ", g.m[k]);
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

/// Smallest and largest coordinate per axis; NaN where a coordinate of that axis is.
std::vector<std::pair<float, float>> extent(In<float> Y) {
  check_shape("Y", Y, -1, -1);
  Index n = Y.shape(0);
  const float *y = Y.data();
  return by_axes(Y.shape(1), [&](auto c) {
    constexpr int C = decltype(c)::value;
    constexpr Index BLOCK = Index(1) << 14;
    std::vector<Box<C>> part(static_cast<size_t>((n + BLOCK - 1) / BLOCK));
    auto *parts = part.data();
    Box<C> all = Box<C>::none();
    {
      py::gil_scoped_release release;
      machine().each_chunk(n, BLOCK, [=](Index block, Index begin, Index end) {
        PointBox<C> point{y};
        Box<C> box = Box<C>::none();
        for (Index i = begin; i < end; ++i)
          box = box + point(i);
        parts[block] = box;
      });
      for (const Box<C> &box : part)
        all = all + box;
    }
    std::vector<std::pair<float, float>> out;
    for (int a = 0; n && a < C; ++a)
      out.emplace_back(all.low[a], all.high[a]);
    return out;
  });
}

} // namespace

void bind_field(py::module_ &m) {
  using namespace py::literals;
  m.def("deposit", &deposit, "Y"_a.noconvert(), "center"_a, "inv_h"_a, "order"_a,
        "fixed"_a.noconvert(), "charge"_a.noconvert(),
        R"(Fills charge (M0, ..) float32 with the spline weights of all points Y (n, c) float32.

center (c,): map coordinates of node M // 2 of every axis; inv_h: nodes per map unit; order: of the
spline, 4 or 6. fixed: uint64 of charge's shape, zero before and after; it makes the sums exact.)");
  m.def("gather", &gather, "Y"_a.noconvert(), "center"_a, "inv_h"_a, "order"_a,
        "potential"_a.noconvert(), "shape"_a, "offset"_a, "self_terms"_a, "phi"_a.noconvert(),
        "grad"_a.noconvert(),
        R"(Fills phi (n,) and grad (n, c) from the mesh, float32; returns Z in float64.

potential: float32, any strides but along the last axis, of which the first shape (c,) nodes are the
mesh; offset: constant that the mesh lacks, per point; self_terms (c + 1,): cosine series of a
point's own image. The rest as in deposit. docs/math.md (2) and (10).)");
  m.def("exact", &exact, "Y"_a.noconvert(), "dof"_a, "phi"_a.noconvert(), "grad"_a.noconvert(),
        R"(Fills phi (n,) and grad (n, c) by definition, O(n^2); returns Z. docs/math.md (2).)");
  m.def(
      "extent", &extent, "Y"_a.noconvert(),
      R"([(smallest, largest)] coordinate per axis of Y (n, c); both NaN where one is; [] for n = 0.)");
}

} // namespace gputsne::cpu
