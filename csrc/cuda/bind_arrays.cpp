// Whole arrays for Python: filled, put in another order, added up, sorted. Addresses, sizes, a
// stream. The arrays' shapes stand in arrays.hpp; who owns them: gputsne/backends/cuda/arrays.py.
#include "bind.hpp"
#include "arrays.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

void bind_arrays(py::module_ &m) {
  m.def(
      "fill",
      [](Address out, Index count, int bytes, uint64_t value, Address stream) {
        fill(out, count, bytes, value, stream);
      },
      "out"_a, "count"_a, "bytes"_a, "value"_a, "stream"_a,
      "out (count,) of 4 or 8 bytes each becomes value, whose lowest bytes count.");
  m.def(
      "take",
      [](Address from, Index n, int columns, Address order, Index step, Address out,
         Address stream) { take(from, n, columns, order, step, out, stream); },
      "source"_a, "n"_a, "columns"_a, "order"_a, "step"_a, "out"_a, "stream"_a,
      R"(Row i of out is row order[i] of source, or row i step where order is 0.

Rows have 1, 2 or 3 words of 4 bytes; order (n,) int32.)");
  m.def(
      "scatter",
      [](Address from, Index n, int columns, Address order, Address out, Address stream) {
        scatter(from, n, columns, order, out, stream);
      },
      "source"_a, "n"_a, "columns"_a, "order"_a, "out"_a, "stream"_a,
      "Row order[i] of out is row i of source; as in take.");
  m.def("scan_scratch", &scan_scratch, "n"_a, "int64 numbers that the scratch of scan holds.");
  m.def("sort_scratch", &sort_scratch, "n"_a, "int64 numbers that the scratch of sort holds.");
  m.def(
      "scan",
      [](Address values, Index n, Address scratch, Address stream) {
        scan(values, n, scratch, stream);
      },
      "values"_a, "n"_a, "scratch"_a, "stream"_a,
      "Each of values (n,) int64 becomes the sum of those before it.");
  m.def(
      "sort",
      [](Address words, Address other, Index n, int low, int bits, Address scratch,
         Address stream) { sort(words, other, n, low, bits, scratch, stream); },
      "words"_a, "other"_a, "n"_a, "low"_a, "bits"_a, "scratch"_a, "stream"_a,
      R"(words (n,) uint64 ascend by their bits from low on, equals in their order.

bits is rounded up to bytes; other (n,) is scratch.)");
  m.def(
      "order_of",
      [](Address code, Index n, Address words, Address scratch, Address order, Address stream) {
        order_of(code, n, words, scratch, order, stream);
      },
      "code"_a, "n"_a, "words"_a, "scratch"_a, "order"_a, "stream"_a,
      R"(order (n,) int32 sorts code (n,) uint32, equals in their order.

words (2, n) uint64 and scratch (sort_scratch(n),) are scratch.)");
  m.def(
      "long_rows",
      [](Address indptr, Index n, Index longest, Address place, Address scratch, Address stream) {
        long_rows(indptr, n, longest, place, scratch, stream);
      },
      "indptr"_a, "n"_a, "longest"_a, "place"_a, "scratch"_a, "stream"_a,
      R"(place (n + 1,) int64, zero before: rows longer than longest before each, and in all.

scratch (scan_scratch(n + 1),))");
  m.def(
      "list_long_rows",
      [](Address indptr, Address place, Index n, Address row, Address begin, Address end,
         Address stream) { list_long_rows(indptr, place, n, row, begin, end, stream); },
      "indptr"_a, "place"_a, "n"_a, "row"_a, "begin"_a, "end"_a, "stream"_a,
      "The rows that long_rows counted, int32, and where they begin and end, int64.");
  m.def(
      "count",
      [](Address flags, Index n, Address scratch, Address out, Address stream) {
        count(flags, n, scratch, out, stream);
      },
      "flags"_a, "n"_a, "scratch"_a, "out"_a, "stream"_a,
      "out (1,) int64 = sum of flags (n,) uint8; scratch (sum_scratch(),) int64.");
  m.def(
      "mass",
      [](Address values, Index n, bool half, Address scratch, Address out, Address stream) {
        mass(values, n, half, scratch, out, stream);
      },
      "values"_a, "n"_a, "half"_a, "scratch"_a, "out"_a, "stream"_a,
      "out (1,) float64 = sum of values (n,) float32, or float16; scratch (sum_scratch(),).");
  m.def(
      "largest",
      [](Address values, Index n, Address scratch, Address out, Address stream) {
        largest(values, n, scratch, out, stream);
      },
      "values"_a, "n"_a, "scratch"_a, "out"_a, "stream"_a,
      "out (1,) float32 = the largest of values (n,), -inf of none; scratch (sum_scratch(),).");
  m.def(
      "check_not_negative",
      [](Address values, Index n, Address first_bad, Address stream) {
        check_not_negative(values, n, first_bad, stream);
      },
      "values"_a, "n"_a, "first_bad"_a, "stream"_a,
      "first_bad (1,) int64, -1 before: first of values (n,) int64 that is below 0.");
  m.def(
      "recentre",
      [](Address Y, Index n, int c, Address scratch, Address stream) {
        recentre(Y, n, c, scratch, stream);
      },
      "Y"_a, "n"_a, "c"_a, "scratch"_a, "stream"_a,
      "Moves the mean of Y (n, c) to the origin; scratch ((sum_scratch() + 1) c,) float64.");
  m.def(
      "mean",
      [](Address one, Address two, Index n, bool wide, Address stream) {
        mean(one, two, n, wide, stream);
      },
      "one"_a, "two"_a, "n"_a, "wide"_a, "stream"_a,
      "one (n,) becomes the mean of both: float32, or float64 with wide.");
  m.def(
      "crop",
      [](Address from, Shape strides, Shape shape, Address out, Shape out_strides, Address stream) {
        crop(from, strides, shape, out, out_strides, stream);
      },
      "source"_a, "strides"_a, "shape"_a, "out"_a, "out_strides"_a, "stream"_a,
      "The first nodes of every axis of a float32 grid into another; strides are in elements.");
}

} // namespace gputsne::cuda
