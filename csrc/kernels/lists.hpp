// Neighbour lists from outside, checked and sorted row by row, and weights that need no search:
// equal ones and those of one width. On the GPU alone; the CPU's are gputsne/neighbors/given.py
// and gputsne/affinities.
#pragma once
#include "arrays.hpp"
#include "perplexity.hpp"
#include "symmetrize.hpp"

namespace gputsne {

/// Lists as they were given: (n, k), ids of 4 or 8 bytes, distances of 4 or 8.
template <class Id, class Distance> struct GivenLists {
  const Id *ids;
  const Distance *distances;
  Index n, k;
  /// Infinite: there is no neighbour, whatever the id says.
  HD bool absent(Index e) const { return distances[e] == Distance(INFINITY); }
};

/// What is wrong with a row, in the order in which it is told.
enum ListFault { BEYOND, DISTANCE, TWICE, ALONE, LIST_FAULTS };

/// What CheckList finds in all rows: the first row with each fault, -1 before; how many rows are
/// alone, and whether any point is in its own list, 0 before.
struct ListReport {
  Index first[LIST_FAULTS], alone, own;
};

/// Notes what is wrong with row first + r; `scratch` has 2 k places for each row.
template <class Id, class Distance> struct CheckList {
  GivenLists<Id, Distance> lists;
  double slack; // distances below 0 by no more are rounding
  Index first;
  uint64_t *scratch;
  ListReport *report;

  HD void operator()(Index r) const {
    constexpr float LARGEST = 3.4028234663852886e38f;
    const Index i = first + r, k = lists.k;
    uint64_t *own = scratch + r * 2 * k;
    Index known = 0;
    bool alone = true;
    int fault = LIST_FAULTS;
    for (Index e = i * k; e < (i + 1) * k; ++e) {
      Id id = lists.ids[e];
      if (id == Id(i))
        report->own = 1; // all that write it write the same
      if (lists.absent(e))
        continue;
      float length = float(lists.distances[e]);
      bool good = length >= -LARGEST && length <= LARGEST && double(lists.distances[e]) >= -slack;
      if (id < 0 || id >= Id(lists.n))
        fault = BEYOND;
      else if (!good && fault == LIST_FAULTS)
        fault = DISTANCE;
      alone = alone && id == Id(i);
      own[known++] = pack_edge(int32_t(id), 0.f);
    }
    if (fault == LIST_FAULTS) {
      sort_edges(own, own + k, known, point_bits(lists.n));
      for (Index a = 1; a < known; ++a)
        if (own[a] == own[a - 1])
          fault = TWICE;
    }
    if (fault == LIST_FAULTS && alone && k) {
      fault = ALONE;
      fetch_add(&report->alone);
    }
    if (fault != LIST_FAULTS)
      store_min_index(report->first + fault, i);
  }
};

/// Writes the `keep` nearest of row first + r, the point itself left out; places without a
/// neighbour come last, at infinity, and name the nearest. As numpy's stable sort in float64.
template <class Id, class Distance> struct SortList {
  GivenLists<Id, Distance> lists;
  Index first, keep;
  uint64_t *scratch; // 2 k places for each row
  int32_t *ids;      // (n, keep)
  float *lengths;

  HD double length(Index i, Index e) const {
    if (lists.ids[i * lists.k + e] == Id(i) || lists.absent(i * lists.k + e))
      return double(INFINITY);
    double d = double(lists.distances[i * lists.k + e]);
    return d > 0.0 ? d : 0.0;
  }

  HD void operator()(Index r) const {
    constexpr int BITS = 31; // of a float that is not below 0
    const Index i = first + r, k = lists.k;
    uint64_t *own = scratch + r * 2 * k;
    bool sorted = true;
    for (Index e = 0; e < k; ++e) { // bits of a float that is not below 0 ascend as it does
      own[e] = pack_edge(0, float(length(i, e))) << 32 | uint32_t(e);
      sorted = sorted && (e == 0 || own[e] > own[e - 1]);
    }
    if (!sorted)
      sort_edges(own, own + k, k, BITS);
    if (sizeof(Distance) > sizeof(float)) // what float32 can't tell apart
      for (Index a = 1; a < k; ++a) {
        uint64_t word = own[a];
        double value = length(i, Index(uint32_t(word)));
        Index b = a;
        for (; b > 0 && own[b - 1] >> 32 == word >> 32 &&
               length(i, Index(uint32_t(own[b - 1]))) > value;
             --b)
          own[b] = own[b - 1];
        own[b] = word;
      }
    const int32_t nearest = int32_t(lists.ids[i * k + Index(uint32_t(own[0]))]);
    for (Index e = 0; e < keep; ++e) {
      Index at = Index(uint32_t(own[e]));
      double value = length(i, at);
      ids[i * keep + e] = value == double(INFINITY) ? nearest : int32_t(lists.ids[i * k + at]);
      lengths[i * keep + e] = float(value);
    }
  }
};

/// The farthest neighbour, 0 where there is none: a term of a largest number.
template <class Distance> struct FiniteTerm {
  const Distance *distances;
  HD Largest operator()(Index e) const {
    float length = float(distances[e]);
    return {length > 0.f && length <= 3.4028234663852886e38f ? length : 0.f};
  }
};

/// A distance that affinities can weigh: 0 or more, infinite for no neighbour.
struct GoodLength {
  const float *distances;
  HD bool operator()(Index e) const { return distances[e] >= 0.f; }
};

/// p_j|i = 1 / neighbours of row i.
struct EqualWeights {
  const float *distances; // (n, k)
  float *p;
  Index k;
  HD bool neighbor(Index e) const { return fabsf(distances[e]) < INFINITY; }
  HD void operator()(Index i) const {
    Index known = 0;
    for (Index e = i * k; e < (i + 1) * k; ++e)
      known += neighbor(e);
    const float share = float(1.0 / double(known > 0 ? known : 1));
    for (Index e = i * k; e < (i + 1) * k; ++e)
      p[e] = neighbor(e) ? share : 0.f;
  }
};

/// p_j|i of Gaussians of one width; exponents are counted from the nearest, so never 0 / 0.
struct FixedWidth {
  const float *distances; // (n, k)
  float *p;
  Index k;
  double sigma;
  HD double weight(double d, double nearest) const {
    if (d == nearest || nearest == double(INFINITY)) // of a row without neighbours nothing is known
      return 1.0;
    if (d == double(INFINITY))
      return 0.0;
    return exp_negative((d - nearest) / sigma * ((d + nearest) / sigma) * -0.5);
  }
  HD void operator()(Index i) const {
    double nearest = double(INFINITY), sum = 0;
    for (Index e = i * k; e < (i + 1) * k; ++e)
      nearest = double(distances[e]) < nearest ? double(distances[e]) : nearest;
    for (Index e = i * k; e < (i + 1) * k; ++e)
      sum += weight(double(distances[e]), nearest);
    for (Index e = i * k; e < (i + 1) * k; ++e)
      p[e] = float(weight(double(distances[e]), nearest) / sum);
  }
};

} // namespace gputsne
