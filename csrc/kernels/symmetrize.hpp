// The edges of the joint matrix P = (p_j|i + p_i|j) / 2n, row by row, each column once,
// ascending. Bodies in the order they run: CountIncoming, (scan), FillIncoming, (on the GPU
// SortRow), RowSizes, (scan), MergeRow. The transpose is exact in memory (8 bytes per edge); the
// union is never built larger than it ends up.
#pragma once
#include "sort.hpp"
#include <cstring>

namespace gputsne {

/// One edge as a sortable key: the other point above, the bits of its float32 weight below.
HD uint64_t pack_edge(int32_t point, float weight) {
  uint32_t bits;
  std::memcpy(&bits, &weight, sizeof bits);
  return (static_cast<uint64_t>(static_cast<uint32_t>(point)) << 32) | bits;
}
HD int32_t edge_point(uint64_t edge) { return static_cast<int32_t>(edge >> 32); }
HD float edge_weight(uint64_t edge) {
  uint32_t bits = static_cast<uint32_t>(edge);
  float weight;
  std::memcpy(&weight, &bits, sizeof weight);
  return weight;
}

/// Bits that tell the points [0, n) apart.
HD int point_bits(Index n) {
  int bits = 1;
  while (bits < 31 && (Index(1) << bits) < n)
    ++bits;
  return bits;
}

/// Sorts count edges by point, of `bits` bits: insertion for short lists, else by digits. scratch
/// has count places.
HD void sort_edges(uint64_t *edges, uint64_t *scratch, Index count, int bits) {
  constexpr Index SHORT = 24; // measured crossing
  if (count > SHORT) {
    radix_sort(edges, scratch, count, 32, bits);
    return;
  }
  for (Index i = 1; i < count; ++i) {
    uint64_t edge = edges[i];
    Index j = i;
    for (; j > 0 && edges[j - 1] > edge; --j)
      edges[j] = edges[j - 1];
    edges[j] = edge;
  }
}

/// The directed graph: row i lists the k neighbours of point i, in any order. Edges of weight zero
/// (and the exact zeros that perplexity.hpp makes) do not exist.
struct DirectedEdges {
  const int32_t *neighbor; // (n, k)
  const float *p;          // (n, k)
  Index n, k;
  HD Index begin(Index i) const { return i * k; }
  HD bool valid(Index i, Index e) const {
    return neighbor[e] >= 0 && neighbor[e] < n && neighbor[e] != i && p[e] >= 0 &&
           p[e] <= 3.4028234663852886e38f;
  }
};

/// Adds row i to the in-degrees. A band of rows that runs in order owns its `incoming` (n,) and
/// `first_bad`, which keeps the first row with an impossible edge (-1 while there is none).
struct CountIncoming {
  DirectedEdges edges;
  Index *incoming, *first_bad;
  HD void operator()(Index i) const {
    for (Index e = edges.begin(i); e < edges.begin(i + 1); ++e) {
      if (!edges.valid(i, e)) {
        store_min_index(first_bad, i);
      } else if (edges.p[e] > 0) {
        fetch_add(incoming + edges.neighbor[e]);
      }
    }
  }
};

/// Writes row i into the transpose. `cursor` (n,) belongs to the band: its next free place in each
/// row of the transpose. Bands in order and rows in order leave each row sorted by source.
struct FillIncoming {
  DirectedEdges edges;
  Index *cursor;
  uint64_t *transpose;
  HD void operator()(Index i) const {
    for (Index e = edges.begin(i); e < edges.begin(i + 1); ++e)
      if (edges.p[e] > 0)
        transpose[fetch_add(cursor + edges.neighbor[e])] =
            pack_edge(static_cast<int32_t>(i), edges.p[e]);
  }
};

/// Sorts row i of the transpose by source. Only the GPU needs it: there threads fill in any order.
struct SortRow {
  const Index *start;            // (n + 1,) rows of the transpose
  uint64_t *transpose, *scratch; // (start[n],) each
  int bits;                      // point_bits(n)
  Index longest;                 // longer rows are the caller's, one thread would take too long
  HD void operator()(Index i) const {
    Index count = start[i + 1] - start[i];
    if (count <= longest)
      sort_edges(transpose + start[i], scratch + start[i], count, bits);
  }
};

/// Degree of point i in P: own edges + incoming ones - those seen from both sides. A point that
/// lists this one twice gives -1 - that point, for the scan to report.
struct RowSizes {
  DirectedEdges edges;
  const Index *start; // (n + 1,) rows of the transpose
  const uint64_t *transpose;
  Index *size; // out (n,)
  HD void operator()(Index i) const {
    const uint64_t *in = transpose + start[i];
    Index incoming = start[i + 1] - start[i], degree = incoming;
    for (Index a = 1; a < incoming; ++a)
      if (edge_point(in[a]) == edge_point(in[a - 1])) {
        size[i] = -1 - static_cast<Index>(edge_point(in[a]));
        return;
      }
    for (Index e = edges.begin(i); e < edges.begin(i + 1); ++e)
      if (edges.p[e] > 0)
        degree += !contains(in, incoming, edges.neighbor[e]);
    size[i] = degree;
  }

  /// Binary search without a branch on the comparison: a row lies in L1, so that a load costs less
  /// than a branch that is predicted wrongly half of the time.
  HD static bool contains(const uint64_t *sorted, Index count, int32_t point) {
    if (count == 0)
      return false;
    const uint64_t *at = sorted;
    for (; count > 1; count -= count / 2)
      at += edge_point(at[count / 2]) <= point ? count / 2 : 0;
    return edge_point(*at) == point;
  }
};

/// Writes row i of P. `own` has 2 k + 1 places for this body alone. The sum of the two conditionals
/// is taken in float64, where it commutes, so P is symmetric to the bit.
struct MergeRow {
  DirectedEdges edges;
  const Index *start; // (n + 1,) rows of the transpose
  const uint64_t *transpose;
  const Index *indptr; // (n + 1,) rows of P
  int32_t *indices;    // out (nnz,)
  float *data;         // out (nnz,)
  HD void operator()(Index i, uint64_t *own) const {
    constexpr uint64_t LAST = UINT64_MAX; // beyond every point
    Index degree = 0;
    for (Index e = edges.begin(i); e < edges.begin(i + 1); ++e)
      if (edges.p[e] > 0)
        own[degree++] = pack_edge(edges.neighbor[e], edges.p[e]);
    sort_edges(own, own + degree, degree, point_bits(edges.n));
    own[degree] = LAST;
    const double scale = 0.5 / static_cast<double>(edges.n);
    Index a = 0, b = start[i], b_end = start[i + 1];
    for (Index at = indptr[i]; at < indptr[i + 1]; ++at) {
      uint64_t left = own[a], right = b < b_end ? transpose[b] : LAST;
      // No branch predictor can tell which side comes next, so both are taken and the absent one is
      // masked out.
      bool from_left = left >> 32 <= right >> 32, from_right = right >> 32 <= left >> 32;
      double sum = static_cast<double>(edge_weight(left & (0 - uint64_t(from_left)))) +
                   static_cast<double>(edge_weight(right & (0 - uint64_t(from_right))));
      indices[at] = edge_point(from_left ? left : right);
      data[at] = static_cast<float>(sum * scale);
      a += from_left;
      b += from_right;
    }
  }
};

} // namespace gputsne
