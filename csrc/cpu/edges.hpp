// P as every native operation takes it: checked once when it is made, and from then on out of reach
// of whoever holds the arrays that it came from.
#pragma once
#include "../kernels/check.hpp"
#include "native.hpp"
#include <vector>

namespace gputsne::cpu {

/// The joint probabilities as CSR arrays that nobody can write to.
class Edges {
public:
  /// Checks every offset and column; arrays that are not sealed are copied first.
  Edges(const py::array &indptr, const py::array &indices, const py::array &data);

  Index n() const { return rows; }
  Index nnz() const { return edges; }
  const py::array_t<Index> &indptr() const { return offsets; }
  const py::array_t<int32_t> &indices() const { return columns; }
  const py::array_t<float> &data() const { return weights; }

  // What the kernels read; no reference count is touched, so the GIL is not needed.
  const Index *row() const { return row_; }
  const int *column() const { return column_; }
  const float *weight() const { return weight_; }
  float largest() const { return largest_; } // weight; without edges 0

private:
  py::array_t<Index> offsets;
  py::array_t<int32_t> columns;
  py::array_t<float> weights;
  Index rows, edges;
  const Index *row_;
  const int *column_;
  const float *weight_;
  float largest_;
};

/// The first i in [0, n) that is not good, or -1.
template <class Good> Index first_bad(Index n, Good good) {
  constexpr Index BLOCK = Index(1) << 16;
  std::vector<Index> part(static_cast<size_t>((n + BLOCK - 1) / BLOCK), -1);
  Index *parts = part.data();
  machine().each_chunk(n, BLOCK, [=](Index block, Index begin, Index end) {
    bool all = true; // without a branch, for vector registers
    for (Index i = begin; i < end; ++i)
      all = all & good(i);
    for (Index i = begin; !all && i < end; ++i)
      NoteBad<Good>{good, parts + block}(i);
  });
  for (Index found : part)
    if (found >= 0)
      return found;
  return -1;
}

} // namespace gputsne::cpu
