// Order for Python: codes of the curve, and P in another order. Kernels: csrc/kernels/relabel.hpp.
#include "../kernels/relabel.hpp"
#include "packed.hpp"
#include <pybind11/stl.h>
#include <algorithm>
#include <vector>

namespace gputsne::cpu {
namespace {

py::array_t<uint32_t> curve(In<float> Y, std::vector<std::pair<float, float>> box) {
  check_shape("Y", Y, -1, -1);
  Index n = Y.shape(0);
  py::array_t<uint32_t> codes(n);
  by_axes(Y.shape(1), [&](auto c) {
    constexpr int C = decltype(c)::value;
    if (Index(box.size()) != C)
      refuse("box has ", box.size(), " axes; the map has ", C);
    Morton<C> body;
    body.Y = Y.data();
    body.code = codes.mutable_data();
    for (int a = 0; a < C; ++a) {
      float span = box[a].second - box[a].first;
      body.low[a] = box[a].first;
      body.inv_span[a] = span > 0 ? 1.f / span : 0.f;
    }
    py::gil_scoped_release release;
    machine().each(n, body);
  });
  return codes;
}

/// The inverse of an order, -1 nowhere.
std::vector<int> inverse_of(const In<int> &order) {
  Index n = order.size();
  std::vector<int> inverse(static_cast<size_t>(n), -1);
  for (Index i = 0; i < n; ++i) {
    int from = order.data()[i];
    if (from < 0 || from >= n || inverse[from] >= 0)
      refuse("order[", i, "]=", from, "; it must hold each of 0 .. ", n - 1, " once");
    inverse[from] = static_cast<int>(i);
  }
  return inverse;
}

Edges reorder(const Edges &P, In<int> given) {
  Index n = P.n();
  check_length("order", given, n);
  py::array_t<int> own = sealed<int>(n); // the caller's may change while the GIL is released
  std::copy_n(given.data(), n, inside(own));
  std::vector<int> inverse = inverse_of(own);
  const int *order = own.data();
  auto indptr = sealed<Index>(n + 1);
  auto indices = sealed<int32_t>(P.nnz());
  auto data = sealed<float>(P.nnz());
  Index *row = inside(indptr);
  row[0] = 0;
  for (Index i = 0; i < n; ++i)
    row[i + 1] = row[i] + P.row()[order[i] + 1] - P.row()[order[i]];
  MoveRow<> body{P.row(),         row,         P.column(), P.weight(), order, inverse.data(),
                 inside(indices), inside(data)};
  {
    py::gil_scoped_release release;
    machine().each_chunk(n, CHUNK, [=](Index, Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        body(i);
    });
  }
  return Edges(indptr, indices, data);
}

Packed pack(const Edges &P, In<int> given) {
  Index n = P.n();
  check_length("order", given, n);
  py::array_t<int> own = sealed<int>(n); // the caller's may change while the GIL is released
  std::copy_n(given.data(), n, inside(own));
  std::vector<int> inverse = inverse_of(own);
  return Packed(P, own.data(), inverse.data());
}

} // namespace

void bind_order(py::module_ &m) {
  using namespace py::literals;
  py::class_<Packed>(m, "Packed",
                     "P in an order of its points, 4 bytes per edge: for attract_and_step.")
      .def(py::init(&pack), "P"_a, "order"_a.noconvert(),
           R"(P: Edges; order (n,) int32 holds each of its points once, in the order of the map.)")
      .def_property_readonly("n", &Packed::n, "Number of points.")
      .def_property_readonly("nbytes", &Packed::bytes, "Bytes that it takes.");
  m.def(
      "curve", &curve, "Y"_a.noconvert(), "box"_a,
      R"(Place of each point of Y (n, c) on a Morton curve, (n,) uint32; box: what extent returns.)");
  m.def(
      "reorder", &reorder, "P"_a, "order"_a.noconvert(),
      R"(Edges with row and column i those of order[i]; order (n,) int32 holds each point once.)");
}

} // namespace gputsne::cpu
