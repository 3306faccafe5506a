// Rows as a metric's vectors, and distances in its unit, for Python. Addresses, sizes, a stream.
// The arrays' shapes stand in metric.hpp; who owns them: gputsne/backends/cuda/neighbors.py.
#include "bind.hpp"
#include "metric.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

void bind_metric(py::module_ &m) {
  m.def(
      "own_unit",
      [](Address squared, Index count, int unit, double factor, Address out, Address stream) {
        own_unit(squared, count, unit, factor, out, stream);
      },
      "squared"_a, "count"_a, "unit"_a, "factor"_a, "out"_a, "stream"_a,
      R"(out (count,) float32 = squared distances in a metric's own unit.

unit 0: as they are, over factor squared; 1: their root, over factor; 2: half of them, at most 2.)");
  m.def(
      "check_near",
      [](Address squared, Address ids, Index rows, Index k, double reach, Address first_bad,
         Address stream) { check_near(squared, ids, rows, k, reach, first_bad, stream); },
      "squared"_a, "ids"_a, "m"_a, "k"_a, "reach"_a, "first_bad"_a, "stream"_a,
      R"(first_bad (1,) int64, -1 before: the first query that float32 can't tell the nearest of.

Farther than reach from the nearest of (m, k), or with an id of -1.)");
  m.def(
      "row_lengths",
      [](Address rows, Index n, int d, Address out, Address stream) {
        row_lengths(rows, n, d, out, stream);
      },
      "rows"_a, "n"_a, "d"_a, "out"_a, "stream"_a,
      "out (n,) float64 = squared lengths of rows (n, d) float32.");
  m.def(
      "unit_rows",
      [](Address rows, Index n, int d, bool centred, Address out, Address stream) {
        unit_rows(rows, n, d, centred, out, stream);
      },
      "rows"_a, "n"_a, "d"_a, "centred"_a, "out"_a, "stream"_a,
      "out (n, d + 1) float32 = unit vectors; the last is 1 for rows without direction.");
  m.def(
      "bound_rows",
      [](Address rows, Index n, int d, double bound, Address out, Address stream) {
        bound_rows(rows, n, d, bound, out, stream);
      },
      "rows"_a, "n"_a, "d"_a, "bound"_a, "out"_a, "stream"_a,
      "out (n, d + 1) float32 = rows, and the root of what they lack of bound; 0 if it is below "
      "0.");
}

} // namespace gputsne::cuda
