// Nearest rows on a GPU, but for the tiles of pairs and the choice of a list's nearest, which are
// in gpu_neighbors.hpp. Bodies in the order they run: ToColumns (database and queries), OpenLists,
// (TilePass, KeepNearest: pass after pass), DirectKeys, RankKeys; for lists also AddToCells,
// CountCells, FillCells. A key is a squared distance above and the row's number below: keys are
// unique and ascend as (distance, number), so nothing depends on the order of threads.
#pragma once
#include "machine.hpp"
#include <cstring>

namespace gputsne {

constexpr int TILE = 128; // queries and database points of one tile
constexpr int SLICE = 8;  // columns of one step through a tile; both have multiples of it
constexpr uint64_t FARTHEST = uint64_t(0x7f800000)
                              << 32; // the key of infinity: what is no candidate

HD uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
HD float of_bits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

/// Squared distance above, id below. Cancellation leaves small negatives: those are 0.
HD uint64_t candidate(float squared, int32_t id) {
  return (uint64_t(bits_of(squared > 0.f ? squared : 0.f)) << 32) | uint32_t(id);
}
HD float squared_of(uint64_t key) { return of_bits(uint32_t(key >> 32)); }
HD int32_t id_of(uint64_t key) { return int32_t(uint32_t(key)); }

/// Which row lies in a slot, -1: nobody. Numbers are from 1 in memory, so that zeros mean nobody.
struct Slots {
  const int32_t *order; // (slots,)
  HD int32_t operator()(Index slot) const { return order[slot] - 1; }
};

/// One step of a squared distance by differences. One order of columns everywhere, each a fused
/// step: a tile's distances by definition are those of DirectKeys to the bit.
HD float add_square(float sum, float x, float y) {
  float t = x - y;
  return fmaf(t, t, sum);
}

/// Rows as columns, about a centre: a tile of 128 points is 128 numbers in a row.
struct ToColumns {
  const float *rows; // (.., d)
  Slots slots;
  const float *centre; // (d,), or null: rows as they are
  int d, padded;       // padded: columns, zeros beyond d
  Index width;         // slots
  float *columns;      // (padded, width)
  float *norm;         // (width,) |x|^2 summed as products of a tile are; infinity where nobody is
  Index *most;         // one number, -1 before: the largest norm, as store_min_index of rest(norm)

  HD static Index rest(float norm) { return Index(0xffffffffu - bits_of(norm)); }
  HD static float of_rest(Index rest) { return of_bits(0xffffffffu - uint32_t(rest)); }

  HD void operator()(Index slot) const {
    const int32_t row = slots(slot);
    float sum = 0.f;
    for (int k = 0; k < padded; ++k) {
      float x = 0.f;
      if (row >= 0 && k < d)
        x = rows[Index(row) * d + k] - (centre ? centre[k] : 0.f);
      columns[k * width + slot] = x;
      sum = fmaf(x, x, sum);
    }
    norm[slot] = row >= 0 ? sum : INFINITY;
    if (row >= 0 && sum < INFINITY)
      store_min_index(most, rest(sum));
  }
};

/// What is known of the rows that are searched for; `gate` is what a candidate must be below.
struct Lists {
  uint64_t *keys; // (m, room) candidates in any order
  Index room;
  Index *count;   // (m,) candidates; goes on counting beyond room
  Index *kept;    // (m,) of which were there before the pass
  int32_t *done;  // (m,) the last pass that was completed
  uint64_t *gate; // (m,)
};

/// Lists of nobody yet; shut where there is no query, or none that float32 can square.
struct OpenLists {
  const float *norm; // (m,) of the queries
  Lists lists;

  HD void operator()(Index i) const {
    lists.count[i] = lists.kept[i] = 0;
    lists.done[i] = 0;
    lists.gate[i] = norm[i] < INFINITY ? FARTHEST : 0;
  }
};

/// Distances of a row's candidates by differences, in place of those that chose them.
template <int LANES> struct DirectKeys {
  Lists lists;
  const float *queries; // (.., d)
  Slots slots;          // of the queries
  const float *rows;    // (n, d)
  int d;

  HD void operator()(Index i, int lane) const {
    const int32_t query = slots(i);
    if (query < 0)
      return;
    const float *q = queries + Index(query) * d;
    for (Index e = lane; e < lists.count[i]; e += LANES) {
      uint64_t &key = lists.keys[i * lists.room + e];
      const int32_t id = id_of(key);
      const float *x = rows + Index(id) * d;
      float sum = 0.f;
      for (int k = 0; k < d; ++k)
        sum = add_square(sum, q[k], x[k]);
      key = candidate(sum, id);
    }
  }
};

/// The k nearest of a row's candidates in order, itself not among them. Every candidate counts
/// those before it. Notes rows for which products could have chosen wrongly: what is no candidate
/// is at least as far as the gate, but for rounding of d sums of numbers up to (|x| + |y|)^2
/// (Higham 2002, section 3.1). And rows that found fewer than k, where their lists were not all
/// tiles.
template <int LANES> struct RankKeys {
  Lists lists;
  Slots slots;
  const int32_t *own; // number of each query's own row, or null
  Index k;
  float *squared; // (queries, k) infinity and -1 where there are no more
  int32_t *ids;
  const float *norm; // of the queries, (m,)
  const Index *most; // of the database
  float slack;       // share of |x|^2 + |y|^2 that rounding may take; below 0: no products
  bool whole;        // whether the lists were all tiles
  Index *unsure;     // one number: how many rows
  int32_t *again;    // these rows, from 1

  HD void operator()(Index i, int lane) const {
    const int32_t query = slots(i);
    if (query < 0)
      return;
    const uint64_t *keys = lists.keys + i * lists.room;
    const Index count = lists.count[i];
    const int32_t self = own ? own[query] : -1;
    Index found = 0;
    for (Index e = 0; e < count; ++e)
      found += keys[e] < FARTHEST && id_of(keys[e]) != self;
    for (Index e = lane; e < count; e += LANES) {
      const uint64_t key = keys[e];
      if (key >= FARTHEST || id_of(key) == self)
        continue;
      Index before = 0;
      for (Index f = 0; f < count; ++f)
        before += keys[f] < key && id_of(keys[f]) != self;
      if (before < k)
        store(query, before, squared_of(key), id_of(key));
      if (before == k - 1)
        check(i, query, squared_of(key));
    }
    for (Index e = found + lane; e < k; e += LANES)
      store(query, e, INFINITY, -1);
    if (lane == 0 && found < k)
      check(i, query, INFINITY);
  }

  HD void store(int32_t query, Index at, float distance, int32_t id) const {
    squared[Index(query) * k + at] = distance;
    ids[Index(query) * k + at] = id;
  }

  HD void check(Index i, int32_t query, float last) const {
    const uint64_t gate = lists.gate[i];
    if (gate == 0)
      return;                                    // nobody can be one
    bool sure = slack < 0.f || gate >= FARTHEST; // no products, or none was turned away
    if (!sure)
      sure = last + slack * (norm[i] + ToColumns::of_rest(*most) + last) < squared_of(gate);
    if (!whole && !(last < INFINITY))
      sure = false; // there are others
    if (!sure)
      again[fetch_add(unsure)] = query + 1;
  }
};

/// Sums of each cell's rows in integers, which commute: the same centres every run.
template <int LANES> struct AddToCells {
  const float *rows;   // (n, d)
  const int32_t *cell; // (n,)
  int d;
  float scale;             // a power of two
  unsigned long long *sum; // (cells, d) of scale * rows, as int64

  HD void operator()(Index i, int lane) const {
    for (int k = lane; k < d; k += LANES) {
      Index part = static_cast<Index>(rows[i * d + k] * scale);
      add_to(sum + Index(cell[i]) * d + k, static_cast<unsigned long long>(part));
    }
  }
};

struct CountCells {
  const int32_t *cell; // of each row
  const int32_t *rows; // (n,) numbers from 1 of the rows, or null: row i is i
  Index *count;        // (cells,)
  HD void operator()(Index i) const { fetch_add(count + cell[rows ? rows[i] - 1 : i]); }
};

/// Rows put into the slots of their cells; the order within a cell is seen nowhere.
struct FillCells {
  const int32_t *cell; // of each row
  const int32_t *rows; // (n,) numbers from 1 of the rows, or null: row i is i
  Index *next;         // (cells,) first free slot
  int32_t *order;      // (slots,) zeros before

  HD void operator()(Index i) const {
    Index row = rows ? rows[i] - 1 : i;
    order[fetch_add(next + cell[row])] = int32_t(row) + 1;
  }
};

} // namespace gputsne
