// The graph for Python: conditional, the transpose, P, its checks. Addresses, sizes, a stream.
// The arrays' shapes stand in launch.hpp; who owns them and in which order they are called:
// gputsne/backends/cuda/affinities.py; the order of symmetrize is told in
// csrc/kernels/symmetrize.hpp.
#include "bind.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

void bind_graph(py::module_ &m) {
  py::class_<Directed>(m, "Directed", py::module_local(),
                       "The directed graph that P is made of; arrays that the caller keeps alive.")
      .def(py::init([](Address indices, Address p, Index n, Index k) {
             return Directed{indices, p, n, k};
           }),
           "indices"_a, "p"_a, "n"_a, "k"_a, "indices (n, k) int32, p (n, k) float32.");
  m.def(
      "conditional",
      [](Address distances, Index n, Index k, Address perplexities, Index count, Address p,
         Address missed,
         Address stream) { conditional(distances, n, k, perplexities, count, p, missed, stream); },
      "distances"_a, "n"_a, "k"_a, "perplexities"_a, "count"_a, "p"_a, "missed"_a, "stream"_a,
      R"(p (n, k) float32 = p_j|i of distances (n, k) float32, mean over perplexities (count,) float64.

missed (n,) uint8: 1 where an entropy was out of reach.)");
  m.def(
      "count_incoming",
      [](const Directed &edges, Address incoming, Address first_bad, Address stream) {
        count_incoming(edges, incoming, first_bad, stream);
      },
      "edges"_a, "incoming"_a, "first_bad"_a, "stream"_a,
      "Adds in-degrees to incoming (n,) int64; first_bad (1,) int64, -1 before: first bad row.");
  m.def(
      "fill_incoming",
      [](const Directed &edges, Address cursor, Address transpose, Address stream) {
        fill_incoming(edges, cursor, transpose, stream);
      },
      "edges"_a, "cursor"_a, "transpose"_a, "stream"_a,
      "transpose uint64, rows in any order; cursor (n,) int64 moves from starts to ends.");
  m.def(
      "sort_rows",
      [](Address start, Index n, Index longest, Address transpose, Address scratch,
         Address stream) { sort_rows(start, n, longest, transpose, scratch, stream); },
      "start"_a, "n"_a, "longest"_a, "transpose"_a, "scratch"_a, "stream"_a,
      "Sorts each row of at most longest edges by source; scratch is as long as transpose.");
  m.def(
      "row_sizes",
      [](const Directed &edges, Address start, Address transpose, Address size, Address stream) {
        row_sizes(edges, start, transpose, size, stream);
      },
      "edges"_a, "start"_a, "transpose"_a, "size"_a, "stream"_a,
      "size (n,) int64: degrees in P; -1 - j where point j lists this one twice.");
  m.def(
      "merge_rows",
      [](const Directed &edges, Address start, Address transpose, Address indptr, Address columns,
         Address data, Index begin, Index end, Address scratch, Address stream) {
        merge_rows(edges, start, transpose, indptr, columns, data, begin, end, scratch, stream);
      },
      "edges"_a, "start"_a, "transpose"_a, "indptr"_a, "columns"_a, "data"_a, "begin"_a, "end"_a,
      "scratch"_a, "stream"_a,
      "Rows [begin, end) of P; scratch ((end - begin) (2 k + 1),) uint64.");
  m.def(
      "check_offsets",
      [](Address offsets, Index n, Index nnz, Address first_bad, Address stream) {
        check_offsets(offsets, n, nnz, first_bad, stream);
      },
      "offsets"_a, "n"_a, "nnz"_a, "first_bad"_a, "stream"_a,
      R"(first_bad (1,) int64, -1 before: first of offsets (n + 1,) int64 that is out of its place.

Offsets begin at 0, never fall and end at nnz.)");
  m.def(
      "check_points",
      [](Address points, Index count, Index n, Address first_bad, Address stream) {
        check_points(points, count, n, first_bad, stream);
      },
      "points"_a, "count"_a, "n"_a, "first_bad"_a, "stream"_a,
      "first_bad (1,) int64, -1 before: first of points (count,) int32 that is not in [0, n).");
  m.def(
      "to_half",
      [](Address data, Index nnz, float scale, Address half, Address stream) {
        to_half(data, nnz, scale, half, stream);
      },
      "data"_a, "nnz"_a, "scale"_a, "half"_a, "stream"_a,
      "half (nnz,) float16 = data scale, to nearest.");
}

} // namespace gputsne::cuda
