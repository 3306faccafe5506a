// The convolution on a GPU in three kernels, and the kernel's spectrum: whole lines in a block's
// shared memory, with a barrier on either side of a pass (fft.hpp). Twin of
// gputsne/backends/host.py and of _spectrum in gputsne/engine/mesh.py; docs/mesh.md, "FFT".
// Lines of charge are real: two of them are one complex line. Half of every line is padding, which
// is neither stored nor read.
#pragma once
#include "deposit.hpp"
#include "fft.hpp"
#include "gpu_machine.hpp"
#include "spectrum.hpp"
#if !defined(SIMT_EMU)
/// A launch with `bytes` of shared memory; DYNAMIC_SHARED lets `name` point to their first.
#define LAUNCH_SHARED(kernel, grid, block, bytes, stream, ...)                                     \
  kernel<<<grid, block, bytes, stream>>>(__VA_ARGS__)
#define DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#endif

namespace gputsne {

/// Bytes of shared memory that a block gets without asking.
constexpr size_t SHARED_FREE = 48 << 10;
/// Threads of a block, at most: lines of 8192 numbers need them all.
constexpr int FFT_BLOCK = 1024;

/// A block that works as one, on the shared memory that its launch gave it.
template <class F> __global__ void __launch_bounds__(FFT_BLOCK) blocks_k(F f) {
  DYNAMIC_SHARED(shared);
  f(shared);
}

/// f(shared) for every block: `bytes` of shared memory each, more than 48 KB where the GPU has it.
template <class F>
void shared_blocks(cudaStream_t stream, unsigned count, dim3 threads, size_t bytes, F f) {
  static_assert(std::is_trivially_copyable<F>::value, "kernel bodies hold views only");
  auto kernel = blocks_k<F>;
  if (bytes > SHARED_FREE)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(bytes)),
          "shared memory");
  LAUNCH_SHARED(kernel, count, threads, bytes, stream, f);
  check(cudaGetLastError(), "blocks");
}

/// Bytes of shared memory that a block may have on the current GPU.
inline size_t most_shared() {
  int device = 0, bytes = 0;
  check(cudaGetDevice(&device), "device");
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
        "shared memory");
  return size_t(bytes);
}

template <int R, bool HALF = false, class T>
ON_GPU void fft_pass(Complex<T> *line, int thread, int n, int done, const Complex<T> *turn) {
  FftPass<R, T> pass{n, done, turn, {}};
  pass.template read<HALF>(line, thread);
  __syncthreads();
  pass.write(line, thread);
  __syncthreads();
}

/// The transform of a line in place; every thread of the block takes part, a barrier is behind it.
/// With HALF the second half is known to be zero, and is not read.
template <bool HALF, class T>
ON_GPU void transform(Complex<T> *line, int thread, FftLength length, const Complex<T> *turn) {
  const int n = length.n;
  fft_pass<8, HALF>(line, thread, n, 0, turn);
  int done = 3;
  for (; done + 3 <= length.bits; done += 3)
    fft_pass<8>(line, thread, n, done, turn);
  if (length.bits - done == 2)
    fft_pass<4>(line, thread, n, done, turn);
  else if (length.bits - done == 1)
    fft_pass<2>(line, thread, n, done, turn);
  if (length.three)
    fft_pass<3>(line, thread, n, length.bits, turn);
}

/// The lines of a block, one beside the other.
template <class T> ON_GPU Complex<T> *line_of(unsigned char *shared, int which, int n) {
  return reinterpret_cast<Complex<T> *>(shared) + which * padded(n);
}

/// Rows of charge (m0, m1), n >= 2 m1, and rows of half their spectrum (m0, n / 2 + 1), `pitch`
/// numbers apart. A thread's row of the block is threadIdx.y; each takes two rows of the mesh.
struct FftRows {
  Charge *charge;       // (m0, m1)
  Complex<float> *rows; // (m0, pitch)
  float *potential;     // (m0, m1)
  const Complex<float> *turn;
  int m0, m1, pitch;
  FftLength length;

  /// Charge i of a row; it is cleared for the next iteration.
  HD float take(int row, int i) const {
    if (row >= m0)
      return 0.f;
    Charge *at = charge + Index(row) * m1 + i, amount = *at;
    *at = 0;
    return float(static_cast<long long>(amount)) * (1.f / CHARGE_UNIT);
  }
};

struct FftRowsForward : FftRows {
  ON_GPU void operator()(unsigned char *shared) const {
    const int t = int(threadIdx.x), n = length.n, threads = length.threads();
    const int a = 2 * int(blockIdx.x * blockDim.y + threadIdx.y), b = a + 1;
    Complex<float> *line = line_of<float>(shared, int(threadIdx.y), n);
    for (int i = t; i < n / 2; i += threads)
      line[padded(i)] = i < m1 ? Complex<float>{take(a, i), take(b, i)} : Complex<float>{};
    __syncthreads();
    transform<true>(line, t, length, turn);
    for (int k = t; k <= n / 2; k += threads) {
      Complex<float> z = line[padded(k)], w = line[padded(k ? n - k : 0)];
      if (a < m0)
        rows[Index(a) * pitch + k] = {0.5f * (z.x + w.x), 0.5f * (z.y - w.y)};
      if (b < m0)
        rows[Index(b) * pitch + k] = {0.5f * (z.y + w.y), 0.5f * (w.x - z.x)};
    }
  }
};

/// Rows of half a spectrum become rows of the potential.
struct FftRowsBack : FftRows {
  ON_GPU void operator()(unsigned char *shared) const {
    const int t = int(threadIdx.x), n = length.n, threads = length.threads();
    const int a = 2 * int(blockIdx.x * blockDim.y + threadIdx.y), b = a + 1;
    Complex<float> *line = line_of<float>(shared, int(threadIdx.y), n);
    for (int k = t; k <= n / 2; k += threads) {
      Complex<float> u{}, v{};
      if (a < m0)
        u = rows[Index(a) * pitch + k];
      if (b < m0)
        v = rows[Index(b) * pitch + k];
      if (k == 0 || k == n / 2)
        u.y = v.y = 0.f;                        // real, but for rounding
      line[padded(k)] = {u.y + v.x, u.x - v.y}; // u + i v, swapped: what follows is the inverse
      if (k && k < n / 2)
        line[padded(n - k)] = {v.x - u.y, u.x + v.y}; // conj u + i conj v, swapped
    }
    __syncthreads();
    transform<false>(line, t, length, turn);
    for (int i = t; i < m1; i += threads) {
      Complex<float> z = line[padded(i)].swapped();
      if (a < m0)
        potential[Index(a) * m1 + i] = z.x;
      if (b < m0)
        potential[Index(b) * m1 + i] = z.y;
    }
  }
};

/// The middle of a convolution: forward, times numbers that are real and even, (n / 2 + 1,), and
/// back. The line comes out swapped.
ON_GPU void convolve_line(Complex<float> *line, int t, FftLength length, const float *octant,
                          const Complex<float> *turn) {
  const int n = length.n;
  transform<true>(line, t, length, turn);
  for (int k = t; k < n; k += length.threads()) {
    Complex<float> z = line[padded(k)].swapped();
    const float w = octant[k <= n / 2 ? k : n - k];
    line[padded(k)] = {z.x * w, z.y * w};
  }
  __syncthreads();
  transform<false>(line, t, length, turn);
}

/// Columns of (m0, width), n >= 2 m0, convolved in place; what is beyond m0 is neither read nor
/// kept. A block has 1 << log2_columns side by side, so that a row of them is as much as a sector
/// holds.
struct FftColumns {
  Complex<float> *rows; // (m0, pitch)
  const float *octant;  // (width, n / 2 + 1)
  const Complex<float> *turn;
  int m0, width, pitch, log2_columns;
  FftLength length;

  ON_GPU void operator()(unsigned char *shared) const {
    const int t = int(threadIdx.x), own = int(threadIdx.y), n = length.n;
    const int columns = 1 << log2_columns, first = int(blockIdx.x) << log2_columns;
    const int begin = own * length.threads() + t, every = columns * length.threads();
    for (int i = begin; i < columns * (n / 2); i += every) {
      const int c = i & (columns - 1), r = i >> log2_columns;
      const bool there = r < m0 && first + c < width;
      line_of<float>(shared, c, n)[padded(r)] =
          there ? rows[Index(r) * pitch + first + c] : Complex<float>{};
    }
    __syncthreads();
    const int column = first + own < width ? first + own : width - 1; // any: it is not kept
    convolve_line(line_of<float>(shared, own, n), t, length, octant + Index(column) * (n / 2 + 1),
                  turn);
    for (int i = begin; i < columns * m0; i += every) {
      const int c = i & (columns - 1), r = i >> log2_columns;
      if (first + c < width)
        rows[Index(r) * pitch + first + c] = line_of<float>(shared, c, n)[padded(r)].swapped();
    }
  }
};

/// A mesh of one axis: the whole convolution in one block.
struct FftWholeLine : FftRows {
  const float *octant; // (n / 2 + 1,)

  ON_GPU void operator()(unsigned char *shared) const {
    const int t = int(threadIdx.x), n = length.n, threads = length.threads();
    Complex<float> *line = line_of<float>(shared, 0, n);
    for (int i = t; i < n / 2; i += threads)
      line[padded(i)] = {i < m1 ? take(0, i) : 0.f, 0.f};
    __syncthreads();
    convolve_line(line, t, length, octant, turn);
    for (int i = t; i < m1; i += threads)
      potential[i] = line[padded(i)].y;
  }
};

/// One axis of the kernel's spectrum: lines of n / 2 + 1 numbers, real and even, are transformed
/// and divided by the transfer of that axis. Two lines are one complex line, and stay two: the
/// transform of what is real and even is real.
template <bool SAMPLED, class Out> struct EvenLines {
  const double *from; // (count, n / 2 + 1); with SAMPLED none, lines of the kernel at the nodes
  Out *to;            // (count, n / 2 + 1), or with `across` (n / 2 + 1, count)
  const Complex<double> *turn;
  Index count;
  bool across;
  FftLength length;
  KernelAtNodes nodes;
  Transfer transfer;

  ON_GPU double value(Index row, int i) const {
    if (row >= count)
      return 0.0;
    if constexpr (SAMPLED)
      return nodes(row, i);
    else
      return from[row * (length.n / 2 + 1) + i];
  }

  ON_GPU void store(Index row, int k, double x) const {
    if (row < count)
      to[across ? k * count + row : row * (length.n / 2 + 1) + k] = Out(x);
  }

  ON_GPU void operator()(unsigned char *shared) const {
    const int t = int(threadIdx.x), n = length.n, threads = length.threads();
    const Index a = 2 * Index(blockIdx.x * blockDim.y + threadIdx.y), b = a + 1;
    Complex<double> *line = line_of<double>(shared, int(threadIdx.y), n);
    for (int i = t; i <= n / 2; i += threads) {
      Complex<double> z{value(a, i), value(b, i)};
      line[padded(i)] = z;
      if (i && i < n / 2)
        line[padded(n - i)] = z;
    }
    __syncthreads();
    transform<false>(line, t, length, turn);
    for (int k = t; k <= n / 2; k += threads) {
      const double factor = 1.0 / transfer(turn, n, k);
      store(a, k, line[padded(k)].x * factor);
      store(b, k, line[padded(k)].y * factor);
    }
  }
};

} // namespace gputsne
