// Placing new points for Python. Addresses, sizes, a stream.
// The arrays' shapes stand in launch.hpp; who owns them and in which order they are called:
// gputsne/backends/cuda/place.py.
#include "bind.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

void bind_place(py::module_ &m) {
  py::class_<Fitted>(m, "Fitted", py::module_local(),
                     "A fitted map and its field; arrays that the caller keeps alive.")
      .def(py::init([](Address Y, Index n, int c, float dof, Address potential, Floats center,
                       float inv_h, int order, Shape shape, float far, float floor, Floats low,
                       Floats high) {
             return Fitted{Y,   n,     c,   dof, potential, {center, inv_h, order, shape},
                           far, floor, low, high};
           }),
           "Y"_a, "n"_a, "c"_a, "dof"_a, "potential"_a, "center"_a, "inv_h"_a, "order"_a, "shape"_a,
           "far"_a, "floor"_a, "low"_a, "high"_a,
           "Y (n, c) float32; potential (shape) float32, or 0 for sums by definition.");
  py::class_<Query>(m, "Query", py::module_local(),
                    "New points and what they are placed by; arrays that the caller keeps alive.")
      .def(py::init(
               [](Address indices, Address p, Index count, Index k, float exaggeration,
                  int max_iter) { return Query{indices, p, count, k, exaggeration, max_iter}; }),
           "indices"_a, "p"_a, "m"_a, "k"_a, "exaggeration"_a, "max_iter"_a,
           "indices (m, k) int32 in [0, n), p (m, k) float32.");
  m.def(
      "place",
      [](const Fitted &map, const Query &query, Address out, Address stream) {
        place(map, query, out, stream);
      },
      "map"_a, "query"_a, "out"_a, "stream"_a,
      "Places new points on the fitted map, each on its own; fills out (m, c) float32.");
}

} // namespace gputsne::cuda
