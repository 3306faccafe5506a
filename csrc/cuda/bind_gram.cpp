// PCA's sums over rows for Python. Addresses, sizes, a stream.
// The arrays' shapes stand in gram.hpp; who owns them: gputsne/backends/cuda/gram.py.
#include "bind.hpp"
#include "gram.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

void bind_gram(py::module_ &m) {
  py::class_<Rows>(m, "Rows", py::module_local(),
                   "Rows of X and how they are centred; arrays that the caller keeps alive.")
      .def(py::init([](Address X, bool wide, Index n, int d, Address fill, Address mean,
                       Address scale,
                       double factor) { return Rows{X, wide, n, d, fill, mean, scale, factor}; }),
           "X"_a, "wide"_a, "n"_a, "d"_a, "fill"_a, "mean"_a, "scale"_a, "factor"_a,
           "X (n, d) float32, or float64 if wide; fill, mean and scale (d,) float64, or 0.");
  m.def("column_scratch", &column_scratch, "n"_a, "d"_a,
        "float64 numbers of add_columns' scratch.");
  m.def("gram_scratch", &gram_scratch, "n"_a, "d"_a, "float64 numbers of add_gram's scratch.");
  m.def(
      "add_columns",
      [](const Rows &rows, Address scratch, Address sum, Address stream) {
        add_columns(rows, scratch, sum, stream);
      },
      "rows"_a, "scratch"_a, "sum"_a, "stream"_a,
      "Adds the sums of the columns to sum (d,) float64.");
  m.def(
      "add_gram",
      [](const Rows &rows, Address scratch, Address gram, Address stream) {
        add_gram(rows, scratch, gram, stream);
      },
      "rows"_a, "scratch"_a, "gram"_a, "stream"_a,
      "Adds the sums of products of two columns to gram (d, d) float64.");
  m.def(
      "scores",
      [](const Rows &rows, Address axes, int c, Address out, Address stream) {
        scores(rows, axes, c, out, stream);
      },
      "rows"_a, "axes"_a, "c"_a, "out"_a, "stream"_a,
      "out (n, c) float64: scores of the rows on axes (c, d) float64; c of 1, 2 or 3.");
}

} // namespace gputsne::cuda
