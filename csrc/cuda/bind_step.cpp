// The step for Python: attract_and_step and divergence. Addresses, sizes, a stream.
// The arrays' shapes stand in launch.hpp; who owns them and in which order they are called:
// gputsne/backends/cuda/step.py.
#include "bind.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

void bind_step(py::module_ &m) {
  py::class_<Edges>(m, "Edges", "What the kernels are told of P; the caller keeps the arrays.",
                    py::module_local())
      .def(py::init(
               [](Address indptr, Address indices, Address data, bool half, float scale, Shape hubs,
                  int group) { return Edges{indptr, indices, data, half, scale, hubs, group}; }),
           py::kw_only(), "indptr"_a, "indices"_a, "data"_a, "half"_a = false, "scale"_a = 1.f,
           "hubs"_a = Shape(), "group"_a = 0,
           R"(indptr (n + 1,) int64, indices (nnz,) int32; p_ij = scale data.

data (nnz,): float32, or float16 with half. hubs: nothing, or for rows of more than `piece` edges the
addresses of row (count,) and first (count + 1,), int32, then count, pieces, piece, and the address
of scratch (pieces, c) float32. group: rows per warp, 0 for as many as suit n; the sums don't depend
on it.)");
  py::class_<StepInto>(m, "StepInto", "What a step changes and obeys; the caller keeps the arrays.",
                       py::module_local())
      .def(py::init([](Address grad, Address Y_next, Address velocity, Address gains, Address Z,
                       float dof, float exaggeration, float momentum, float learning_rate,
                       float max_step, float min_gain, Floats low, Floats high, Address escaped,
                       Address extent, Address now, bool write) {
             StepParams params{exaggeration, momentum, learning_rate, max_step, min_gain};
             return StepInto{grad, Y_next, velocity, gains,  Z,   dof,  params,
                             low,  high,   escaped,  extent, now, write};
           }),
           py::kw_only(), "grad"_a, "Y_next"_a, "velocity"_a, "gains"_a, "Z"_a, "dof"_a,
           "exaggeration"_a, "momentum"_a, "learning_rate"_a, "max_step"_a, "min_gain"_a, "low"_a,
           "high"_a, "escaped"_a, "extent"_a = 0, "now"_a = 0, "write"_a = false,
           R"(grad, Y_next, velocity and gains (n, c) float32; Z (1,) float64 stays on the device.

escaped (1,) int32 becomes 1 where a point leaves the box low, high (c,). extent (2 c,) uint32, or
none: the extent of Y_next is joined to it by maxima; per axis how far down it reaches, then how far
up, 0 for nothing, in the code of BoxKeys (csrc/kernels/extent.hpp). now: numbers_size() bytes, or 0:
the kernel takes the numbers from exaggeration to high from there, where `write` puts them before.)");
  m.def(
      "attract_and_step",
      [](Address Y, Index n, int c, const Edges &P, const StepInto &into, Address stream) {
        attract_and_step({Y, n, c}, P, into, stream);
      },
      "Y"_a, "n"_a, "c"_a, "P"_a, "into"_a, "stream"_a,
      "Fills into's Y_next; its velocity and gains are updated in place.");
  m.def(
      "divergence",
      [](Address Y, Index n, int c, const Edges &P, float dof, Address rows, Address scratch,
         Address out,
         Address stream) { divergence({Y, n, c}, P, dof, rows, scratch, out, stream); },
      "Y"_a, "n"_a, "c"_a, "P"_a, "dof"_a, "rows"_a, "scratch"_a, "out"_a, "stream"_a,
      "out (1,) float64 = sum p_ij (log p_ij - log K_ij); rows (n,) float32 is scratch.");
}

} // namespace gputsne::cuda
