// What gputsne._cuda can do for X before and after its preparation: csrc/kernels/prepare.hpp. As in
// launch.hpp: device memory that the caller owns, nothing allocated, nothing waited for.
#pragma once
#include "gram.hpp"

namespace gputsne::cuda {

/// first_bad, -1 before, becomes the first of X (count,), float32, or float64 with wide, that is
/// NaN or infinite.
void check_finite(const void *X, bool wide, Index count, Index *first_bad, Stream stream);
/// first_bad, -1 before, becomes the first of rows (n, d) that is not that of row 0.
void check_equal(const float *rows, Index n, int d, Index *first_bad, Stream stream);
/// out (2, d): lowest and highest value of each column; scratch (2, column_scratch(n, d))
void column_ranges(const Rows &rows, double *scratch, double *out, Stream stream);
/// out (2, d): mean of each column and sum of squares about it; scratch as for column_ranges
void column_moments(const Rows &rows, double *scratch, double *out, Stream stream);
/// out (n, d): the rows centred and scaled
void prepare_rows(const Rows &rows, float *out, Stream stream);
/// out (n, c): the rows, centred and scaled, on axes (d, c)
void project_rows(const Rows &rows, const double *axes, int c, float *out, Stream stream);
/// out (n, words) of 4 bytes: rows `rows` (n,) of `from`, or each step-th where it is null
void take_rows(const void *from, Index n, Index words, const int *rows, Index step, void *out,
               Stream stream);

} // namespace gputsne::cuda
