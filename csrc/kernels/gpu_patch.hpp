// Deposit and gather on the GPU: a block's points lie along a curve, so that a small patch of the
// mesh holds all their stencils. The patch lies in shared memory; where it would not fit, the mesh
// itself is used. Twin of csrc/cpu/deposit_bands.hpp; the bodies are those of deposit.hpp and
// gather.hpp.
#pragma once
#include "deposit.hpp"
#include "gather.hpp"
#include "gpu_machine.hpp"

namespace gputsne {

/// Nodes of a patch of charges, 24 KB: eight blocks fit into a processor. In a map of MNIST's shape
/// the median block needs 700 (70,000 points, 256 of them per block) or 220 (a million, 512).
constexpr int CHARGES = 6144;
/// Nodes of a patch of the potential, 12 KB: to read 12 per thread side by side costs less than 36
/// from anywhere; to read more does not.
constexpr int POTENTIALS = 3072;
/// Points per block of a deposit: the more, the fewer nodes are sent per point; few points need
/// more blocks. A node in shared memory has 32 bits, and in one axis a weight is up to 2/3.
constexpr int PATCH_POINTS[] = {256, 512};
constexpr Index MANY_POINTS = 200'000;
static_assert(512 * (4. / 9) * (CHARGE_UNIT + 1) < 4294967296., "two axes, order 4, one place");
static_assert(256 * (2. / 3) * (CHARGE_UNIT + 1) < 4294967296., "one axis, order 4, one place");

/// The box of nodes that a block's points touch, as it lies in shared memory. The last axis has an
/// odd length there, so that the rows of a stencil lie in different banks.
template <int C> struct Patch {
  int low[C];      // its first node on the mesh
  Index stride[C]; // in shared memory
  int nodes;       // in shared memory
  bool fits;

  /// Where node i of shared memory lies on the mesh, or -1 where that is beyond the mesh's nodes.
  ON_GPU Index on_mesh(const Grid<C> &grid, int i) const {
    Index at = 0;
    UNROLL for (int a = 0; a < C; ++a) {
      int k = a < C - 1 ? i / int(stride[a]) : i;
      i -= k * int(stride[a]);
      k += low[a];
      if (k >= grid.m[a])
        return -1;
      at += k * grid.stride[a];
    }
    return at;
  }
};

/// Numbers whose maxima are a box of first nodes: 0 is no point.
template <int C, int P> struct Corners {
  static constexpr unsigned FAR = 1u << 31; // more than any axis has nodes
  unsigned v[2 * C] = {};
  ON_GPU void join(const int *node) {
    UNROLL for (int a = 0; a < C; ++a) {
      unsigned low = FAR - unsigned(node[a]), high = unsigned(node[a]) + 1;
      v[a] = v[a] < low ? low : v[a];
      v[C + a] = v[C + a] < high ? high : v[C + a];
    }
  }
};

/// The patch of the block's points. All threads must take part.
template <int C, int P> ON_GPU Patch<C> patch_of(const Corners<C, P> &mine, int most) {
  __shared__ unsigned joined[2 * C];
  block_max(mine.v, joined);
  bool any = joined[C];
  Patch<C> patch;
  Index nodes = 1;
  UNROLL for (int a = C - 1; a >= 0; --a) {
    patch.low[a] = any ? int(Corners<C, P>::FAR - joined[a]) : 0;
    int size = int(joined[C + a]) - 1 - patch.low[a] + P;
    patch.stride[a] = nodes;
    nodes *= a == C - 1 ? size | 1 : size;
  }
  patch.fits = any && nodes <= most;
  patch.nodes = patch.fits ? int(nodes) : 0;
  return patch;
}

/// P lanes per point. A group of lanes takes consecutive points, so that the points of a warp lie
/// apart and seldom share a node.
template <int C, int P>
__global__ void __launch_bounds__(BLOCK)
    deposit_k(Index first, int n, int points, Deposit<C, P> given) {
  Deposit<C, P> body = given;
  body.grid.refresh();
  __shared__ unsigned tile[CHARGES];
  constexpr int GROUPS = BLOCK / P;
  int begin = int(blockIdx.x) * points, end = n - begin < points ? n : begin + points;
  int node[C];
  float t[C];
  Corners<C, P> corners;
  for (int i = begin + int(threadIdx.x); i < end; i += BLOCK) {
    body.locate(first + i, node, t);
    corners.join(node);
  }
  Patch<C> patch = patch_of(corners, CHARGES);
  for (int i = int(threadIdx.x); i < patch.nodes; i += BLOCK)
    tile[i] = 0;
  __syncthreads();
  int group = int(threadIdx.x) / P, lane = int(threadIdx.x) % P;
  int run = (points + GROUPS - 1) / GROUPS, from = begin + group * run;
  int to = group == GROUPS    ? from
           : end - from < run ? end
                              : from + run; // the rest of the block idles
  for (int i = from; i < to; ++i) {
    body.locate(first + i, node, t);
    if (patch.fits) {
      Index at = lane;
      UNROLL for (int a = 0; a < C; ++a)
        at += (node[a] - patch.low[a]) * patch.stride[a];
      body.lane(t, lane, tile + at, patch.stride);
    } else {
      body.lane(t, lane, body.charge + body.place(node) + lane, body.grid.stride);
    }
  }
  __syncthreads();
  for (int i = int(threadIdx.x); i < patch.nodes; i += BLOCK)
    if (tile[i]) // never in the column that makes the length odd
      add_to(body.charge + patch.on_mesh(body.grid, i), Charge(tile[i]));
}

/// Where Z is added up.
struct FieldSum {
  double *part;      // one per block
  unsigned *counter; // 0 before and after
  double *Z;
  unsigned *extent; // keys to be cleared for the step that follows, or null
  int keys;
};

/// A thread per point; Z as the sum of the blocks' parts, in their order.
template <int C, int P>
__global__ void __launch_bounds__(BLOCK) gather_k(unsigned n, Gather<C, P> given, FieldSum sum) {
  Gather<C, P> body = given;
  body.refresh();
  __shared__ float tile[POTENTIALS];
  __shared__ double tree[BLOCK];
  Index i = Index(blockIdx.x) * BLOCK + threadIdx.x;
  Corners<C, P> corners;
  if (i < n) {
    int node[C];
    float t[C];
    body.locate(i, node, t);
    corners.join(node);
  }
  Patch<C> patch = patch_of(corners, POTENTIALS);
  for (int k = int(threadIdx.x); k < patch.nodes; k += BLOCK) {
    Index at = patch.on_mesh(body.grid, k);
    tile[k] = at < 0 ? 0.f : body.potential[at];
  }
  __syncthreads();
  float others = 0;
  if (i < n && patch.fits) {
    Gather<C, P> near = body;
    near.potential = tile;
    near.origin = 0;
    UNROLL for (int a = 0; a < C; ++a) {
      near.grid.stride[a] = patch.stride[a];
      near.origin += patch.low[a] * patch.stride[a];
    }
    others = near(i);
  } else if (i < n) {
    others = body(i);
  }
  block_sum(double(others), tree);
  if (threadIdx.x == 0)
    POST(sum.part + blockIdx.x, tree[0]);
  if (blockIdx.x == 0 && threadIdx.x < sum.keys)
    sum.extent[threadIdx.x] = 0;
  if (!last_block(sum.counter))
    return;
  double all = 0;
  for (unsigned b = threadIdx.x; b < gridDim.x; b += BLOCK)
    all += sum.part[b];
  block_sum(all, tree);
  if (threadIdx.x == 0)
    *sum.Z = tree[0];
}

/// Adds the charges of n points.
template <int C, int P> void deposit_all(const Gpu &machine, Index n, const Deposit<C, P> &body) {
  int points = PATCH_POINTS[C > 1 && n >= MANY_POINTS];
  Gpu::slices<Deposit<C, P>>(n, [&](Index first, int count) {
    auto kernel = deposit_k<C, P>;
    LAUNCH(kernel, Gpu::blocks(count, points), BLOCK, machine.stream, first, count, points, body);
  });
}

/// Fills what body fills for n points, and *Z. scratch has gather_parts(n) numbers of float64, the
/// first of them 0 before and after.
inline Index gather_parts(Index n) { return 1 + Gpu::blocks(n, BLOCK); }
template <int C, int P>
void gather_all(const Gpu &machine, Index n, const Gather<C, P> &body, double *scratch, double *Z,
                unsigned *extent) {
  if (n >> 32)
    throw std::invalid_argument("n=" + std::to_string(n) + " points; at most 2^32 are compiled");
  FieldSum sum{scratch + 1, reinterpret_cast<unsigned *>(scratch), Z, extent, extent ? 2 * C : 0};
  auto kernel = gather_k<C, P>;
  LAUNCH(kernel, Gpu::blocks(n, BLOCK), BLOCK, machine.stream, unsigned(n), body, sum);
  check(cudaGetLastError(), "gather");
}

} // namespace gputsne
