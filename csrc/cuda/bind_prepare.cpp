// X before and after its preparation, for Python. Addresses, sizes, a stream.
// The arrays' shapes stand in prepare.hpp; who owns them: gputsne/backends/cuda/device_table.py.
#include "bind.hpp"
#include "prepare.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

void bind_prepare(py::module_ &m) {
  m.def(
      "check_finite",
      [](Address X, bool wide, Index count, Address first_bad, Address stream) {
        check_finite(X, wide, count, first_bad, stream);
      },
      "X"_a, "wide"_a, "count"_a, "first_bad"_a, "stream"_a,
      "first_bad (1,) int64, -1 before: first of X (count,) that is NaN or infinite.");
  m.def(
      "check_equal",
      [](Address rows, Index n, int d, Address first_bad, Address stream) {
        check_equal(rows, n, d, first_bad, stream);
      },
      "rows"_a, "n"_a, "d"_a, "first_bad"_a, "stream"_a,
      "first_bad (1,) int64, -1 before: first of rows (n, d) float32 that is not that of row 0.");
  m.def(
      "column_ranges",
      [](const Rows &rows, Address scratch, Address out, Address stream) {
        column_ranges(rows, scratch, out, stream);
      },
      "rows"_a, "scratch"_a, "out"_a, "stream"_a,
      "out (2, d) float64: lowest and highest of each column; scratch (2, column_scratch(n, d)).");
  m.def(
      "column_moments",
      [](const Rows &rows, Address scratch, Address out, Address stream) {
        column_moments(rows, scratch, out, stream);
      },
      "rows"_a, "scratch"_a, "out"_a, "stream"_a,
      "out (2, d) float64: mean of each column, sum of squares about it; scratch as above.");
  m.def(
      "prepare_rows",
      [](const Rows &rows, Address out, Address stream) { prepare_rows(rows, out, stream); },
      "rows"_a, "out"_a, "stream"_a, "out (n, d) float32: the rows centred and scaled.");
  m.def(
      "project_rows",
      [](const Rows &rows, Address axes, int c, Address out, Address stream) {
        project_rows(rows, axes, c, out, stream);
      },
      "rows"_a, "axes"_a, "c"_a, "out"_a, "stream"_a,
      "out (n, c) float32: the rows, centred and scaled, on axes (d, c) float64.");
  m.def(
      "take_rows",
      [](Address from, Index n, Index words, Address rows, Index step, Address out,
         Address stream) { take_rows(from, n, words, rows, step, out, stream); },
      "source"_a, "n"_a, "words"_a, "rows"_a, "step"_a, "out"_a, "stream"_a,
      "Row i of out is row rows[i] of source, or row i step where rows is 0; words of 4 bytes.");
}

} // namespace gputsne::cuda
