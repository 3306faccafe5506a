// How do set-up, transform and relabelling reach Python? Addresses, sizes, a stream, as in
// bind_iteration.cpp. The calling order of the set-up: csrc/kernels/symmetrize.hpp.
#include "bind.hpp"

namespace gputsne::cuda {
namespace {

namespace py = pybind11;
using namespace py::literals;

void bind_graph(py::module_ &m) {
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
      [](Address indices, Address p, Index n, Index k, Address incoming, Address first_bad,
         Address stream) { count_incoming({indices, p, n, k}, incoming, first_bad, stream); },
      "indices"_a, "p"_a, "n"_a, "k"_a, "incoming"_a, "first_bad"_a, "stream"_a,
      "Adds in-degrees to incoming (n,) int64; first_bad (1,) int64, -1 before: first bad row.");
  m.def(
      "fill_incoming",
      [](Address indices, Address p, Index n, Index k, Address cursor, Address transpose,
         Address stream) { fill_incoming({indices, p, n, k}, cursor, transpose, stream); },
      "indices"_a, "p"_a, "n"_a, "k"_a, "cursor"_a, "transpose"_a, "stream"_a,
      "transpose uint64, rows in any order; cursor (n,) int64 moves from starts to ends.");
  m.def(
      "sort_rows",
      [](Address start, Index n, Index longest, Address transpose, Address scratch,
         Address stream) { sort_rows(start, n, longest, transpose, scratch, stream); },
      "start"_a, "n"_a, "longest"_a, "transpose"_a, "scratch"_a, "stream"_a,
      "Sorts each row of at most longest edges by source; scratch is as long as transpose.");
  m.def(
      "row_sizes",
      [](Address indices, Address p, Index n, Index k, Address start, Address transpose,
         Address size,
         Address stream) { row_sizes({indices, p, n, k}, start, transpose, size, stream); },
      "indices"_a, "p"_a, "n"_a, "k"_a, "start"_a, "transpose"_a, "size"_a, "stream"_a,
      "size (n,) int64: degrees in P; -1 - j where point j lists this one twice.");
  m.def(
      "merge_rows",
      [](Address indices, Address p, Index n, Index k, Address start, Address transpose,
         Address indptr, Address columns, Address data, Index begin, Index end, Address scratch,
         Address stream) {
        merge_rows({indices, p, n, k}, start, transpose, indptr, columns, data, begin, end, scratch,
                   stream);
      },
      "indices"_a, "p"_a, "n"_a, "k"_a, "start"_a, "transpose"_a, "indptr"_a, "columns"_a, "data"_a,
      "begin"_a, "end"_a, "scratch"_a, "stream"_a,
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
}

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

} // namespace

void bind_setup(py::module_ &m) {
  bind_graph(m);
  bind_order(m);
  bind_select(m);
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
