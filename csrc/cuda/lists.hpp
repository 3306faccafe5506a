// What gputsne._cuda can do with neighbour lists from outside: csrc/kernels/lists.hpp. As in
// launch.hpp: device memory that the caller owns, nothing allocated, nothing waited for.
#pragma once
#include "launch.hpp"

namespace gputsne::cuda {

/// Lists as they were given, (n, k).
struct Given {
  const void *ids; // int32, or int64 with wide_ids
  bool wide_ids;
  const void *distances; // float32, or float64 with wide_distances
  bool wide_distances;
  Index n, k;
};

/// out: the largest finite distance, at least 0; scratch (sum_scratch(),)
void farthest(const Given &lists, float *scratch, float *out, Stream stream);
/// Rows [begin, end): report (6,) gets the first row that names a point beyond all, that has an
/// impossible distance, that names a point twice and that lists nobody (-1 before), how many list
/// nobody, and 1 where a point lists itself (0 before). scratch ((end - begin) 2 k,).
void check_lists(const Given &lists, double slack, Index begin, Index end, uint64_t *scratch,
                 Index *report, Stream stream);
/// Rows [begin, end): the `keep` nearest others of each, ids and lengths (n, keep).
void sort_lists(const Given &lists, Index keep, Index begin, Index end, uint64_t *scratch,
                int32_t *ids, float *lengths, Stream stream);
/// first_bad, -1 before, becomes the first of distances (count,) that is below 0 or NaN
void check_lengths(const float *distances, Index count, Index *first_bad, Stream stream);
/// p (n, k) of distances (n, k)
void equal_weights(const float *distances, Index n, Index k, float *p, Stream stream);
void fixed_width(const float *distances, Index n, Index k, double sigma, float *p, Stream stream);

} // namespace gputsne::cuda
