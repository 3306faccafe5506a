// What a fit asks of whole arrays between its kernels: fill, copy rows in another order, pack sort
// keys, find long rows, add up, centre, crop. On the GPU alone; numpy does the same on the CPU.
#pragma once
#include "half.hpp"
#include "machine.hpp"

namespace gputsne {

/// out[i] = value; a value of 4 or 8 bytes, whatever it means.
template <class Word> struct Fill {
  Word *out, value;
  HD void operator()(Index i) const { out[i] = value; }
};

/// Row i of `out` is row order[i] of `from`, or row i * step where there is no order. Rows of C
/// 4-byte words.
template <int C> struct Take {
  const uint32_t *from;
  const int *order;
  Index step;
  uint32_t *out;
  HD void operator()(Index i) const {
    Index row = order ? Index(order[i]) : i * step;
    UNROLL for (int a = 0; a < C; ++a)
      out[i * C + a] = from[row * C + a];
  }
};

/// Row order[i] of `out` is row i of `from`.
template <int C> struct Scatter {
  const uint32_t *from;
  const int *order;
  uint32_t *out;
  HD void operator()(Index i) const {
    UNROLL for (int a = 0; a < C; ++a)
      out[Index(order[i]) * C + a] = from[i * C + a];
  }
};

/// A code with its place below: words that ascend as the codes do and, among equals, as the places.
struct PackOrder {
  const uint32_t *code;
  uint64_t *word;
  HD void operator()(Index i) const { word[i] = (uint64_t(code[i]) << 32) | uint32_t(i); }
};

/// The places of sorted words.
struct UnpackOrder {
  const uint64_t *word;
  int *order;
  HD void operator()(Index i) const { order[i] = int(uint32_t(word[i])); }
};

/// Last step of a scan: what lies before the tile of 2^SHIFT values that i is in.
template <int SHIFT> struct AddBefore {
  Index *values;
  const Index *before; // one per tile
  HD void operator()(Index i) const { values[i] += before[i >> SHIFT]; }
};

/// mark[i] = 1 where row i is longer than `longest`; a scan of the marks gives each its place.
struct MarkLong {
  const Index *indptr;
  Index longest;
  Index *mark;
  HD void operator()(Index i) const { mark[i] = indptr[i + 1] - indptr[i] > longest; }
};

/// The rows that were marked, ascending, and where they begin and end.
struct ListLong {
  const Index *indptr, *place; // (n + 1,) each
  int *row;
  Index *begin, *end;
  HD void operator()(Index i) const {
    Index at = place[i];
    if (place[i + 1] == at)
      return;
    row[at] = int(i);
    begin[at] = indptr[i];
    end[at] = indptr[i + 1];
  }
};

/// A number that is not below 0.
struct NotNegative {
  const Index *values;
  HD bool operator()(Index i) const { return values[i] >= 0; }
};

/// Terms of sums in float64, or of a count.
struct FloatTerm {
  const float *values;
  HD double operator()(Index i) const { return double(values[i]); }
};
struct HalfTerm {
  const uint16_t *values;
  HD double operator()(Index i) const { return double(half_to_float(values[i])); }
};
struct FlagTerm {
  const uint8_t *flags;
  HD Index operator()(Index i) const { return Index(flags[i]); }
};

/// The larger of two numbers, as a sum; a NaN stays.
struct Largest {
  float value;
  HD Largest operator+(const Largest &o) const {
    return {o.value > value || o.value != o.value ? o.value : value};
  }
};
struct LargestTerm {
  const float *values;
  HD Largest operator()(Index i) const { return {values[i]}; }
};

/// Coordinates of point i in float64, to be added up.
template <int C> struct Coordinates {
  double v[C];
  HD Coordinates operator+(const Coordinates &o) const {
    Coordinates s;
    UNROLL for (int a = 0; a < C; ++a)
      s.v[a] = v[a] + o.v[a];
    return s;
  }
};
template <int C> struct PointTerm {
  const float *Y;
  HD Coordinates<C> operator()(Index i) const {
    Coordinates<C> y;
    UNROLL for (int a = 0; a < C; ++a)
      y.v[a] = double(Y[i * C + a]);
    return y;
  }
};

/// Moves point i by the mean of all, whose sum and inverse number are given.
template <int C> struct Recentre {
  float *Y;
  const Coordinates<C> *sum;
  double inv_n;
  HD void operator()(Index i) const {
    UNROLL for (int a = 0; a < C; ++a)
      Y[i * C + a] -= float(sum->v[a] * inv_n);
  }
};

/// one[i] becomes the mean of one[i] and two[i].
template <class T> struct Mean {
  T *one;
  const T *two;
  HD void operator()(Index i) const { one[i] = T(0.5) * (one[i] + two[i]); }
};

/// The part of a grid that lies in `shape`, into another grid.
template <int C> struct Crop {
  const float *from;
  float *out;
  Index stride[C], out_stride[C]; // in elements
  Index shape[C];
  HD void operator()(Index e) const {
    Index at = 0, to = 0, left = e;
    UNROLL for (int a = C - 1; a >= 0; --a) {
      Index here = left % shape[a];
      at += here * stride[a];
      to += here * out_stride[a];
      left /= shape[a];
    }
    out[to] = from[at];
  }
};

} // namespace gputsne
