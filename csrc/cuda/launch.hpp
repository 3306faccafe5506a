// What gputsne._cuda can ask of the GPU, one function per kernel; pointers are device memory that
// the caller owns, nothing is allocated and nothing waited for. Shapes are in C order; symbols:
// docs/math.md.
#pragma once
#include "../kernels/arguments.hpp"
#include "../kernels/step.hpp"
#include <string>

namespace gputsne {
struct MeshNumbers; // csrc/kernels/spline.hpp
struct StepNumbers; // csrc/kernels/extent.hpp
} // namespace gputsne

namespace gputsne::cuda {

using Stream = void *; // cudaStream_t, of CUDA's default stream or of CuPy's
using Charge = unsigned long long;

/// A mesh on the device.
struct DeviceMesh : Mesh {
  float offset = 0;  // taken off the kernel
  Floats self_terms; // (c + 1,) a point's own image
  /// Where the kernels take these numbers from instead, but order and shape; null for nowhere.
  MeshNumbers *now = nullptr;
};

/// A map.
struct Points {
  const float *Y; // (n, c)
  Index n;
  int c;
};

/// P.
struct Edges {
  const Index *indptr; // (n + 1,)
  const int *indices;  // (nnz,)
  const void *data;    // (nnz,) float32, or float16 with half
  bool half;
  float scale; // p_ij = scale * data
  Shape hubs;  // none, or addresses and sizes of Hubs in csrc/kernels/gpu_rows.hpp, in order
  int group;   // rows per warp; 0: as many as suit n. The sums don't depend on it.
};

/// What a step changes and obeys.
struct StepInto {
  const float *grad;                // (n, c)
  float *Y_next, *velocity, *gains; // (n, c)
  const double *Z;                  // one number
  float dof;
  StepParams params;
  Floats low, high; // (c,) the box that the mesh covers
  int *escaped;     // one number, set to 1 by a point that leaves the box
  unsigned *extent; // (2 c,) BoxKeys of csrc/kernels/extent.hpp, which Y_next is joined to; or null
  /// Where the kernel takes the numbers from exaggeration to the box from; null for nowhere.
  StepNumbers *now = nullptr;
  bool write = false; // whether these numbers are put there before
};

/// The directed graph that P is made of.
struct Directed {
  const int32_t *indices; // (n, k)
  const float *p;         // (n, k)
  Index n, k;
};

/// A fitted map and its field: gputsne.types.Reference.
struct Fitted {
  const float *Y; // (n, c)
  Index n;
  int c;
  float dof;
  const float *potential; // mesh, C order; null where phi is summed by definition
  Mesh mesh;
  float far, floor;
  Floats low, high; // (c,) the box that no new point leaves
};

/// New points: fitted neighbours and their conditional probabilities.
struct Query {
  const int *indices; // (m, k) in [0, n)
  const float *p;     // (m, k)
  Index m, k;
  float exaggeration;
  int max_iter;
};

// device.cu
int device_count(std::string &why_none);
std::string describe(int device);
void use_device(int device);

// deposit.cu: charge (shape), kept zero between calls; out (padded)
void deposit(const float *Y, Index n, int c, const DeviceMesh &mesh, Charge *charge, Stream stream);
void pack(Charge *charge, const Shape &shape, float *out, const Shape &padded, Stream stream);

// field.cu
Index sum_scratch(); // float64 numbers that sums need
void multiply(float *A, const Shape &fft_shape, const float *octant, float scale, Stream stream);
Index gather_scratch(Index n); // float64 numbers that gather needs
/// potential's strides are in elements; phi may be null; Z gets the sum over i and j != i of K;
/// scratch (gather_scratch(n),), its first number 0 before and after; extent (2 c,), the keys of
/// StepInto, is cleared, or null.
void gather(const float *Y, Index n, int c, const DeviceMesh &mesh, const float *potential,
            const Shape &strides, float *phi, float *grad, double *scratch, double *Z,
            unsigned *extent, Stream stream);
/// mesh.now gets the numbers of a mesh for n points.
void write_numbers(const DeviceMesh &mesh, Index n, Stream stream);
Index numbers_size(); // bytes that the numbers of a mesh or of a step take, at most
void exact(const float *Y, Index n, int c, float dof, float *phi, float *grad, float *z,
           unsigned *extent, Stream stream);
void total(const float *values, Index n, double *scratch, double *out, Stream stream);
/// out (2, c): smallest and largest coordinates; scratch (2 c sum_scratch(),)
void extent(const float *Y, Index n, int c, float *scratch, float *out, Stream stream);

// check.cu: first_bad, -1 before, becomes the first place that is none
void check_offsets(const Index *offsets, Index n, Index nnz, Index *first_bad, Stream stream);
void check_points(const int *points, Index count, Index n, Index *first_bad, Stream stream);

// step.cu
/// Where step.write, step.now gets the step's numbers first.
void attract_and_step(const Points &map, const Edges &edges, const StepInto &step, Stream stream);
/// rows (n,) is scratch; out gets sum p_ij (log p_ij - log K_ij).
void divergence(const Points &map, const Edges &edges, float dof, float *rows, double *scratch,
                double *out, Stream stream);

// graph.cu: csrc/kernels/symmetrize.hpp says in which order
void conditional(const float *distances, Index n, Index k, const double *perplexities, Index count,
                 float *p, uint8_t *missed, Stream stream);
void count_incoming(const Directed &edges, Index *incoming, Index *first_bad, Stream stream);
void fill_incoming(const Directed &edges, Index *cursor, uint64_t *transpose, Stream stream);
/// Rows longer than `longest` are left as they are.
void sort_rows(const Index *start, Index n, Index longest, uint64_t *transpose, uint64_t *scratch,
               Stream stream);
void row_sizes(const Directed &edges, const Index *start, const uint64_t *transpose, Index *size,
               Stream stream);
/// Rows [begin, end) of P; scratch ((end - begin) (2 k + 1),).
void merge_rows(const Directed &edges, const Index *start, const uint64_t *transpose,
                const Index *indptr, int32_t *indices, float *data, Index begin, Index end,
                uint64_t *scratch, Stream stream);
void to_half(const float *data, Index nnz, float scale, uint16_t *half, Stream stream);

// place.cu: out (m, c)
void place(const Fitted &map, const Query &query, float *out, Stream stream);

// order.cu: order (n,) new -> old
void curve(const float *Y, Index n, int c, const Floats &low, const Floats &high, uint32_t *code,
           Stream stream);
void invert(const int *order, Index n, int *inverse, Stream stream);
void moved_degrees(const Index *indptr, const int *order, Index n, Index *size, Stream stream);
/// data and new_data float32, or float16 with half
void move_edges(const Index *indptr, const int *indices, const void *data, bool half,
                const int *order, const int *inverse, Index n, const Index *new_indptr,
                int *new_indices, void *new_data, Stream stream);

/// The map's rows as the kernels load them: two coordinates at once.
inline void check_aligned(const char *name, const void *Y, int c) {
  if (c == 2 && reinterpret_cast<uintptr_t>(Y) % 8)
    refuse(name, " lies at an address that 8 does not divide; pass a whole array, not a slice");
}

} // namespace gputsne::cuda
