// The FFT for Python: charges to potential, and the kernel's spectrum. Addresses, sizes, a stream.
// Shapes stand in fft.hpp; who owns the arrays: gputsne/backends/cuda/fft.py.
#include "fft.hpp"
#include "bind.hpp"

namespace gputsne::cuda {

namespace py = pybind11;
using namespace py::literals;

template <class T> static std::vector<const T *> tables(const std::vector<Address> &given) {
  return {given.begin(), given.end()};
}

void bind_fft(py::module_ &m) {
  m.def("fft_fits", &fft_fits, "fft_shape"_a, "spectrum"_a,
        "Whether the current GPU can transform these lengths; in float64 for a spectrum.");
  m.def("fft_pitch", &fft_pitch, "length"_a, "Complex numbers from row to row of a convolution.");
  m.def(
      "convolve",
      [](Shape shape, Shape fft_shape, std::vector<Address> turns, Address rows, Address octant,
         Address charge, Address potential, Address stream) {
        convolve({shape, fft_shape, tables<float>(turns), rows, octant}, charge, potential, stream);
      },
      "shape"_a, "fft_shape"_a, "turns"_a, "rows"_a, "octant"_a, "charge"_a, "potential"_a,
      "stream"_a,
      "charge (M0, M1), fixed point, which is cleared -> potential (M0, M1); one axis alone too.");
  m.def("spectrum_scratch", &spectrum_scratch, "fft_shape"_a,
        "Numbers, float64, that either scratch array of a spectrum holds.");
  m.def(
      "spectrum",
      [](Shape fft_shape, std::vector<Address> turns, double h, double dof, double offset,
         std::vector<double> transfer, Address scratch, Address other, Address octant, bool across,
         Address stream) {
        spectrum({fft_shape, tables<double>(turns), h, dof, offset, transfer}, scratch, other,
                 octant, across, stream);
      },
      "fft_shape"_a, "turns"_a, "h"_a, "dof"_a, "offset"_a, "transfer"_a, "scratch"_a, "other"_a,
      "octant"_a, "across"_a, "stream"_a,
      "octant (G / 2 + 1 per axis) float32; with across its last axis first, scaled by 1 / nodes.");
}

} // namespace gputsne::cuda
