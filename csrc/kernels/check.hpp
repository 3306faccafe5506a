// Checks of offsets and row numbers that came from outside, one by one where they enter, so that no
// iteration has to: afterwards nothing can lead out of an array.
#pragma once
#include "machine.hpp"

namespace gputsne {

/// Offset i of n rows that lie one after the other in [0, nnz].
struct GoodOffset {
  const Index *offsets; // (n + 1,)
  Index n, nnz;
  HD bool operator()(Index i) const {
    Index at = offsets[i], least = i ? offsets[i - 1] : 0;
    return at >= least && at <= nnz && (i > 0 || at == 0) && (i < n || at == nnz);
  }
};

/// The number of one of n points.
struct GoodPoint {
  const int *points;
  Index n;
  HD bool operator()(Index e) const { return points[e] >= 0 && points[e] < n; }
};

/// Keeps the first i that is not good; -1 while there is none.
template <class Good> struct NoteBad {
  Good good;
  Index *first_bad;
  HD void operator()(Index i) const {
    if (!good(i))
      store_min_index(first_bad, i);
  }
};

} // namespace gputsne
