// The deposit of many threads on one mesh without atomics: in bands of rows, of two colours.
// Bands of one colour never touch the same row. Integers add up the same in any order, so the
// result is that of csrc/kernels/deposit.hpp to the bit, for any number of threads.
#pragma once
#include "stencil_lanes.hpp"
#include <algorithm>
#include <vector>

namespace gputsne::cpu {

/// The charges of points which(begin) .. which(end - 1).
template <int C, int P, class Which>
void deposit_points(const Deposit<C, P> &body, Index begin, Index end, const Which &which) {
  if constexpr (C == 2)
    for (Index k = begin; k < end; k += 4)
      deposit_four<P>(body, end - k < 4 ? static_cast<int>(end - k) : 4,
                      [&](int l) { return which(k + l); });
  else
    for (Index k = begin; k < end; ++k)
      body.point(which(k));
}

template <int C, int P> void deposit_bands(const Cpu &machine, const Deposit<C, P> &body, Index n) {
  constexpr int BANDS_MAX = 64;           // enough for dynamic dealing on tens of threads
  constexpr Index BLOCK = Index(1) << 14; // points per counting block
  const Grid<C> &g = body.grid;
  int bands = std::max(1, std::min(BANDS_MAX, g.m[0] / (2 * P)));
  if (machine.threads == 1 || bands == 1 || n < 4096) {
    deposit_points(body, 0, n, [](Index i) { return i; });
    return;
  }
  auto band_of = [=](Index i) {
    float t;
    return int(Index(locate<C, P>(g, 0, body.Y[i * C], t)) * bands / g.m[0]);
  };
  Index blocks = (n + BLOCK - 1) / BLOCK;
  std::vector<Index> start(size_t(blocks) * bands + 1, 0); // [band][block], then running totals
  std::vector<unsigned char> band(n);
  std::vector<Index> order(n);
  Index *starts = start.data();
  unsigned char *bandp = band.data();
  Index *orderp = order.data();
  machine.each_chunk(n, BLOCK, [=](Index block, Index begin, Index end) {
    Index count[BANDS_MAX] = {};
    for (Index i = begin; i < end; ++i)
      ++count[bandp[i] = (unsigned char)(band_of(i))];
    for (int b = 0; b < bands; ++b)
      starts[b * blocks + block + 1] = count[b];
  });
  for (size_t k = 1; k < start.size(); ++k)
    start[k] += start[k - 1];
  machine.each_chunk(n, BLOCK, [=](Index block, Index begin, Index end) {
    Index at[BANDS_MAX];
    for (int b = 0; b < bands; ++b)
      at[b] = starts[b * blocks + block];
    for (Index i = begin; i < end; ++i)
      orderp[at[bandp[i]]++] = i;
  });
  for (int colour = 0; colour < 2; ++colour)
    machine.each_chunk((bands + 1 - colour) / 2, 1, [=](Index half, Index, Index) {
      Index b = 2 * half + colour;
      deposit_points(body, starts[b * blocks], starts[(b + 1) * blocks],
                     [=](Index k) { return orderp[k]; });
    });
}

} // namespace gputsne::cpu
