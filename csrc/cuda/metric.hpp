// What gputsne._cuda can do for metrics: csrc/kernels/metric.hpp. As in launch.hpp: device memory
// that the caller owns, nothing allocated, nothing waited for.
#pragma once
#include "launch.hpp"

namespace gputsne::cuda {

/// out (count,) = squared distances in the metric's own unit: 0 as they are, 1 their root, 2 half
/// of them; `factor` multiplied the rows. out may be `squared`.
void own_unit(const float *squared, Index count, int unit, double factor, float *out,
              Stream stream);
/// first_bad, -1 before, becomes the first of m queries that is farther than `reach` from its
/// nearest vector, or that found no k of them: squared and ids (m, k)
void check_near(const float *squared, const int32_t *ids, Index m, Index k, double reach,
                Index *first_bad, Stream stream);

/// out (n,) = squared lengths of rows (n, d)
void row_lengths(const float *rows, Index n, int d, double *out, Stream stream);
/// out (n, d + 1) = unit vectors of rows (n, d), their own means taken off first where `centred`
void unit_rows(const float *rows, Index n, int d, bool centred, float *out, Stream stream);
/// out (n, d + 1) = rows (n, d) and the root of what their squared length lacks of `bound`; 0 where
/// that is below 0
void bound_rows(const float *rows, Index n, int d, double bound, float *out, Stream stream);

} // namespace gputsne::cuda
