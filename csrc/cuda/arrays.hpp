// What gputsne._cuda can do with whole arrays: csrc/kernels/arrays.hpp and gpu_scan.hpp. As in
// launch.hpp: device memory that the caller owns, nothing allocated, nothing waited for.
#pragma once
#include "launch.hpp"

namespace gputsne::cuda {

/// out (count,) of 4 or 8 bytes each becomes `value`, whose lowest bytes count.
void fill(void *out, Index count, int bytes, uint64_t value, Stream stream);
/// Rows of `columns` 4-byte words: out[i] = from[order[i]], or from[i * step] where order is null.
void take(const void *from, Index n, int columns, const int *order, Index step, void *out,
          Stream stream);
/// out[order[i]] = from[i]
void scatter(const void *from, Index n, int columns, const int *order, void *out, Stream stream);

Index scan_scratch(Index n); // int64 numbers that scan needs
Index sort_scratch(Index n); // and those of sort
/// Each of values (n,) becomes the sum of those before it.
void scan(Index *values, Index n, Index *scratch, Stream stream);
/// words (n,) ascend by their bits [low, low + bits), equals in their order; other (n,) is scratch.
void sort(uint64_t *words, uint64_t *other, Index n, int low, int bits, Index *scratch,
          Stream stream);
/// order (n,) sorts code (n,), equals in their order; words (2, n) is scratch.
void order_of(const uint32_t *code, Index n, uint64_t *words, Index *scratch, int *order,
              Stream stream);

/// place (n + 1,), zero before: how many rows longer than `longest` lie before each.
void long_rows(const Index *indptr, Index n, Index longest, Index *place, Index *scratch,
               Stream stream);
/// The rows so counted, ascending, and where each begins and ends.
void list_long_rows(const Index *indptr, const Index *place, Index n, int *row, Index *begin,
                    Index *end, Stream stream);

/// out = sum of flags; scratch (sum_scratch(),)
void count(const uint8_t *flags, Index n, Index *scratch, Index *out, Stream stream);
/// out = sum of float32, or float16 with half
void mass(const void *values, Index n, bool half, double *scratch, double *out, Stream stream);
/// out = the largest value, -infinity of none
void largest(const float *values, Index n, float *scratch, float *out, Stream stream);
/// first_bad, -1 before, becomes the first i whose value is below 0
void check_not_negative(const Index *values, Index n, Index *first_bad, Stream stream);

/// Moves the mean of Y (n, c) to the origin; scratch ((sum_scratch() + 1) c,)
void recentre(float *Y, Index n, int c, double *scratch, Stream stream);
/// one (n,) becomes the mean of both: float32, or float64 with wide
void mean(void *one, const void *two, Index n, bool wide, Stream stream);
/// The first nodes of every axis, `shape`, from one grid into another; strides are in elements.
void crop(const float *from, const Shape &strides, const Shape &shape, float *out,
          const Shape &out_strides, Stream stream);

} // namespace gputsne::cuda
