// Order for Python: the curve, and P in another order. Addresses, sizes, a stream.
// The arrays' shapes stand in launch.hpp; who owns them and in which order they are called:
// gputsne/backends/cuda/order.py.
#include "bind.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

void bind_order(py::module_ &m) {
  m.def(
      "curve",
      [](Address Y, Index n, int c, Floats low, Floats high, Address code, Address stream) {
        curve(Y, n, c, low, high, code, stream);
      },
      "Y"_a, "n"_a, "c"_a, "low"_a, "high"_a, "code"_a, "stream"_a,
      "code (n,) uint32: place on the Morton curve through the box low, high (c,).");
  m.def(
      "invert",
      [](Address order, Index n, Address inverse, Address stream) {
        invert(order, n, inverse, stream);
      },
      "order"_a, "n"_a, "inverse"_a, "stream"_a, "inverse[order[i]] = i, int32.");
  m.def(
      "moved_degrees",
      [](Address indptr, Address order, Index n, Address size, Address stream) {
        moved_degrees(indptr, order, n, size, stream);
      },
      "indptr"_a, "order"_a, "n"_a, "size"_a, "stream"_a,
      "size (n,) int64: degrees in the new order.");
  m.def(
      "move_edges",
      [](Address indptr, Address indices, Address data, bool half, Address order, Address inverse,
         Index n, Address new_indptr, Address new_indices, Address new_data, Address stream) {
        move_edges(indptr, indices, data, half, order, inverse, n, new_indptr, new_indices,
                   new_data, stream);
      },
      "indptr"_a, "indices"_a, "data"_a, "half"_a, "order"_a, "inverse"_a, "n"_a, "new_indptr"_a,
      "new_indices"_a, "new_data"_a, "stream"_a,
      "P with both its rows and its columns in the new order; order inside a row is kept.");
}

} // namespace gputsne::cuda
