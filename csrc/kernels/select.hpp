// The k nearest of a row's candidates. A tile of squared distances is filtered by the row's
// k-th best so far, and what passes is sorted. Bodies in the order they run, tile after tile:
// SelectAppend, SelectSort. Keys are unique, so places taken in any order sort to the same bytes.
#pragma once
#include "sort.hpp"
#include <cstring>

namespace gputsne {

/// Squared distance above, id below: keys ascend as distances do, then as ids.
HD uint64_t pack_candidate(float squared, int32_t id) {
  squared = squared > 0.f ? squared : 0.f; // cancellation leaves small negatives; NaN becomes 0
  uint32_t bits;
  std::memcpy(&bits, &squared, sizeof bits);
  return (static_cast<uint64_t>(bits) << 32) | static_cast<uint32_t>(id);
}

/// Row i of a tile: candidates nearer than limit[i] go to the row's list. count[i] goes on counting
/// beyond `room`, so that the caller sees an overflow. |x|^2 of the row comes off beforehand.
template <int LANES> struct SelectAppend {
  const float *squared;  // (m, t)
  const int32_t *ids;    // (t,)
  const uint64_t *limit; // (m,) keys must be smaller
  Index *count;          // (m,)
  uint64_t *keys;        // (m, room)
  Index t, room;

  HD void operator()(Index i, int lane) const {
    const uint64_t most = limit[i];
    for (Index e = lane; e < t; e += LANES) {
      uint64_t key = pack_candidate(squared[i * t + e], ids[e]);
      if (key < most) {
        Index at = fetch_add(count + i);
        if (at < room)
          keys[i * room + at] = key;
      }
    }
  }
};

/// Sorts the list of row i, keeps its k best, and sets the limit that later tiles must beat.
struct SelectSort {
  Index *count;
  uint64_t *keys, *scratch; // (m, room) each
  uint64_t *limit;
  Index room, k;

  HD void operator()(Index i) const {
    Index found = count[i] < room ? count[i] : room;
    uint64_t *own = keys + i * room, *other = scratch + i * room;
    radix_sort(own, other, found, 0, 64);
    count[i] = found < k ? found : k;
    if (found >= k)
      limit[i] = own[k - 1];
  }
};

} // namespace gputsne
