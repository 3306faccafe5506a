// Neighbour lists from outside for Python. Addresses, sizes, a stream.
// The arrays' shapes stand in lists.hpp; who owns them: gputsne/backends/cuda/lists.py.
#include "bind.hpp"
#include "lists.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

void bind_lists(py::module_ &m) {
  py::class_<Given>(m, "Given", py::module_local(),
                    "Neighbour lists as they were given; arrays that the caller keeps alive.")
      .def(py::init([](Address ids, bool wide_ids, Address distances, bool wide_distances, Index n,
                       Index k) { return Given{ids, wide_ids, distances, wide_distances, n, k}; }),
           "ids"_a, "wide_ids"_a, "distances"_a, "wide_distances"_a, "n"_a, "k"_a,
           "ids (n, k) int32, or int64 if wide; distances (n, k) float32, or float64 if wide.");
  m.def(
      "farthest",
      [](const Given &lists, Address scratch, Address out, Address stream) {
        farthest(lists, scratch, out, stream);
      },
      "lists"_a, "scratch"_a, "out"_a, "stream"_a,
      "out (1,) float32 = the largest finite distance, at least 0; scratch (sum_scratch(),).");
  m.def(
      "check_lists",
      [](const Given &lists, double slack, Index begin, Index end, Address scratch, Address report,
         Address stream) { check_lists(lists, slack, begin, end, scratch, report, stream); },
      "lists"_a, "slack"_a, "begin"_a, "end"_a, "scratch"_a, "report"_a, "stream"_a,
      R"(report (6,) int64: the first row that can't be, for each way in which it can't; -1 before.

A point beyond all, an impossible distance (below -slack, too), a point twice, nobody; then how many
list nobody, and 1 where a point lists itself, both 0 before. scratch ((end - begin) 2 k,) uint64.)");
  m.def(
      "sort_lists",
      [](const Given &lists, Index keep, Index begin, Index end, Address scratch, Address ids,
         Address lengths,
         Address stream) { sort_lists(lists, keep, begin, end, scratch, ids, lengths, stream); },
      "lists"_a, "keep"_a, "begin"_a, "end"_a, "scratch"_a, "ids"_a, "lengths"_a, "stream"_a,
      "Rows [begin, end) of ids and lengths (n, keep): the nearest others, nearest first.");
  m.def(
      "check_lengths",
      [](Address distances, Index count, Address first_bad, Address stream) {
        check_lengths(distances, count, first_bad, stream);
      },
      "distances"_a, "count"_a, "first_bad"_a, "stream"_a,
      "first_bad (1,) int64, -1 before: first of distances (count,) that is below 0 or NaN.");
  m.def(
      "equal_weights",
      [](Address distances, Index n, Index k, Address p, Address stream) {
        equal_weights(distances, n, k, p, stream);
      },
      "distances"_a, "n"_a, "k"_a, "p"_a, "stream"_a,
      "p (n, k) float32: 1 / neighbours of the row, 0 where the distance is infinite.");
  m.def(
      "fixed_width",
      [](Address distances, Index n, Index k, double sigma, Address p, Address stream) {
        fixed_width(distances, n, k, sigma, p, stream);
      },
      "distances"_a, "n"_a, "k"_a, "sigma"_a, "p"_a, "stream"_a,
      "p (n, k) float32 of Gaussians of one width.");
}

} // namespace gputsne::cuda
