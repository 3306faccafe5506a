// How do the kernels of the iteration reach Python? Addresses, sizes, a stream. The arrays' shapes
// stand in launch.hpp; who owns them and in which order they are called:
// gputsne/backends/cuda/ops.py.
#include "bind.hpp"

namespace gputsne::cuda {

void bind_iteration(pybind11::module_ &m) {
  namespace py = pybind11;
  using namespace py::literals;

  m.def(
      "deposit",
      [](Address Y, Index n, int c, Floats center, float inv_h, int order, Shape shape,
         Address charge,
         Address stream) { deposit(Y, n, c, {center, inv_h, order, shape}, charge, stream); },
      "Y"_a, "n"_a, "c"_a, "center"_a, "inv_h"_a, "order"_a, "shape"_a, "charge"_a, "stream"_a,
      "Adds the spline weights of all points to charge (shape), uint64, 2^32 per unit.");
  m.def(
      "pack",
      [](Address charge, Shape shape, Address out, Shape padded, Address stream) {
        pack(charge, shape, out, padded, stream);
      },
      "charge"_a, "shape"_a, "out"_a, "padded"_a, "stream"_a,
      "charge (shape) -> out (padded), float32, zeros outside; charge is cleared.");
  m.def(
      "multiply",
      [](Address A, Shape fft_shape, Address octant, float scale, Address stream) {
        multiply(A, fft_shape, octant, scale, stream);
      },
      "A"_a, "fft_shape"_a, "octant"_a, "scale"_a, "stream"_a,
      "A (G0, .., G_last / 2 + 1), complex64, times scale times the octant (G / 2 + 1), float32.");
  m.def(
      "gather",
      [](Address Y, Index n, int c, Floats center, float inv_h, int order, Shape shape,
         Address potential, Shape strides, float offset, Floats self_terms, Address phi,
         Address grad, Address z, Address stream) {
        gather(Y, n, c, {center, inv_h, order, shape}, potential, strides, offset, self_terms, phi,
               grad, z, stream);
      },
      "Y"_a, "n"_a, "c"_a, "center"_a, "inv_h"_a, "order"_a, "shape"_a, "potential"_a, "strides"_a,
      "offset"_a, "self_terms"_a, "phi"_a, "grad"_a, "z"_a, "stream"_a,
      "Fills phi (n,), grad (n, c) and z (n,), the sum over j != i of K; strides in elements.");
  m.def(
      "exact",
      [](Address Y, Index n, int c, float dof, Address phi, Address grad, Address z,
         Address stream) { exact(Y, n, c, dof, phi, grad, z, stream); },
      "Y"_a, "n"_a, "c"_a, "dof"_a, "phi"_a, "grad"_a, "z"_a, "stream"_a,
      "What gather fills, by definition, O(n^2).");
  m.def("sum_scratch", &sum_scratch, "Numbers of the result's type that a sum's scratch holds.");
  m.def(
      "total",
      [](Address values, Index n, Address scratch, Address out, Address stream) {
        total(values, n, scratch, out, stream);
      },
      "values"_a, "n"_a, "scratch"_a, "out"_a, "stream"_a,
      "out (1,) float64 = sum of values (n,) float32; scratch (sum_scratch(),) float64.");
  m.def(
      "extent",
      [](Address Y, Index n, int c, Address scratch, Address out, Address stream) {
        extent(Y, n, c, scratch, out, stream);
      },
      "Y"_a, "n"_a, "c"_a, "scratch"_a, "out"_a, "stream"_a,
      "out (2, c) float32: smallest and largest coordinates; scratch (sum_scratch() 2 c,) "
      "float32.");
  m.def(
      "attract_and_step",
      [](Address Y, Index n, int c, Address indptr, Address indices, Address data, bool half,
         float scale, Shape hubs, Address grad, Address Y_next, Address velocity, Address gains,
         Address Z, float dof, float exaggeration, float momentum, float learning_rate,
         float max_step, float min_gain, Floats low, Floats high, Address escaped, Address stream) {
        Edges edges{Y, n, c, indptr, indices, data, half, scale, hubs};
        StepInto into{grad,     Y_next,        velocity, gains,    Z,   dof,  exaggeration,
                      momentum, learning_rate, max_step, min_gain, low, high, escaped};
        attract_and_step(edges, into, stream);
      },
      "Y"_a, "n"_a, "c"_a, "indptr"_a, "indices"_a, "data"_a, "half"_a, "scale"_a, "hubs"_a,
      "grad"_a, "Y_next"_a, "velocity"_a, "gains"_a, "Z"_a, "dof"_a, "exaggeration"_a, "momentum"_a,
      "learning_rate"_a, "max_step"_a, "min_gain"_a, "low"_a, "high"_a, "escaped"_a, "stream"_a,
      R"(Fills Y_next; velocity and gains are updated in place.

p_ij = scale data, data float32, or float16 with half. Z (1,) float64 and escaped (1,) int32 stay on
the device: escaped becomes 1 where a point leaves the box low, high (c,). hubs: nothing, or for
rows of more than `piece` edges the addresses of row (count,) and first (count + 1,), int32, then
count, pieces, piece, and the address of scratch (pieces, c) float32.)");
  m.def(
      "divergence",
      [](Address Y, Index n, int c, Address indptr, Address indices, Address data, bool half,
         float scale, Shape hubs, float dof, Address rows, Address scratch, Address out,
         Address stream) {
        divergence({Y, n, c, indptr, indices, data, half, scale, hubs}, dof, rows, scratch, out,
                   stream);
      },
      "Y"_a, "n"_a, "c"_a, "indptr"_a, "indices"_a, "data"_a, "half"_a, "scale"_a, "hubs"_a,
      "dof"_a, "rows"_a, "scratch"_a, "out"_a, "stream"_a,
      "out (1,) float64 = sum p_ij (log p_ij - log K_ij); rows (n,) float32 is scratch.");
  m.def(
      "to_half",
      [](Address data, Index nnz, float scale, Address half, Address stream) {
        to_half(data, nnz, scale, half, stream);
      },
      "data"_a, "nnz"_a, "scale"_a, "half"_a, "stream"_a,
      "half (nnz,) float16 = data scale, to nearest.");
}

} // namespace gputsne::cuda
