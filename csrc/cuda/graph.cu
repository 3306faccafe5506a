// From neighbours to P: perplexity, transpose, sort and union, row by row; P in half floats. What
// is between (running sums, rows too long for one thread) is arrays.cu's. On the CPU:
// cpu/bind_graph.cpp.
#include "launch.hpp"
#include "../kernels/gpu_machine.hpp"
#include "../kernels/half.hpp"
#include "../kernels/perplexity.hpp"
#include "../kernels/symmetrize.hpp"

namespace gputsne::cuda {

static DirectedEdges view(const Directed &edges) {
  return {edges.indices, edges.p, edges.n, edges.k};
}

/// MergeRow with the scratch that belongs to its row.
struct MergeSlice {
  MergeRow body;
  Index begin;
  uint64_t *scratch;
  HD void operator()(Index i) const { body(begin + i, scratch + i * (2 * body.edges.k + 1)); }
};

void conditional(const float *distances, Index n, Index k, const double *perplexities, Index count,
                 float *p, uint8_t *missed, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(n, Conditional{distances, k, perplexities, count, p, missed});
}

void count_incoming(const Directed &edges, Index *incoming, Index *first_bad, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(edges.n, CountIncoming{view(edges), incoming, first_bad});
}

void fill_incoming(const Directed &edges, Index *cursor, uint64_t *transpose, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(edges.n, FillIncoming{view(edges), cursor, transpose});
}

void sort_rows(const Index *start, Index n, Index longest, uint64_t *transpose, uint64_t *scratch,
               Stream stream) {
  Gpu{cudaStream_t(stream)}.each(n, SortRow{start, transpose, scratch, point_bits(n), longest});
}

void row_sizes(const Directed &edges, const Index *start, const uint64_t *transpose, Index *size,
               Stream stream) {
  Gpu{cudaStream_t(stream)}.each(edges.n, RowSizes{view(edges), start, transpose, size});
}

void merge_rows(const Directed &edges, const Index *start, const uint64_t *transpose,
                const Index *indptr, int32_t *indices, float *data, Index begin, Index end,
                uint64_t *scratch, Stream stream) {
  if (begin < 0 || end > edges.n || begin > end)
    refuse("rows [", begin, ", ", end, ") are not within n=", edges.n);
  MergeRow body{view(edges), start, transpose, indptr, indices, data};
  Gpu{cudaStream_t(stream)}.each(end - begin, MergeSlice{body, begin, scratch});
}

void to_half(const float *data, Index nnz, float scale, uint16_t *half, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(nnz, ToHalf{data, half, scale});
}

} // namespace gputsne::cuda
