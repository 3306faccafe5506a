// Running sums and a stable sort of 64-bit words on the GPU, of integers alone: any order of
// threads gives the same bytes. Beside gpu_machine.hpp the only file that launches and waits.
#pragma once
#include "arrays.hpp"
#include "gpu_machine.hpp"
#include "check.hpp"

namespace gputsne {

constexpr int EACH = 8; // consecutive values of a thread: 64 bytes, two sectors
constexpr int SCAN_SHIFT = 11, SCAN_TILE = BLOCK * EACH;
static_assert(SCAN_TILE == 1 << SCAN_SHIFT, "AddBefore shifts");
constexpr int DIGIT = 4, DIGITS = 1 << DIGIT; // bits of a pass; 16 counters for each thread
inline Index tiles(Index n) { return (n + SCAN_TILE - 1) / SCAN_TILE; }
/// Numbers of Index that scan and sort need beside their values.
inline Index scan_numbers(Index n) { return tiles(n) + 1; }
inline Index sort_numbers(Index n) { return DIGITS * tiles(n) + scan_numbers(DIGITS * tiles(n)); }

/// The sum over the threads before this one; `shared` (BLOCK,) ends with that of all in its last
/// place. Every thread of the block must take part.
template <class T> ON_GPU T block_before(T own, T *shared) {
  const unsigned t = threadIdx.x;
  shared[t] = own;
  __syncthreads();
  for (unsigned d = 1; d < BLOCK; d *= 2) {
    T more = t >= d ? shared[t - d] : T(0);
    __syncthreads();
    shared[t] = shared[t] + more;
    __syncthreads();
  }
  return shared[t] - own;
}

/// Each value of a tile becomes the sum of those before it in the tile; total[tile] that of all.
template <class T> __global__ void __launch_bounds__(BLOCK) tile_k(Index n, T *values, T *total) {
  __shared__ T sums[BLOCK];
  Index first = Index(blockIdx.x) * SCAN_TILE + Index(threadIdx.x) * EACH;
  T own[EACH], sum = 0;
  UNROLL for (int e = 0; e < EACH; ++e) {
    own[e] = first + e < n ? values[first + e] : T(0);
    sum += own[e];
  }
  T before = block_before(sum, sums);
  UNROLL for (int e = 0; e < EACH; ++e) {
    if (first + e < n)
      values[first + e] = before;
    before += own[e];
  }
  if (threadIdx.x == BLOCK - 1)
    total[blockIdx.x] = before;
}

/// The same for the totals of all tiles, by one block: 10^8 values have 49,000 tiles.
template <class T> __global__ void __launch_bounds__(BLOCK) totals_k(int count, T *total) {
  __shared__ T sums[BLOCK];
  T carried = 0;
  for (int first = 0; first < count; first += BLOCK) {
    int at = first + int(threadIdx.x);
    T own = at < count ? total[at] : T(0);
    T before = block_before(own, sums);
    if (at < count)
      total[at] = carried + before;
    carried += sums[BLOCK - 1];
    __syncthreads(); // before the next round writes sums
  }
}

/// How many words of a tile have each digit, at count[digit * tiles + tile].
/// Digits are counted by each thread for itself, side by side: no atomics, and ranks keep the
/// order.
struct Digits {
  const uint64_t *from;
  Index n;
  int shift;
  ON_GPU unsigned of(uint64_t word) const { return unsigned(word >> shift) & (DIGITS - 1); }
};

/// Counts this thread's digits into its column of `own` (DIGITS, BLOCK).
ON_GPU void count_digits(const Digits &digits, Index first, unsigned *own) {
  UNROLL for (int d = 0; d < DIGITS; ++d)
    own[d * BLOCK + threadIdx.x] = 0;
  UNROLL for (int e = 0; e < EACH; ++e)
    if (first + e < digits.n)
      ++own[digits.of(digits.from[first + e]) * BLOCK + threadIdx.x];
}

/// Sums over a run of DIGITS counters, of digit-major order: thread t has those from DIGITS t on.
ON_GPU unsigned run_sum(const unsigned *own) {
  unsigned sum = 0;
  UNROLL for (int k = 0; k < DIGITS; ++k)
    sum += own[threadIdx.x * DIGITS + k];
  return sum;
}

template <class T>
__global__ void __launch_bounds__(BLOCK) digits_k(Digits digits, Index tiles, T *count) {
  __shared__ unsigned own[DIGITS * BLOCK], runs[BLOCK];
  count_digits(digits, Index(blockIdx.x) * SCAN_TILE + Index(threadIdx.x) * EACH, own);
  __syncthreads();
  runs[threadIdx.x] = run_sum(own);
  __syncthreads();
  if (threadIdx.x < DIGITS) { // a digit has BLOCK counters, in BLOCK / DIGITS runs
    T sum = 0;
    UNROLL for (int k = 0; k < BLOCK / DIGITS; ++k)
      sum += runs[threadIdx.x * (BLOCK / DIGITS) + k];
    count[Index(threadIdx.x) * tiles + blockIdx.x] = sum;
  }
}

/// Moves the words of a tile to where the scanned counts say, those of one digit in their order.
template <class T>
__global__ void __launch_bounds__(BLOCK)
    place_k(Digits digits, Index tiles, const T *before, uint64_t *to) {
  __shared__ unsigned own[DIGITS * BLOCK], runs[BLOCK];
  __shared__ T base[DIGITS];
  const Index first = Index(blockIdx.x) * SCAN_TILE + Index(threadIdx.x) * EACH;
  count_digits(digits, first, own);
  __syncthreads();
  unsigned rank = block_before(run_sum(own), runs);
  UNROLL for (int k = 0; k < DIGITS; ++k) { // a thread's own run: nobody else reads it
    unsigned here = own[threadIdx.x * DIGITS + k];
    own[threadIdx.x * DIGITS + k] = rank;
    rank += here;
  }
  __syncthreads();
  if (threadIdx.x < DIGITS) // rank in the tile -> place among all
    base[threadIdx.x] =
        before[Index(threadIdx.x) * tiles + blockIdx.x] - T(own[threadIdx.x * BLOCK]);
  __syncthreads();
  UNROLL for (int e = 0; e < EACH; ++e)
    if (first + e < digits.n) {
      uint64_t word = digits.from[first + e];
      unsigned digit = digits.of(word);
      to[base[digit] + T(own[digit * BLOCK + threadIdx.x]++)] = word;
    }
}

/// Each value becomes the sum of those before it; `scratch` has scan_numbers(n) numbers.
inline void scan(Index n, Index *values, Index *scratch, cudaStream_t stream) {
  if (!n)
    return;
  Index count = tiles(n);
  if (count > LAUNCH_MAX)
    throw std::invalid_argument("n=" + std::to_string(n) + " numbers; at most 2^41 are summed up");
  auto within = tile_k<Index>;
  LAUNCH(within, unsigned(count), BLOCK, stream, n, values, scratch);
  check(cudaGetLastError(), "scan");
  if (count == 1)
    return;
  auto across = totals_k<Index>;
  LAUNCH(across, 1, BLOCK, stream, int(count), scratch);
  check(cudaGetLastError(), "scan");
  Gpu{stream}.each(n, AddBefore<SCAN_SHIFT>{values, scratch});
}

/// Sorts words by their bits [low, low + bits), equals in their order; `bits` is rounded up to
/// bytes, so that an even number of passes ends where it began. `other` (n,) and `scratch`
/// (sort_numbers(n),) hold anything.
inline void sort_words(uint64_t *words, uint64_t *other, Index n, int low, int bits, Index *scratch,
                       cudaStream_t stream) {
  if (!n)
    return;
  Index count = tiles(n);
  if (count > LAUNCH_MAX)
    throw std::invalid_argument("n=" + std::to_string(n) + " words; at most 2^41 are sorted");
  for (int shift = low; shift < low + (bits + 7) / 8 * 8; shift += DIGIT) {
    Digits digits{words, n, shift};
    auto counting = digits_k<Index>;
    LAUNCH(counting, unsigned(count), BLOCK, stream, digits, count, scratch);
    check(cudaGetLastError(), "sort");
    scan(DIGITS * count, scratch, scratch + DIGITS * count, stream);
    auto placing = place_k<Index>;
    LAUNCH(placing, unsigned(count), BLOCK, stream, digits, count, scratch, other);
    check(cudaGetLastError(), "sort");
    uint64_t *swap = words;
    words = other;
    other = swap;
  }
}

} // namespace gputsne
