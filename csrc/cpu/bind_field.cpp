// The field for Python: deposit, gather, exact, extent. Formulas: docs/math.md; the calling order:
// gputsne/engine/iteration.py.
#include "../kernels/extent.hpp"
#include "deposit_bands.hpp"
#include "exact_lanes.hpp"
#include "native.hpp"
#include "stencil_lanes.hpp"
#include <pybind11/stl.h>
#include <vector>

namespace gputsne::cpu {
namespace {

/// In elements; the kernels read whole rows.
Shape strides_of(const char *name, const py::array &a, Index c) {
  if (a.ndim() != c)
    refuse(name, " has shape ", shape_of(a), "; the map has ", c, " axes");
  if (a.strides(c - 1) != a.itemsize())
    refuse(name, " must be contiguous along its last axis");
  check_aligned(name, a);
  Shape strides;
  for (Index k = 0; k < c; ++k) {
    strides.push_back(a.strides(k) / a.itemsize());
    if (strides[k] * a.itemsize() != a.strides(k))
      refuse(name, " has a stride of ", a.strides(k), " bytes, no multiple of its item");
  }
  return strides;
}

void check_nodes(const char *name, const py::array &a, const Mesh &mesh) {
  bool good = a.ndim() == py::ssize_t(mesh.shape.size());
  for (py::ssize_t k = 0; good && k < a.ndim(); ++k)
    good = a.shape(k) == mesh.shape[size_t(k)];
  if (!good)
    refuse(name, " has shape ", shape_of(a), ", needs the mesh's ", shape_of(mesh.shape));
  check_aligned(name, a);
}

void deposit(In<float> Y, const Mesh &mesh, In<Charge> fixed, In<float> charge) {
  check_shape("Y", Y, -1, -1);
  check_nodes("fixed", fixed, mesh);
  check_nodes("charge", charge, mesh);
  check_apart("charge", charge, "Y", Y, "fixed", fixed);
  check_apart("fixed", fixed, "Y", Y);
  Index n = Y.shape(0), nodes = charge.size();
  float *out = writable("charge", charge);
  Charge *q = writable("fixed", fixed);
  by_axes(Y.shape(1), [&](auto c) {
    by_order(mesh.order, [&](auto p) {
      constexpr int C = decltype(c)::value, P = decltype(p)::value;
      Deposit<C, P> body{Y.data(), q, mesh.grid<C>(c_order(mesh.shape))};
      py::gil_scoped_release release;
      deposit_bands(machine(), body, n);
      machine().each(nodes, Pack{q, out});
    });
  });
}

double gather(In<float> Y, const Mesh &mesh, py::array_t<float> potential, float offset,
              Floats self_terms, In<float> phi, In<float> grad) {
  check_shape("Y", Y, -1, -1);
  Index n = Y.shape(0), axes = Y.shape(1);
  check_length("phi", phi, n);
  check_shape("grad", grad, n, axes);
  check_apart("phi", phi, "Y", Y, "grad", grad);
  check_apart("grad", grad, "Y", Y);
  return by_axes(axes, [&](auto c) {
    return by_order(mesh.order, [&](auto p) {
      constexpr int C = decltype(c)::value, P = decltype(p)::value;
      if (Index(self_terms.size()) != C + 1)
        refuse("self_terms has ", self_terms.size(), " numbers; ", C, " axes need ", C + 1);
      Grid<C> grid = mesh.grid<C>(strides_of("potential", potential, C));
      for (int k = 0; k < C; ++k) // the transform is longer than the mesh
        if (mesh.shape[k] > potential.shape(k))
          refuse("potential has shape ", shape_of(potential), ", needs at least the mesh's ",
                 shape_of(mesh.shape));
      Correction<C> fix;
      fix.offset_n = offset * float(n);
      for (int k = 0; k <= C; ++k)
        fix.self[k] = self_terms[k];
      Gather<C, P> body{
          Y.data(), potential.data(), writable("phi", phi), writable("grad", grad), grid, fix};
      py::gil_scoped_release release;
      if constexpr (C == 2)
        return gather_all(machine(), body, n);
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
  check_apart("phi", phi, "Y", Y, "grad", grad);
  check_apart("grad", grad, "Y", Y);
  return by_axes(Y.shape(1), [&](auto c) {
    constexpr int C = decltype(c)::value;
    auto body = Exact<C>::of(Y.data(), n, dof, writable("phi", phi), writable("grad", grad));
    py::gil_scoped_release release;
    std::vector<float> axes(static_cast<size_t>(C * n));
    for (Index i = 0; i < n; ++i)
      for (int a = 0; a < C; ++a)
        axes[static_cast<size_t>(a * n + i)] = body.Y[i * C + a];
    std::vector<double> part(chunks(n));
    if (body.student)
      return machine().sum(n, ExactLanes<C, true>{axes.data(), body}, part.data());
    return machine().sum(n, ExactLanes<C, false>{axes.data(), body}, part.data());
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
  py::class_<Mesh>(m, "Mesh", py::module_local(), "Where a mesh lies, and its spline.")
      .def(
          py::init([](Floats center, float inv_h, int order, Shape shape) {
            Mesh mesh{center, inv_h, order, shape};
            by_axes(Index(shape.size()), [&](auto c) { mesh.check(c); });
            by_order(order, [](auto) {});
            return mesh;
          }),
          "center"_a, "inv_h"_a, "order"_a, "shape"_a,
          R"(center (c,): map coordinates of node shape // 2 of every axis; inv_h: nodes per map unit.

order: of the spline, 4 or 6; shape (c,): nodes per axis.)")
      .def_readonly("order", &Mesh::order, "Of the spline.")
      .def_readonly("shape", &Mesh::shape, "Nodes per axis.");
  m.def("deposit", &deposit, "Y"_a.noconvert(), "mesh"_a, "fixed"_a.noconvert(),
        "charge"_a.noconvert(),
        R"(Fills charge (mesh.shape) float32 with the spline weights of all points Y (n, c) float32.

fixed: uint64 of charge's shape, zero before and after; it makes the sums exact.)");
  m.def(
      "gather", &gather, "Y"_a.noconvert(), "mesh"_a, "potential"_a.noconvert(), "offset"_a,
      "self_terms"_a, "phi"_a.noconvert(), "grad"_a.noconvert(),
      R"(Fills phi (n,) and grad (n, c) from the mesh, all float32 as Y (n, c); returns Z in float64.

potential: float32, any strides but along the last axis, of which the first mesh.shape nodes are
meant; offset: constant that the mesh lacks, per point; self_terms (c + 1,): cosine series of a
point's own image. docs/math.md (2) and (10).)");
  m.def("exact", &exact, "Y"_a.noconvert(), "dof"_a, "phi"_a.noconvert(), "grad"_a.noconvert(),
        R"(Fills phi (n,) and grad (n, c) by definition, O(n^2), all float32 as Y (n, c); returns Z.

docs/math.md (2).)");
  m.def(
      "extent", &extent, "Y"_a.noconvert(),
      R"([(smallest, largest)] coordinate per axis of Y (n, c) float32; both NaN where one is; [] for n = 0.)");
}

} // namespace gputsne::cpu
