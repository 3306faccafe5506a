// Nearest of a tile of candidates for Python. Addresses, sizes, a stream.
// The arrays' shapes stand in launch.hpp; who owns them and in which order they are called:
// gputsne/backends/cuda/select.py.
#include "bind.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

void bind_select(py::module_ &m) {
  m.def(
      "select_append",
      [](Address squared, Index rows, Index t, Address ids, Address limit, Address count,
         Address keys, Index room, Address stream) {
        select_append(squared, rows, t, ids, limit, count, keys, room, stream);
      },
      "squared"_a, "m"_a, "t"_a, "ids"_a, "limit"_a, "count"_a, "keys"_a, "room"_a, "stream"_a,
      R"(Adds what of squared (m, t) float32 is below limit (m,) to the lists keys (m, room) uint64.

A key is the bits of the distance above and ids[column] int32 below; count (m,) int64 goes on
counting beyond room.)");
  m.def(
      "select_sort",
      [](Address count, Address keys, Address scratch, Index rows, Index room, Index k,
         Address limit,
         Address stream) { select_sort(count, keys, scratch, rows, room, k, limit, stream); },
      "count"_a, "keys"_a, "scratch"_a, "m"_a, "room"_a, "k"_a, "limit"_a, "stream"_a,
      "Sorts each list, keeps its k least and, where there are k, sets limit to the last of them.");
}

} // namespace gputsne::cuda
