// The neighbour search for Python. Addresses, sizes, a stream; groups of them are tuples, in the
// order of the structs of launch_neighbors.hpp. Who owns the arrays and in which order all is
// called: gputsne/neighbors/search/device_rows.py.
#include "bind.hpp"
#include "launch_neighbors.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

namespace {

using ColumnsTuple = std::tuple<Address, Address, Address, Index>;
using ListsTuple = std::tuple<Address, Index, Address, Address, Address, Address>;

Columns columns(const ColumnsTuple &t) {
  return std::apply([](Address values, Address norm, Address order,
                       Index slots) { return Columns{values, norm, order, slots}; },
                    t);
}

ListsOf lists(const ListsTuple &t) {
  return std::apply([](Address keys, Index room, Address count, Address kept, Address done,
                       Address gate) { return ListsOf{keys, room, count, kept, done, gate}; },
                    t);
}

} // namespace

void bind_neighbors(py::module_ &m) {
  m.def(
      "to_columns",
      [](Address rows, Address order, Address centre, Index d, Index padded, Index slots,
         Address out, Address norm, Address most, Address stream) {
        to_columns({rows, order, centre, d, padded, slots}, out, norm, most, stream);
      },
      "rows"_a, "order"_a, "centre"_a, "d"_a, "padded"_a, "slots"_a, "columns"_a, "norm"_a,
      "most"_a, "stream"_a,
      "Rows as columns (padded, slots) about a centre, with their squared norms (slots,).");
  m.def(
      "open_lists",
      [](Address norm, Index slots, const ListsTuple &of, Address stream) {
        open_lists(norm, slots, lists(of), stream);
      },
      "norm"_a, "slots"_a, "lists"_a, "stream"_a, "Empties the lists of candidates.");
  m.def(
      "compare_tiles",
      [](const ColumnsTuple &queries, const ColumnsTuple &database, Index padded, Address tiles,
         Address first, Address last, Index begin, Index end, Index per, int pass,
         bool by_difference, const ListsTuple &of, Address stream) {
        compare_tiles(columns(queries), columns(database), padded,
                      {tiles, first, last, begin, end, per, pass, by_difference}, lists(of),
                      stream);
      },
      "queries"_a, "database"_a, "padded"_a, "tiles"_a, "first"_a, "last"_a, "begin"_a, "end"_a,
      "per"_a, "pass_"_a, "by_difference"_a, "lists"_a, "stream"_a,
      "Adds what is below a row's gate in the tiles begin to end of its list to its candidates.");
  m.def(
      "keep_nearest",
      [](const ListsTuple &of, Index slots, Index keep, int pass, Address over, Address stream) {
        keep_nearest(lists(of), slots, keep, pass, over, stream);
      },
      "lists"_a, "slots"_a, "keep"_a, "pass_"_a, "over"_a, "stream"_a,
      "Keeps the nearest candidates of each row; over counts rows whose pass must be done again.");
  m.def(
      "direct_keys",
      [](const ListsTuple &of, const ColumnsTuple &queries, Address query_rows, Address rows,
         Index d,
         Address stream) { direct_keys(lists(of), columns(queries), query_rows, rows, d, stream); },
      "lists"_a, "queries"_a, "query_rows"_a, "rows"_a, "d"_a, "stream"_a,
      "Distances of all candidates by differences.");
  m.def(
      "rank_keys",
      [](const ListsTuple &of, const ColumnsTuple &queries, Address own, Index k, Address squared,
         Address ids, Address most, float slack, bool whole, Address unsure, Address again,
         Address stream) {
        rank_keys(lists(of), columns(queries),
                  {own, k, squared, ids, most, slack, whole, unsure, again}, stream);
      },
      "lists"_a, "queries"_a, "own"_a, "k"_a, "squared"_a, "ids"_a, "most"_a, "slack"_a, "whole"_a,
      "unsure"_a, "again"_a, "stream"_a,
      "The k nearest candidates of each query in order; again lists those that can't be sure.");
  m.def(
      "add_to_cells",
      [](Address rows, Address cell, Index n, Index d, float scale, Address sum, Address stream) {
        add_to_cells(rows, cell, n, d, scale, sum, stream);
      },
      "rows"_a, "cell"_a, "n"_a, "d"_a, "scale"_a, "sum"_a, "stream"_a,
      "Sums of the rows of each cell, as int64 of scale times them.");
  m.def(
      "count_cells",
      [](Address cell, Address rows, Index n, Address count, Address stream) {
        count_cells(cell, rows, n, count, stream);
      },
      "cell"_a, "rows"_a, "n"_a, "count"_a, "stream"_a, "How many of the rows each cell has.");
  m.def(
      "fill_cells",
      [](Address cell, Address rows, Index n, Address next, Address order, Address stream) {
        fill_cells(cell, rows, n, next, order, stream);
      },
      "cell"_a, "rows"_a, "n"_a, "next"_a, "order"_a, "stream"_a,
      "Puts each row into the next slot of its cell.");
}

} // namespace gputsne::cuda
