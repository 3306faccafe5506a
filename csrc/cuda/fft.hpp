// What gputsne._cuda can ask of its own FFT and of the kernel's spectrum. Tables of turns have one
// complex number per frequency, exp(-2 pi i k / n): pairs of float32, or of float64 for the
// spectrum.
#pragma once
#include "launch.hpp"

namespace gputsne::cuda {

/// A mesh's charges on their way to its potential.
struct Convolution {
  Shape shape, fft_shape;           // (M0, M1) and (G0, G1); one axis alone: (M,) and (G,)
  std::vector<const float *> turns; // one table per axis
  float *rows;                      // scratch (M0, fft_pitch(G1)), complex; none for one axis
  const float *octant; // (G1 / 2 + 1, G0 / 2 + 1): contiguous along the first axis; or (G / 2 + 1,)
};

/// The kernel whose spectrum is asked for, and the mesh.
struct Spectrum {
  Shape fft_shape;
  std::vector<const double *> turns; // one table per axis
  double h, dof, offset;
  std::vector<double> transfer; // cosine series of one axis
};

// fft.cu
/// Whether lengths can be transformed on the current GPU; in float64 for the spectrum.
bool fft_fits(const Shape &fft_shape, bool spectrum);
/// Complex numbers from one row of `rows` to the next.
Index fft_pitch(Index length);
/// charge (M0, M1), which is cleared -> potential (M0, M1)
void convolve(const Convolution &c, Charge *charge, float *potential, Stream stream);
/// Numbers that each of the two scratch arrays holds.
Index spectrum_scratch(const Shape &fft_shape);
/// Folded spectrum over the transfers and over the number of FFT nodes: octant in C order, or with
/// `across` its last axis first.
void spectrum(const Spectrum &of, double *scratch, double *other, float *octant, bool across,
              Stream stream);

} // namespace gputsne::cuda
