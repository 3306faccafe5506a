// Charges to potential by an FFT of our own, in three launches, and the kernel's spectrum. On the
// CPU: gputsne/backends/host.py, and _spectrum of gputsne/engine/mesh.py.
#include "fft.hpp"
#include "../kernels/gpu_fft.hpp"

namespace gputsne::cuda {

namespace {

constexpr int WIDE = 4;           // columns of a block: a sector of a row
constexpr unsigned THREADS = 256; // of a block, where lines are short
constexpr unsigned MOST = 1024;

size_t line_bytes(Index n, size_t number) { return number * size_t(padded(int(n))); }

FftLength length_of(const char *name, Index n) {
  if (!FftLength::known(n))
    refuse(name, " has the FFT length ", n, "; 2^a and 3 2^a from ", FftLength::LEAST, " to ",
           FftLength::MOST, " are compiled");
  return FftLength::of(int(n));
}

/// Lines of a block, for lines that need not lie side by side.
unsigned lines(FftLength length) {
  unsigned threads = unsigned(length.threads());
  return threads < THREADS ? THREADS / threads : 1;
}

unsigned blocks(Index count, Index size) { return unsigned((count + size - 1) / size); }

template <class T> const Complex<T> *table(const T *turns) {
  if (reinterpret_cast<uintptr_t>(turns) % sizeof(Complex<T>))
    refuse("turns lie at an address that ", sizeof(Complex<T>), " does not divide");
  return reinterpret_cast<const Complex<T> *>(turns);
}

template <bool SAMPLED, class Out> void even_lines(EvenLines<SAMPLED, Out> body, Stream stream) {
  // Fewer lines than elsewhere: float64 takes twice the shared memory.
  unsigned side_by_side = lines(body.length) > 1 ? lines(body.length) / 2 : 1;
  shared_blocks(cudaStream_t(stream), blocks(body.count, 2 * side_by_side),
                dim3(unsigned(body.length.threads()), side_by_side),
                side_by_side * line_bytes(body.length.n, sizeof(Complex<double>)), body);
}

} // namespace

bool fft_fits(const Shape &fft_shape, bool spectrum) {
  size_t most = most_shared();
  for (Index n : fft_shape)
    if (!FftLength::known(n) ||
        line_bytes(n, spectrum ? sizeof(Complex<double>) : sizeof(Complex<float>)) > most)
      return false;
  return spectrum || fft_shape.size() < 3;
}

Index fft_pitch(Index length) { return (length / 2 + WIDE) / WIDE * WIDE; }

void convolve(const Convolution &c, Charge *charge, float *potential, Stream stream) {
  const size_t axes = c.shape.size();
  if (axes < 1 || axes > 2)
    refuse("shape has ", axes, " axes; this FFT has one or two");
  check_axes("fft_shape", c.fft_shape, Index(axes));
  check_axes("turns", c.turns, Index(axes));
  for (size_t a = 0; a < axes; ++a) {
    length_of("fft_shape", c.fft_shape[a]);
    if (c.shape[a] < 1 || 2 * c.shape[a] > c.fft_shape[a])
      refuse("shape has ", c.shape[a], " nodes on axis ", a, "; an FFT of length ", c.fft_shape[a],
             " takes 1 to ", c.fft_shape[a] / 2);
  }
  const cudaStream_t on = cudaStream_t(stream);
  FftLength last = length_of("fft_shape", c.fft_shape.back());
  FftRows rows{charge,
               reinterpret_cast<Complex<float> *>(c.rows),
               potential,
               table(c.turns.back()),
               int(c.shape.front()),
               int(c.shape.back()),
               int(fft_pitch(last.n)),
               last};
  const size_t bytes = line_bytes(last.n, sizeof(Complex<float>));
  if (axes == 1) {
    rows.m0 = 1;
    shared_blocks(on, 1, dim3(unsigned(last.threads())), bytes, FftWholeLine{rows, c.octant});
    return;
  }
  check_aligned("rows", c.rows, 2);
  const unsigned many = lines(last), count = blocks(rows.m0, 2 * many);
  const dim3 threads(unsigned(last.threads()), many);
  shared_blocks(on, count, threads, many * bytes, FftRowsForward{rows});

  FftLength first = length_of("fft_shape", c.fft_shape[0]);
  const size_t column = line_bytes(first.n, sizeof(Complex<float>)), most = most_shared();
  int log2_columns = 2;
  static_assert(WIDE == 1 << 2, "as many columns as a sector holds");
  while (log2_columns &&
         (unsigned(first.threads()) << log2_columns > MOST || column << log2_columns > most))
    --log2_columns;
  FftColumns columns{rows.rows,       c.octant,   table(c.turns[0]), rows.m0,
                     last.half() + 1, rows.pitch, log2_columns,      first};
  shared_blocks(on, blocks(columns.width, Index(1) << log2_columns),
                dim3(unsigned(first.threads()), 1u << log2_columns), column << log2_columns,
                columns);
  shared_blocks(on, count, threads, many * bytes, FftRowsBack{rows});
}

Index spectrum_scratch(const Shape &fft_shape) {
  Index numbers = 1;
  for (Index n : fft_shape)
    numbers *= n / 2 + 1;
  return numbers;
}

void spectrum(const Spectrum &of, double *scratch, double *other, float *octant, bool across,
              Stream stream) {
  const Index axes = Index(of.fft_shape.size());
  if (axes < 1 || axes > 3)
    refuse("fft_shape has ", axes, " axes; 1, 2 and 3 are compiled");
  check_axes("turns", of.turns, axes);
  if (of.transfer.empty() || of.transfer.size() > Transfer::TERMS)
    refuse("transfer has ", of.transfer.size(), " terms; 1 to ", Transfer::TERMS, " are compiled");
  if (!(of.h > 0 && of.dof > 0))
    refuse("h=", of.h, " and dof=", of.dof, " must be above 0");
  KernelAtNodes nodes{of.h, 1.0 / of.dof, -(of.dof + 1.0) / 2.0, of.offset, 1};
  if (axes == 3)
    nodes.inner = of.fft_shape[1] / 2 + 1;
  // An axis at a time, from the last; each becomes the first, so that the next one is the last.
  const Index all = spectrum_scratch(of.fft_shape);
  const double *from = nullptr;
  double *to = scratch, *free = other;
  for (Index a = axes - 1; a >= 0; --a) {
    FftLength length = length_of("fft_shape", of.fft_shape[a]);
    Transfer transfer{};
    for (size_t j = 0; j < of.transfer.size(); ++j)
      transfer.c[j] = of.transfer[j] * length.n;
    const Index count = all / (length.n / 2 + 1);
    const Complex<double> *turn = table(of.turns[a]);
    if (a == 0 && axes == 1)
      even_lines(EvenLines<true, float>{from, octant, turn, count, across, length, nodes, transfer},
                 stream);
    else if (a == 0) // one more turn than the others, and the axes stand in C order
      even_lines(
          EvenLines<false, float>{from, octant, turn, count, !across, length, nodes, transfer},
          stream);
    else if (a == axes - 1)
      even_lines(EvenLines<true, double>{from, to, turn, count, true, length, nodes, transfer},
                 stream);
    else
      even_lines(EvenLines<false, double>{from, to, turn, count, true, length, nodes, transfer},
                 stream);
    from = to;
    to = free;
    free = const_cast<double *>(from);
  }
}

} // namespace gputsne::cuda
