// Placing new points for Python: checks, releases the GIL, calls.
// Kernel: csrc/kernels/placement.hpp; the calling order: gputsne/engine/placement.py.
#include "../kernels/placement.hpp"
#include "native.hpp"
#include <pybind11/stl.h>
#include <vector>

namespace gputsne::cpu {
namespace {

using Floats = std::vector<float>;

void check_axes(const char *name, size_t given, Index c) {
  if (Index(given) != c)
    refuse(name, " has ", given, " numbers; the map has ", c, " axes");
}

void check_potential(const py::array &potential, Index c, int order) {
  if (potential.ndim() != c)
    refuse("potential has shape ", shape_of(potential), "; the map has ", c, " axes");
  if (potential.size() == 0) // the sums are taken by definition
    return;
  check_aligned("potential", potential);
  for (Index a = 0; a < c; ++a)
    if (potential.shape(a) < 2 * order)
      refuse("potential has shape ", shape_of(potential), "; order ", order, " needs at least ",
             2 * order, " nodes an axis");
}

void check_ids(const In<int> &indices, Index n) {
  const int *ids = indices.data();
  Index k = indices.shape(1);
  for (Index e = 0; e < indices.size(); ++e)
    if (ids[e] < 0 || ids[e] >= n)
      refuse("indices[", e / k, ", ", e % k, "]=", ids[e], " is no point of n=", n,
             "; pass ids in [0, n)");
}

void place(In<float> Y, In<int> indices, In<float> p, In<float> potential, Floats center,
           float inv_h, int order, float far, float floor, Floats low, Floats high, float dof,
           float exaggeration, int max_iter, In<float> out) {
  check_shape("Y", Y, -1, -1);
  check_shape("indices", indices, -1, -1);
  Index n = Y.shape(0), c = Y.shape(1), m = indices.shape(0), k = indices.shape(1);
  check_shape("p", p, m, k);
  check_shape("out", out, m, c);
  check_axes("center", center.size(), c);
  check_axes("low", low.size(), c);
  check_axes("high", high.size(), c);
  check_potential(potential, c, order);
  check_ids(indices, n);
  by_axes(c, [&](auto axes) {
    by_order(order, [&](auto spline) {
      constexpr int C = decltype(axes)::value, P = decltype(spline)::value;
      Placement<C, P> body{};
      body.Y = Y.data();
      body.indices = indices.data();
      body.p = p.data();
      body.out = out.mutable_data();
      body.k = k;
      body.max_iter = max_iter;
      body.inv_dof = 1.f / dof;
      body.pull = exaggeration * (dof + 1.f) / dof;
      body.far = far;
      body.floor = floor;
      body.sum = {Y.data(), n, nullptr, nullptr, 1.f / dof, (dof + 1) / 2, dof == 1.f};
      body.field.potential = potential.size() ? potential.data() : nullptr;
      Grid<C> &grid = body.field.grid;
      grid.inv_h = inv_h;
      for (int a = 0; a < C; ++a) {
        body.low[a] = low[a];
        body.high[a] = high[a];
        grid.center[a] = center[a];
        grid.m[a] = int(potential.shape(a));
        grid.stride[a] = Index(potential.strides(a)) / Index(potential.itemsize());
      }
      py::gil_scoped_release release;
      machine().each_chunk(m, CHUNK, [=](Index, Index begin, Index end) {
        for (Index i = begin; i < end; ++i)
          body(i);
      });
    });
  });
}

} // namespace

void bind_place(py::module_ &m) {
  using namespace py::literals;
  m.def("place", &place, "Y"_a.noconvert(), "indices"_a.noconvert(), "p"_a.noconvert(),
        "potential"_a.noconvert(), "center"_a, "inv_h"_a, "order"_a, "far"_a, "floor"_a, "low"_a,
        "high"_a, "dof"_a, "exaggeration"_a, "max_iter"_a, "out"_a.noconvert(),
        R"(Places m new points on the fitted map Y (n, c), each on its own; fills out (m, c).

indices, p (m, k): fitted neighbours and their conditional probabilities; potential: nodes of the
mesh in C order, none for sums by definition; low, high (c,): the box that no point leaves. docs/math.md, "Transform".)");
}

} // namespace gputsne::cpu
