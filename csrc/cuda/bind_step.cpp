// The step for Python: attract_and_step and divergence. Addresses, sizes, a stream.
// The arrays' shapes stand in launch.hpp; who owns them and in which order they are called:
// gputsne/backends/cuda/step.py.
#include "bind.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

void bind_step(py::module_ &m) {
  m.def(
      "attract_and_step",
      [](Address Y, Index n, int c, Address indptr, Address indices, Address data, bool half,
         float scale, Shape hubs, Address grad, Address Y_next, Address velocity, Address gains,
         Address Z, float dof, float exaggeration, float momentum, float learning_rate,
         float max_step, float min_gain, Floats low, Floats high, Address escaped, Address now,
         bool write, Address stream) {
        Edges edges{Y, n, c, indptr, indices, data, half, scale, hubs};
        StepParams params{exaggeration, momentum, learning_rate, max_step, min_gain};
        StepInto into{grad, Y_next, velocity, gains, Z, dof, params, low, high, escaped, now};
        if (write)
          write_numbers(edges, into, stream);
        attract_and_step(edges, into, stream);
      },
      "Y"_a, "n"_a, "c"_a, "indptr"_a, "indices"_a, "data"_a, "half"_a, "scale"_a, "hubs"_a,
      "grad"_a, "Y_next"_a, "velocity"_a, "gains"_a, "Z"_a, "dof"_a, "exaggeration"_a, "momentum"_a,
      "learning_rate"_a, "max_step"_a, "min_gain"_a, "low"_a, "high"_a, "escaped"_a, "now"_a,
      "write"_a, "stream"_a,
      R"(Fills Y_next; velocity and gains are updated in place.

p_ij = scale data, data float32, or float16 with half. Z (1,) float64 and escaped (1,) int32 stay on
the device: escaped becomes 1 where a point leaves the box low, high (c,). hubs: nothing, or for
rows of more than `piece` edges the addresses of row (count,) and first (count + 1,), int32, then
count, pieces, piece, and the address of scratch (pieces, c) float32. now: numbers_size() bytes, or 0:
the kernel takes the numbers from exaggeration to high from there, where `write` puts them before.)");
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
}

} // namespace gputsne::cuda
