// Placing new points for Python. Addresses, sizes, a stream.
// The arrays' shapes stand in launch.hpp; who owns them and in which order they are called:
// gputsne/backends/cuda/place.py.
#include "bind.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

void bind_place(py::module_ &m) {
  m.def(
      "place",
      [](Address Y, Index n, int c, float dof, Address potential, Floats center, float inv_h,
         int order, Shape shape, float far, float floor, Floats low, Floats high, Address indices,
         Address p, Index count, Index k, float exaggeration, int max_iter, Address out,
         Address stream) {
        Fitted map{Y, n, c, dof, potential, {center, inv_h, order, shape}, far, floor, low, high};
        place(map, {indices, p, count, k, exaggeration, max_iter}, out, stream);
      },
      "Y"_a, "n"_a, "c"_a, "dof"_a, "potential"_a, "center"_a, "inv_h"_a, "order"_a, "shape"_a,
      "far"_a, "floor"_a, "low"_a, "high"_a, "indices"_a, "p"_a, "count"_a, "k"_a, "exaggeration"_a,
      "max_iter"_a, "out"_a, "stream"_a,
      R"(Places new points on the fitted map Y (n, c), each on its own; fills out (count, c).

indices (count, k) int32 in [0, n), p (count, k); potential (shape), or 0 for sums by definition.)");
}

} // namespace gputsne::cuda
