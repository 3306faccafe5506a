// Placing new points for Python: checks, releases the GIL, calls.
// Kernel: csrc/kernels/placement.hpp; the calling order: gputsne/engine/placement.py.
#include "../kernels/placement.hpp"
#include "native.hpp"
#include <pybind11/stl.h>
#include <vector>

namespace gputsne::cpu {
namespace {

/// A fitted map and its field: gputsne.base.types.Reference.
struct Fitted {
  In<float> Y; // (n, c)
  float dof;
  In<float> potential; // mesh.shape; empty where phi is summed by definition
  Mesh mesh;
  float offset, rounding_floor;
  Floats low, high; // (c,) the box that no new point leaves
};

/// New points: fitted neighbours and their conditional probabilities.
struct Query {
  In<int> indices; // (m, k) in [0, n)
  In<float> p;     // (m, k)
  float exaggeration;
  int max_iter;
};

void check_potential(const py::array &potential, const Mesh &mesh) {
  check_aligned("potential", potential);
  if (potential.ndim() != py::ssize_t(mesh.shape.size()))
    refuse("potential has shape ", shape_of(potential), "; the map has ", mesh.shape.size(),
           " axes");
  for (py::ssize_t a = 0; a < potential.ndim(); ++a)
    if (potential.shape(a) != mesh.shape[size_t(a)])
      refuse("potential has shape ", shape_of(potential), ", needs the mesh's ",
             shape_of(mesh.shape));
}

void check_ids(const In<int> &indices, Index n) {
  const int *ids = indices.data();
  Index k = indices.shape(1);
  for (Index e = 0; e < indices.size(); ++e)
    if (ids[e] < 0 || ids[e] >= n)
      refuse("indices[", e / k, ", ", e % k, "]=", ids[e], " is no point of n=", n,
             "; pass ids in [0, n)");
}

void place(const Fitted &map, const Query &query, In<float> out) {
  check_shape("Y", map.Y, -1, -1);
  check_shape("indices", query.indices, -1, -1);
  Index n = map.Y.shape(0), c = map.Y.shape(1);
  Index m = query.indices.shape(0), k = query.indices.shape(1);
  check_shape("p", query.p, m, k);
  check_shape("out", out, m, c);
  check_axes("low", map.low, c);
  check_axes("high", map.high, c);
  map.mesh.check(c);
  check_potential(map.potential, map.mesh);
  check_apart("out", out, "Y", map.Y, "indices", query.indices, "p", query.p, "potential",
              map.potential);
  check_ids(query.indices, n);
  by_axes(c, [&](auto axes) {
    by_order(map.mesh.order, [&](auto spline) {
      constexpr int C = decltype(axes)::value, P = decltype(spline)::value;
      auto body = Placement<C, P>::of(map.Y.data(), n, map.dof, query.exaggeration);
      body.indices = query.indices.data();
      body.p = query.p.data();
      body.out = writable("out", out);
      body.k = k;
      body.max_iter = query.max_iter;
      body.far = map.offset;
      body.floor = map.rounding_floor;
      body.field.grid.inv_h = map.mesh.inv_h; // the shortest step, whatever phi is summed from
      if (map.potential.size()) {
        body.field.potential = map.potential.data();
        body.field.grid = map.mesh.grid<C>(c_order(map.mesh.shape));
      }
      for (int a = 0; a < C; ++a) {
        body.low[a] = map.low[a];
        body.high[a] = map.high[a];
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
  py::class_<Fitted>(m, "Fitted", "A fitted map and its field: gputsne.base.types.Reference.")
      .def(
          py::init<In<float>, float, In<float>, Mesh, float, float, Floats, Floats>(),
          "Y"_a.noconvert(), "dof"_a, "potential"_a.noconvert(), "mesh"_a, "offset"_a,
          "rounding_floor"_a, "low"_a, "high"_a,
          R"(Y (n, c) float32; potential (mesh.shape) float32 in C order, empty for sums by definition.

offset: what phi has beside the mesh; rounding_floor: what can't be told from 0; low, high (c,): the
box that no new point leaves.)");
  py::class_<Query>(m, "Query", "New points on a fitted map.")
      .def(py::init<In<int>, In<float>, float, int>(), "indices"_a.noconvert(), "p"_a.noconvert(),
           "exaggeration"_a, "max_iter"_a,
           R"(indices (m, k) int32 in [0, n): fitted neighbours; p (m, k) float32: their p_j|i.

exaggeration: factor on the attraction; max_iter: evaluations of the objective after the start.)");
  m.def(
      "place", &place, "map"_a, "query"_a, "out"_a.noconvert(),
      R"(Places the new points of a Query on a Fitted map, each on its own; fills out (m, c) float32.

docs/math.md, "Transform".)");
}

} // namespace gputsne::cpu
