// The graph for Python: conditional, symmetrize, and Edges, which is P checked once.
// Kernels: perplexity.hpp, symmetrize.hpp and check.hpp in csrc/kernels. Twin:
// gputsne/backends/numpy/graph.py.
#include "../kernels/perplexity.hpp"
#include "../kernels/symmetrize.hpp"
#include "edges.hpp"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

namespace gputsne::cpu {
namespace {

/// Edges between two looks at the signal flag: 0.3 s of the slowest stage on one thread.
constexpr Index SLICE_EDGES = Index(1) << 22;
/// Bands of the transpose; each costs 8 bytes per point, the transpose 8 k.
constexpr int BANDS_MAX = 8;
/// Edges of the transpose that are there at a time, 8 bytes each: of a larger one as many parts are
/// made, one after the other, as keep to this number, but no more than PARTS_MAX, since each of
/// them reads the whole graph. planning/memory.py counts them.
constexpr Index PART_EDGES = Index(1) << 24, PARTS_MAX = 6;

/// f(begin, end) for consecutive slices of [0, n) without the GIL; Ctrl-C is honoured in between.
template <class F> void sliced(Index n, Index edges_per_row, F f) {
  Index rows = std::max<Index>(1, SLICE_EDGES / std::max<Index>(1, edges_per_row));
  for (Index begin = 0; begin < n; begin += rows) {
    {
      py::gil_scoped_release release;
      f(begin, std::min(begin + rows, n));
    }
    if (PyErr_CheckSignals() != 0)
      throw py::error_already_set();
  }
}

/// Runs body(i) for the rows of [begin, end), chunks dealt out to threads.
template <class Body> void rows(const Cpu &machine, Index begin, Index end, const Body &body) {
  machine.each_chunk(end - begin, CHUNK, [=](Index, Index from, Index to) {
    for (Index i = from; i < to; ++i)
      body(begin + i);
  });
}

Index conditional(In<float> distances, In<double> perplexities, In<float> p_out) {
  check_shape("distances", distances, -1, -1);
  check_aligned("perplexities", perplexities);
  if (perplexities.ndim() != 1 || perplexities.size() == 0)
    refuse("perplexities has shape ", shape_of(perplexities), "; pass at least one, (q,)");
  for (Index q = 0; q < perplexities.size(); ++q)
    if (!(perplexities.data()[q] >= 1 && std::isfinite(perplexities.data()[q])))
      refuse("perplexities[", q, "]=", perplexities.data()[q],
             "; pass finite values of at least 1");
  check_shape("p_out", p_out, distances.shape(0), distances.shape(1));
  check_apart("p_out", p_out, "distances", distances, "perplexities", perplexities);
  Index n = distances.shape(0), k = distances.shape(1), unreached = 0;
  std::vector<uint8_t> missed(static_cast<size_t>(n));
  Conditional body{distances.data(),         k,
                   perplexities.data(),      perplexities.size(),
                   writable("p_out", p_out), missed.data()};
  Cpu machine = cpu::machine();
  sliced(n, k * perplexities.size(),
         [&](Index begin, Index end) { rows(machine, begin, end, body); });
  for (uint8_t row : missed)
    unreached += row;
  return unreached;
}

/// Bands of consecutive rows, and a counter (bands, n) per band and column of the graph.
struct Bands {
  int count;
  Index n;
  py::array_t<Index> counters;
  Index *first;
  Index *of(int band) const { return first + band * n; }

  Bands(int threads, Index n)
      : count(std::max(1, std::min(threads, BANDS_MAX))), n(n), counters(count * n),
        first(counters.mutable_data()) {
    std::fill_n(first, count * n, Index(0));
  }

  /// body(band)(i) for every row, each band in the order of its rows.
  template <class Make> void each(const Cpu &machine, Index k, Make make) {
    Index length = (n + count - 1) / count;
    sliced(length, k * count, [&](Index begin, Index end) {
      machine.each_chunk(count, 1, [&](Index band, Index, Index) {
        auto body = make(static_cast<int>(band));
        for (Index i = band * length + begin; i < std::min(band * length + end, n); ++i)
          body(i);
      });
    });
  }
};

[[noreturn]] void refuse_row(const In<int32_t> &indices, const In<float> &p, Index i) {
  Index n = indices.shape(0), k = indices.shape(1);
  DirectedEdges edges{indices.data(), p.data(), n, k};
  Index e = edges.begin(i);
  while (edges.valid(i, e))
    ++e;
  Index j = e - edges.begin(i);
  int32_t point = indices.data()[e];
  if (point == i)
    refuse("indices[", i, ", ", j, "]=", point,
           " is the point itself; leave it out of its own list");
  if (point < 0 || point >= n)
    refuse("indices[", i, ", ", j, "]=", point, " is no point of n=", n, "; pass ids in [0, n)");
  refuse("p[", i, ", ", j, "]=", p.data()[e], "; pass finite probabilities, 0 or more");
}

/// Turns the degrees in offsets[from + 1..to] into row offsets that go on from offsets[from]; a
/// negative one reports a repeated neighbour.
Index scan_sizes(Index *offsets, Index from, Index to) {
  for (Index i = from; i < to; ++i) {
    if (offsets[i + 1] < 0)
      refuse("indices[", -1 - offsets[i + 1], "] lists point ", i,
             " twice; pass each neighbour once");
    if (offsets[i + 1] > std::numeric_limits<Index>::max() - offsets[i])
      refuse("sizes add up to more than 2^63 - 1 at row ", i, "; pass degrees");
    offsets[i + 1] += offsets[i];
  }
  return offsets[to];
}

/// Row offsets (n + 1,) from sizes (n,): the scan of symmetrize, alone, so that tests can pass
/// 2^31.
py::array_t<Index> row_offsets(const In<Index> &sizes) {
  check_aligned("sizes", sizes);
  py::array_t<Index> offsets(sizes.size() + 1);
  std::copy_n(sizes.data(), sizes.size(), offsets.mutable_data() + 1);
  offsets.mutable_data()[0] = 0;
  scan_sizes(offsets.mutable_data(), 0, sizes.size());
  return offsets;
}

/// FillIncoming for the points of [from, to) alone.
struct FillPart {
  FillIncoming all;
  Index from, to;
  HD void operator()(Index i) const {
    const DirectedEdges &edges = all.edges;
    for (Index e = edges.begin(i); e < edges.begin(i + 1); ++e) {
      int32_t j = edges.neighbor[e];
      if (j >= from && j < to && edges.p[e] > 0)
        all.transpose[fetch_add(all.cursor + j)] = pack_edge(static_cast<int32_t>(i), edges.p[e]);
    }
  }
};

/// Rows of the transpose that are made at a time: the end of the part that begins at `from`, of at
/// most `most` edges but for a row that alone has more.
Index part_end(const Index *start, Index n, Index from, Index most) {
  const Index *end = std::upper_bound(start + from + 1, start + n + 1, start[from] + most);
  return std::max<Index>(from + 1, end - start - 1);
}

py::tuple symmetrize_in(const In<int32_t> &indices, const In<float> &p, Index part_edges) {
  check_shape("indices", indices, -1, -1);
  check_shape("p", p, indices.shape(0), indices.shape(1));
  Index n = indices.shape(0), k = indices.shape(1);
  if (n > std::numeric_limits<int32_t>::max())
    refuse("indices has n=", n, " rows; column numbers are int32, so n must be below 2^31");
  DirectedEdges edges{indices.data(), p.data(), n, k};
  Cpu machine = cpu::machine();

  // 1. In-degrees by band, and with them where each band writes in each row of the transpose.
  py::array_t<Index> starts(n + 1), offsets = sealed<Index>(n + 1);
  Index *start = starts.mutable_data(), *indptr = inside(offsets), total = 0;
  Bands bands(machine.threads, n);
  std::vector<Index> bad(static_cast<size_t>(bands.count), -1);
  bands.each(machine, k, [&](int band) {
    return CountIncoming{edges, bands.of(band), &bad[static_cast<size_t>(band)]};
  });
  for (Index row : bad)
    if (row >= 0)
      refuse_row(indices, p, row);
  for (Index j = 0; j < n; ++j) {
    start[j] = total;
    for (int band = 0; band < bands.count; ++band)
      total += std::exchange(bands.of(band)[j], total);
  }
  start[n] = total;

  Growing<int32_t> columns;
  Growing<float> data;
  indptr[0] = 0;
  const Index most = std::min(total, std::max(part_edges, (total + PARTS_MAX - 1) / PARTS_MAX));
  py::array_t<uint64_t> transposed;
  for (Index from = 0, to; from < n; from = to) {
    to = part_end(start, n, from, most);
    // Places are counted from the part's first.
    const Index first = start[from], size = start[to] - first;
    for (Index j = from; j <= to; ++j)
      start[j] -= first;
    for (int band = 0; band < bands.count; ++band)
      for (Index j = from; j < to; ++j)
        bands.of(band)[j] -= first;

    // 2. The part's rows of the transpose, each sorted by source.
    if (size > transposed.size()) {
      transposed = py::array_t<uint64_t>();
      transposed = py::array_t<uint64_t>(size);
    }
    uint64_t *transpose = transposed.mutable_data();
    bands.each(machine, k,
               [&](int band) { return FillPart{{edges, bands.of(band), transpose}, from, to}; });

    // 3. Degrees of P, their scan, and the union of both directions.
    RowSizes sizes{edges, start, transpose, indptr + 1};
    sliced(to - from, 2 * k,
           [&](Index begin, Index end) { rows(machine, from + begin, from + end, sizes); });
    Index nnz = scan_sizes(indptr, from, to);
    MergeRow merge{edges, start, transpose, indptr, columns.room(nnz), data.room(nnz)};
    sliced(to - from, 2 * k, [&](Index begin, Index end) { // memory here: nothing may be thrown
      std::vector<uint64_t> scratch(static_cast<size_t>(chunks(end - begin) * (2 * k + 1)));
      machine.each_chunk(end - begin, CHUNK, [&](Index chunk, Index own, Index last) {
        for (Index i = begin + own; i < begin + last; ++i)
          merge(from + i, scratch.data() + chunk * (2 * k + 1));
      });
    });
    start[to] += first; // where the next part begins
  }
  return py::make_tuple(offsets, columns.array(), data.array());
}

py::tuple symmetrize(const In<int32_t> &indices, const In<float> &p) {
  return symmetrize_in(indices, p, PART_EDGES);
}

/// The array itself where only this module can write to it, else a copy that is so.
template <class T> py::array_t<T> own(const char *name, const py::array &a) {
  if (!py::isinstance<py::array_t<T>>(a) || a.ndim() != 1)
    refuse(name, " has dtype ", py::str(a.dtype()).cast<std::string>(), " and shape ", shape_of(a),
           ", needs ", py::str(py::dtype::of<T>()).cast<std::string>(), " and one axis");
  if (is_sealed(a))
    return py::reinterpret_borrow<py::array_t<T>>(a);
  auto from = py::array_t<T, py::array::c_style | py::array::forcecast>::ensure(a);
  if (!from) // numpy could not copy it
    throw std::bad_alloc();
  py::array_t<T> copy = sealed<T>(from.size());
  std::memcpy(inside(copy), from.data(), static_cast<size_t>(from.size()) * sizeof(T));
  return copy;
}

/// The largest of the weights, 0 for none; NaN counts as none.
float largest_of(const float *weight, Index edges) {
  constexpr Index BLOCK = Index(1) << 16;
  std::vector<float> part(static_cast<size_t>((edges + BLOCK - 1) / BLOCK));
  float *parts = part.data();
  machine().each_chunk(edges, BLOCK, [=](Index block, Index begin, Index end) {
    float most = 0.f;
    for (Index e = begin; e < end; ++e)
      most = weight[e] > most ? weight[e] : most;
    parts[block] = most;
  });
  return part.empty() ? 0.f : *std::max_element(part.begin(), part.end());
}

} // namespace

Edges::Edges(const py::array &indptr, const py::array &indices, const py::array &data)
    : offsets(own<Index>("P.indptr", indptr)), columns(own<int32_t>("P.indices", indices)),
      weights(own<float>("P.data", data)), rows(offsets.size() - 1), edges(columns.size()),
      row_(offsets.data()), column_(columns.data()), weight_(weights.data()) {
  if (rows < 0 || rows > std::numeric_limits<int32_t>::max())
    refuse("P.indptr has ", rows + 1, " offsets; pass one more than there are points, below 2^31");
  check_length("P.data", weights, edges);
  Index row, edge;
  {
    py::gil_scoped_release release;
    row = first_bad(rows + 1, GoodOffset{row_, rows, edges});
    edge = first_bad(edges, GoodPoint{column_, rows});
    largest_ = largest_of(weight_, edges);
  }
  if (row >= 0)
    refuse("P.indptr[", row, "]=", row_[row], "; offsets begin at 0, never fall and end at the ",
           edges, " edges that P.indices has");
  if (edge >= 0)
    refuse("P.indices[", edge, "]=", column_[edge], " is no point of n=", rows,
           "; pass ids in [0, ", rows, ")");
}

void bind_graph(py::module_ &m) {
  py::class_<Edges>(m, "Edges",
                    R"(P as CSR, checked once: what every operation of an iteration takes.

Its arrays can be read and never written to. Arrays that symmetrize or another Edges made are kept
as they are, others are copied.)")
      .def(py::init<const py::array &, const py::array &, const py::array &>(), py::arg("indptr"),
           py::arg("indices"), py::arg("data"),
           "indptr (n + 1,) int64, indices (nnz,) int32 in [0, n), data (nnz,) float32.")
      .def_property_readonly("n", &Edges::n, "Number of points.")
      .def_property_readonly("indptr", &Edges::indptr, "Row offsets (n + 1,) int64.")
      .def_property_readonly("indices", &Edges::indices, "Columns (nnz,) int32.")
      .def_property_readonly("data", &Edges::data, "p_ij (nnz,) float32.");
  m.def("conditional", &conditional, py::arg("distances").noconvert(), py::arg("perplexities"),
        py::arg("p_out").noconvert(),
        R"(p_j|i = exp(-beta_i d_ij^2) / sum, beta_i from the entropy log(perplexity) to 1e-5.

distances (n, k) float32; perplexities (q,) float64, their conditionals are averaged; p_out (n, k)
float32 is filled. Returns the number of rows whose entropy was out of reach.)");
  m.def("symmetrize", &symmetrize, py::arg("indices").noconvert(), py::arg("p").noconvert(),
        R"(P = (p_j|i + p_i|j) / 2n as CSR: indptr (n + 1,) int64, indices int32, data float32.

indices (n, k) int32, p (n, k) float32. Symmetric to the bit; edges of weight 0 are left out.)");
  m.def("_symmetrize_in", &symmetrize_in, py::arg("indices").noconvert(), py::arg("p").noconvert(),
        py::arg("part_edges"),
        R"(symmetrize with a transpose of so many edges at a time, which tests make few.

indices (n, k) int32, p (n, k) float32.)");
  m.def("_row_offsets", &row_offsets, py::arg("sizes"),
        "Exclusive scan (n + 1,) of sizes (n,), int64.");
}

} // namespace gputsne::cpu
