// The field for Python: deposit to extent. Addresses, sizes, a stream.
// The arrays' shapes stand in launch.hpp; who owns them and in which order they are called:
// gputsne/backends/cuda/field.py.
#include "bind.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

void bind_field(py::module_ &m) {
  py::class_<DeviceMesh>(m, "Mesh", "What the kernels are told of a mesh.", py::module_local())
      .def(py::init([](Floats center, float inv_h, int order, Shape shape, float offset,
                       Floats self_terms, Address now) {
             return DeviceMesh{{center, inv_h, order, shape}, offset, self_terms, now};
           }),
           "center"_a, "inv_h"_a, "order"_a, "shape"_a, "offset"_a = 0.f, "self_terms"_a = Floats(),
           "now"_a = 0,
           R"(Node m / 2 of an axis lies at center (c,); shape (c,) in nodes.

offset and self_terms (c + 1,) are for gather. now: numbers_size() bytes that write_numbers has
filled, or 0: kernels take center, inv_h, offset and self_terms from there, so that what a graph has
captured goes on with another mesh of this shape.)");
  m.def(
      "write_numbers",
      [](const DeviceMesh &mesh, Index n, Address stream) { write_numbers(mesh, n, stream); },
      "mesh"_a, "n"_a, "stream"_a, "Fills mesh's now with its numbers for n points.");
  m.def("numbers_size", &numbers_size, "Bytes of the numbers of a mesh or of a step, at most.");
  m.def(
      "deposit",
      [](Address Y, Index n, int c, const DeviceMesh &mesh, Address charge, Address stream) {
        deposit(Y, n, c, mesh, charge, stream);
      },
      "Y"_a, "n"_a, "c"_a, "mesh"_a, "charge"_a, "stream"_a,
      "Adds the spline weights of all points to charge (shape), uint64, 2^24 per unit.");
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
      [](Address Y, Index n, int c, const DeviceMesh &mesh, Address potential, Shape strides,
         Address phi, Address grad, Address scratch, Address Z, Address extent, Address stream) {
        gather(Y, n, c, mesh, potential, strides, phi, grad, scratch, Z, extent, stream);
      },
      "Y"_a, "n"_a, "c"_a, "mesh"_a, "potential"_a, "strides"_a, "phi"_a, "grad"_a, "scratch"_a,
      "Z"_a, "extent"_a, "stream"_a,
      R"(Fills phi (n,) where it is given, grad (n, c) and Z (1,) float64; strides in elements.

scratch (gather_scratch(n),) float64: its first number is 0 before and after. extent (2 c,) uint32,
or 0: is cleared, for the step that follows to join the extent of its map to it.)");
  m.def("gather_scratch", &gather_scratch, "n"_a,
        "Numbers of float64 that gather's scratch holds.");
  m.def(
      "exact",
      [](Address Y, Index n, int c, float dof, Address phi, Address grad, Address z, Address extent,
         Address stream) { exact(Y, n, c, dof, phi, grad, z, extent, stream); },
      "Y"_a, "n"_a, "c"_a, "dof"_a, "phi"_a, "grad"_a, "z"_a, "extent"_a, "stream"_a,
      R"(Fills phi (n,) where it is given, grad (n, c) and z (n,), the sum over j != i of K.

By definition, O(n^2). extent as in gather.)");
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
}

} // namespace gputsne::cuda
