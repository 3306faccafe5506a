// P in the order of the map, in 4 bytes per edge: what an iteration reads of P once points lie
// along the curve. The rows' sums don't depend on that order, to the bit.
#pragma once
#include "edges.hpp"
#include "registers.hpp"
#include <cstring>

namespace gputsne::cpu {

/// A weight in 15 bits, 5 of exponent and 10 of fraction: 2^-11 of it, at most, is lost. Weights
/// are shares of the largest; those below 2^-31 of it pull by nothing that float32 would notice.
struct ShortWeight {
  static constexpr uint32_t LEAST = 96u << 23; // 2^-31, as float32 writes it
  static constexpr int SHIFT = 23 - 10;
  static constexpr uint32_t MASK = 0x7fff;

  /// Of eight shares in [0, 1]; 0 for what is too small, or no number. Never more than 15 bits.
  HD static void of(const Float8 &share, Word8 &w) {
    float least;
    std::memcpy(&least, &LEAST, sizeof least);
    const Word8 there = (Word8)(share >= least);
    const Float8 most = share < 1.f ? share : Float8{} + 1.f;
    w = ((((Word8)most + (1u << (SHIFT - 1))) >> SHIFT) - (LEAST >> SHIFT)) & there;
  }
};

/// Rows of groups of eight edges, in the order that they have in the caller's P, the last group
/// filled up with the point itself. A word is an edge: 16 bits say whose it is, counted from the
/// row's `base`; 1 bit of the first marks a group with an edge farther off; 15 are the weight. Such
/// a group has eight words more: the columns.
struct PackedRows {
  static constexpr int GROUP = 8;
  static constexpr uint32_t FAR = 0x8000;
  static constexpr Index REACH = Index(1) << 16;
  Index n;
  const Index *row;     // (n + 1,) in words
  const uint32_t *word; // (row[n],)

  /// The column that offset 0 stands for in row i: REACH columns around the row.
  HD Index base(Index i) const {
    Index low = i - REACH / 2, most = n - REACH;
    low = low < most ? low : most;
    return low > 0 ? low : 0;
  }
};

/// P checked once, as `Edges`, and packed in an order of its points.
class Packed {
public:
  /// order (n,): the row of P that comes to lie at each place; inverse: its inverse.
  Packed(const Edges &P, const int *order, const int *inverse);

  PackedRows rows() const { return {n_, row_, word_}; }
  Index n() const { return n_; }
  float scale() const { return scale_; } // p_ij = scale * share
  Index bytes() const { return 8 * (n_ + 1) + 4 * row_[n_]; }

private:
  py::array_t<Index> offsets;
  py::array_t<uint32_t> words;
  Index n_;
  float scale_;
  Index *row_;
  uint32_t *word_;
};

/// Calls group(columns, weights) for each eight edges of a row of P; the last group is filled up
/// with the last edge, of no weight.
template <class Group> HD void each_group(const Edges &P, Index row, const Group &group) {
  constexpr int GROUP = PackedRows::GROUP;
  const Index from = P.row()[row], count = P.row()[row + 1] - from;
  const int *column = P.column() + from;
  const float *weight = P.weight() + from;
  Index e = 0;
  for (; e + GROUP <= count; e += GROUP)
    group(column + e, weight + e);
  if (e < count) {
    int columns[GROUP];
    float weights[GROUP];
    for (int l = 0; l < GROUP; ++l) {
      bool there = e + l < count;
      columns[l] = column[there ? e + l : count - 1];
      weights[l] = there ? weight[e + l] : 0.f;
    }
    group(columns, weights);
  }
}

/// Where eight points lie.
HD void places(const int *place, const int *column, Word8 &v) {
  Int8 at{place[column[0]], place[column[1]], place[column[2]], place[column[3]],
          place[column[4]], place[column[5]], place[column[6]], place[column[7]]};
  v = (Word8)at;
}

/// Whether any of eight numbers is beyond 16 bits.
HD bool any_far(const Word8 &offset) {
  const Word8 high = offset >> 16;
  uint64_t part[4];
  std::memcpy(part, &high, sizeof part);
  return ((part[0] | part[1]) | (part[2] | part[3])) != 0;
}

/// Words of row order[i] of P at place i, into row[i + 1].
struct CountWords {
  const Edges *P;
  const int *order, *inverse;
  PackedRows to;
  Index *row;
  HD void operator()(Index, Index begin, Index end) const {
    constexpr int GROUP = PackedRows::GROUP;
    const int *place = inverse;
    for (Index i = begin; i < end; ++i) {
      const uint32_t base = static_cast<uint32_t>(to.base(i));
      Index groups = 0;
      if (to.n <= PackedRows::REACH) // none is far
        groups = (P->row()[order[i] + 1] - P->row()[order[i]] + GROUP - 1) / GROUP;
      else
        each_group(*P, order[i], [=, &groups](const int *column, const float *) {
          Word8 there;
          places(place, column, there);
          groups += any_far(there - base) ? 2 : 1;
        });
      row[i + 1] = GROUP * groups;
    }
  }
};

/// Writes row order[i] of P at place i.
struct WriteWords {
  const Edges *P;
  const int *order, *inverse;
  PackedRows to;
  uint32_t *word;
  float scale;
  HD void operator()(Index, Index begin, Index end) const {
    constexpr int GROUP = PackedRows::GROUP;
    const int *place = inverse;
    const float most = scale;
    for (Index i = begin; i < end; ++i) {
      const uint32_t own = static_cast<uint32_t>(i), base = static_cast<uint32_t>(to.base(i));
      uint32_t *out = word + to.row[i];
      each_group(*P, order[i], [=, &out](const int *column, const float *weight) {
        Float8 share;
        std::memcpy(&share, weight, sizeof share);
        share /= most;
        Word8 there, w;
        ShortWeight::of(share, w);
        places(place, column, there);
        there = w != 0 ? there : Word8{} + own; // no pull: the point's own
        const Word8 offset = there - base;
        const Word8 within = (Word8)(offset < static_cast<uint32_t>(PackedRows::REACH));
        Word8 words = ((offset << 16) & within) | w;
        const bool far = any_far(offset);
        words[0] |= far ? PackedRows::FAR : 0u;
        std::memcpy(out, &words, sizeof words);
        out += GROUP;
        if (far) {
          std::memcpy(out, &there, sizeof there);
          out += GROUP;
        }
      });
      // Where edges without weight were taken for far ones, less was written than counted.
      for (; out < word + to.row[i + 1]; ++out)
        *out = (own - base) << 16;
    }
  }
};

inline Packed::Packed(const Edges &P, const int *order, const int *inverse)
    : offsets(P.n() + 1), n_(P.n()), scale_(P.largest()), row_(offsets.mutable_data()),
      word_(nullptr) {
  const PackedRows to{n_, row_, nullptr};
  if (!(scale_ > 0.f && scale_ <= 3.4028234663852886e38f))
    scale_ = 1.f;
  {
    py::gil_scoped_release release;
    machine().each_wide(n_, CHUNK, CountWords{&P, order, inverse, to, row_});
  }
  row_[0] = 0;
  for (Index i = 0; i < n_; ++i)
    row_[i + 1] += row_[i];
  words = py::array_t<uint32_t>(row_[n_]);
  word_ = words.mutable_data();
  py::gil_scoped_release release;
  machine().each_wide(n_, CHUNK, WriteWords{&P, order, inverse, to, word_, scale_});
}

} // namespace gputsne::cpu
