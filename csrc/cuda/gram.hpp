// What gputsne._cuda can do for PCA: csrc/kernels/gram.hpp. As in launch.hpp: device memory that
// the caller owns, nothing allocated, nothing waited for.
#pragma once
#include "launch.hpp"

namespace gputsne::cuda {

/// Rows in C order; fill, mean and scale (d,) float64, or null.
struct Rows {
  const void *X; // (n, d) float32, or float64 with wide
  bool wide;
  Index n;
  int d;
  const double *fill, *mean, *scale;
  double factor;
};

/// Adds the sums of columns to sum (d,); scratch (column_scratch(n, d),)
void add_columns(const Rows &rows, double *scratch, double *sum, Stream stream);
Index column_scratch(Index n, int d);
/// Adds sums of products of two columns to gram (d, d); scratch (gram_scratch(n, d),)
void add_gram(const Rows &rows, double *scratch, double *gram, Stream stream);
Index gram_scratch(Index n, int d);
/// out (n, c): scores on axes (c, d)
void scores(const Rows &rows, const double *axes, int c, double *out, Stream stream);

} // namespace gputsne::cuda
