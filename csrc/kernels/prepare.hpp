// X on the GPU before anything is learned from it and after: is it finite, how far do its columns
// reach, their moments; rows prepared, projected and taken. On the GPU alone; on the CPU
// gputsne/preparation. Sums are in float64, in an order that n and d decide.
#pragma once
#include "gram.hpp"

namespace gputsne {

/// A number that is neither NaN nor infinite.
template <class T> struct FiniteNumber {
  const T *values;
  HD bool operator()(Index e) const { return fabs(double(values[e])) < double(INFINITY); }
};

/// A number that is that of row 0 in its column.
struct SameRow {
  const float *rows; // (n, d)
  int d;
  HD bool operator()(Index e) const { return rows[e] == rows[e % d]; }
};

/// Lowest and highest value of a column among CHUNK rows: neighbouring threads have neighbouring
/// columns.
template <class T> struct ChunkRanges {
  Centred<T> X;
  double *low, *high; // (chunks(n), d) each
  HD void operator()(Index at) const {
    const Index chunk = at / X.d, end = (chunk + 1) * CHUNK;
    const int column = int(at % X.d);
    double least = double(INFINITY), most = -double(INFINITY);
    for (Index row = chunk * CHUNK; row < end && row < X.n; ++row) {
      const double x = X(row, column);
      least = x < least ? x : least;
      most = x > most ? x : most;
    }
    low[at] = least;
    high[at] = most;
  }
};

/// Those of all chunks, of column `at`.
struct JoinRanges {
  const double *low, *high; // (count, d) each
  Index count, d;
  double *out; // (2, d) lowest, highest
  HD void operator()(Index at) const {
    double least = double(INFINITY), most = -double(INFINITY);
    for (Index p = 0; p < count; ++p) {
      least = low[p * d + at] < least ? low[p * d + at] : least;
      most = high[p * d + at] > most ? high[p * d + at] : most;
    }
    out[at] = least;
    out[d + at] = most;
  }
};

/// Mean of a column among CHUNK rows, and sum of the squares about it.
template <class T> struct ChunkMoments {
  Centred<T> X;
  double *mean, *squares; // (chunks(n), d) each
  HD void operator()(Index at) const {
    const Index chunk = at / X.d, begin = chunk * CHUNK;
    const Index end = begin + CHUNK < X.n ? begin + CHUNK : X.n;
    const int column = int(at % X.d);
    double sum = 0, about = 0;
    for (Index row = begin; row < end; ++row)
      sum += X(row, column);
    const double middle = sum / double(end - begin);
    for (Index row = begin; row < end; ++row) {
      const double off = X(row, column) - middle;
      about += off * off;
    }
    mean[at] = middle;
    squares[at] = about;
  }
};

/// Those of all n rows, of column `at` (Chan, Golub & LeVeque 1983: moments of two sets merged).
struct JoinMoments {
  const double *mean, *squares; // (count, d) each
  Index count, n, d;            // count: chunks(n)
  double *out;                  // (2, d) means, squares
  HD void operator()(Index at) const {
    double middle = 0, about = 0;
    for (Index p = 0; p < count; ++p) {
      const Index before = p * CHUNK, more = before + CHUNK < n ? CHUNK : n - before;
      const double share = double(more) / double(before + more);
      const double shift = mean[p * d + at] - middle;
      about += squares[p * d + at] + shift * shift * (double(before) * share);
      middle += shift * share;
    }
    out[at] = middle;
    out[d + at] = about;
  }
};

/// Number e of the prepared rows.
template <class T> struct PreparedRows {
  Centred<T> X;
  float *out; // (n, d)
  HD void operator()(Index e) const { out[e] = float(X(e / X.d, int(e % X.d))); }
};

/// Number e of the rows on c axes: neighbouring threads have one row and neighbouring axes.
template <class T> struct ProjectedRows {
  Centred<T> X;
  const double *axes; // (d, c)
  int c;
  float *out; // (n, c)
  HD void operator()(Index e) const {
    const Index row = e / c;
    const double *axis = axes + e % c;
    double sum = 0;
    for (int column = 0; column < X.d; ++column)
      sum += X(row, column) * axis[Index(column) * c];
    out[e] = float(sum);
  }
};

/// Word e of rows of `width` words: row i of `out` is row rows[i] of `from`, or row i * step.
struct TakeRows {
  const uint32_t *from;
  const int *rows; // or null
  Index step, width;
  uint32_t *out;
  HD void operator()(Index e) const {
    const Index i = e / width, row = rows ? Index(rows[i]) : i * step;
    out[e] = from[row * width + e % width];
  }
};

} // namespace gputsne
