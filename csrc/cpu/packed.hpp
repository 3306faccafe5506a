// P in the order of the map, in 4 bytes per edge: what an iteration reads of P once points lie
// along the curve. The rows' sums don't depend on that order, to the bit.
#pragma once
#include "edges.hpp"
#include <cstring>

namespace gputsne::cpu {

/// A weight in 15 bits, 5 of exponent and 10 of fraction: 2^-11 of it, at most, is lost. Weights
/// are shares of the largest; those below 2^-31 of it pull by nothing that float32 would notice.
struct ShortWeight {
  static constexpr uint32_t LEAST = 96u << 23; // 2^-31, as float32 writes it
  static constexpr int SHIFT = 23 - 10;
  static constexpr uint32_t MASK = 0x7fff;

  /// share in [0, 1]; 0 for what is too small, or no number. Never more than 15 bits.
  static uint32_t of(float share) {
    float least;
    std::memcpy(&least, &LEAST, sizeof least);
    if (!(share >= least))
      return 0;
    share = share < 1.f ? share : 1.f;
    uint32_t bits;
    std::memcpy(&bits, &share, sizeof bits);
    return ((bits + (1u << (SHIFT - 1))) >> SHIFT) - (LEAST >> SHIFT);
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

inline Packed::Packed(const Edges &P, const int *order, const int *inverse)
    : offsets(P.n() + 1), n_(P.n()), scale_(0.f), row_(offsets.mutable_data()), word_(nullptr) {
  constexpr int GROUP = PackedRows::GROUP;
  const PackedRows to{n_, row_, nullptr};
  std::vector<float> largest(static_cast<size_t>(chunks(n_)));
  float *most = largest.data();
  Index *row = row_;
  {
    py::gil_scoped_release release;
    machine().each_chunk(n_, CHUNK, [=, &P](Index chunk, Index begin, Index end) {
      float w = 0.f;
      for (Index i = begin; i < end; ++i) {
        Index from = P.row()[order[i]], count = P.row()[order[i] + 1] - from, groups = 0;
        Index base = to.base(i);
        for (Index e = 0; e < count; e += GROUP) {
          bool near = true;
          for (Index l = e; l < count && l < e + GROUP; ++l) {
            Index offset = inverse[P.column()[from + l]] - base;
            near = near & (offset >= 0) & (offset < PackedRows::REACH);
            float p = P.weight()[from + l];
            w = p > w ? p : w;
          }
          groups += near ? 1 : 2;
        }
        row[i + 1] = GROUP * groups;
      }
      most[chunk] = w;
    });
  }
  for (float w : largest)
    scale_ = w > scale_ ? w : scale_;
  if (!(scale_ > 0.f && scale_ <= 3.4028234663852886e38f))
    scale_ = 1.f;
  row[0] = 0;
  for (Index i = 0; i < n_; ++i)
    row[i + 1] += row[i];
  words = py::array_t<uint32_t>(row[n_]);
  uint32_t *word = word_ = words.mutable_data();
  const float scale = scale_;
  py::gil_scoped_release release;
  machine().each_chunk(n_, CHUNK, [=, &P](Index, Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      Index from = P.row()[order[i]], count = P.row()[order[i] + 1] - from;
      Index base = to.base(i);
      uint32_t *out = word + row[i];
      for (Index e = 0; e < count; e += GROUP) {
        Index column[GROUP];
        bool near = true;
        for (int l = 0; l < GROUP; ++l) {
          bool there = e + l < count;
          uint32_t w = there ? ShortWeight::of(P.weight()[from + e + l] / scale) : 0;
          column[l] = w ? inverse[P.column()[from + e + l]] : i; // no pull: the point's own
          bool within = column[l] >= base && column[l] < base + PackedRows::REACH;
          near = near && within;
          out[l] = (within ? static_cast<uint32_t>(column[l] - base) << 16 : 0u) | w;
        }
        if (!near) {
          out[0] |= PackedRows::FAR;
          for (int l = 0; l < GROUP; ++l)
            out[GROUP + l] = static_cast<uint32_t>(column[l]);
        }
        out += near ? GROUP : 2 * GROUP;
      }
      // Where edges without weight were taken for far ones, less was written than counted.
      for (; out < word + row[i + 1]; ++out)
        *out = static_cast<uint32_t>(i - base) << 16;
    }
  });
}

} // namespace gputsne::cpu
