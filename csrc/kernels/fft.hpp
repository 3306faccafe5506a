// Transforms of 2, 3, 4, 5 and 8 numbers for both machines, and for the GPU one pass of a fast
// Fourier transform in a block's shared memory: Stockham's order, radices 8, 4, 2 and 3, lengths
// 2^a and 3 2^a. Cooley & Tukey 1965; the order of Stockham: Van Loan 1992, 1.7. What the passes
// serve: docs/mesh.md, "FFT"; who waits between them: gpu_fft.hpp. A CPU's passes:
// cpu/fft_lanes.hpp.
#pragma once
#include "machine.hpp"

namespace gputsne {

/// What a constant is written in: of a vector, the type of its numbers.
template <class T> struct ScalarOf {
  using type = T;
};

template <class T> struct alignas(2 * sizeof(T)) Complex {
  T x, y;
  HD Complex operator+(const Complex &o) const { return {x + o.x, y + o.y}; }
  HD Complex operator-(const Complex &o) const { return {x - o.x, y - o.y}; }
  HD Complex operator*(const Complex &o) const { return {x * o.x - y * o.y, x * o.y + y * o.x}; }
  /// Times -i.
  HD Complex turned() const { return {y, -x}; }
  /// Real and imaginary part exchanged: a transform between two exchanges is the inverse one.
  HD Complex swapped() const { return {y, x}; }
};

/// A length 2^bits or 3 2^bits, which one transform of `length / 8` threads has.
struct FftLength {
  static constexpr int LEAST = 64, MOST = 8192;
  int n, bits;
  bool three;
  HD int threads() const { return n / 8; }
  HD int half() const { return n / 2; }
  /// Whether there are kernels for a length.
  static bool known(int64_t n) {
    if (n < LEAST || n > MOST)
      return false;
    while (n % 2 == 0)
      n /= 2;
    return n == 1 || n == 3;
  }
  static FftLength of(int n) {
    FftLength length{n, 0, n % 3 == 0};
    for (int m = length.three ? n / 3 : n; m > 1; m /= 2)
      ++length.bits;
    return length;
  }
};

/// Where number i lies: one number in 16 is skipped, so that threads 8 or 16 apart don't meet in
/// one bank of shared memory.
HD constexpr int padded(int i) { return i + (i >> 4); }

/// The transform of R numbers, in registers.
template <int R, class T> HD void butterfly(Complex<T> *v) {
  if constexpr (R == 2) {
    Complex<T> a = v[0];
    v[0] = a + v[1];
    v[1] = a - v[1];
  } else if constexpr (R == 3) {
    using S = typename ScalarOf<T>::type;
    const S root = S(0.86602540378443865); // sin(2 pi / 3)
    Complex<T> a = v[0], s = v[1] + v[2], d = v[1] - v[2];
    Complex<T> mean{a.x - S(0.5) * s.x, a.y - S(0.5) * s.y};
    v[0] = a + s;
    v[1] = {mean.x + root * d.y, mean.y - root * d.x};
    v[2] = {mean.x - root * d.y, mean.y + root * d.x};
  } else if constexpr (R == 4) {
    Complex<T> a = v[0] + v[2], b = v[0] - v[2], c = v[1] + v[3], d = (v[1] - v[3]).turned();
    v[0] = a + c;
    v[1] = b + d;
    v[2] = a - c;
    v[3] = b - d;
  } else if constexpr (R == 5) {
    using S = typename ScalarOf<T>::type;
    const S c1 = S(0.30901699437494742),
            c2 = S(-0.80901699437494742); // cos(2 pi / 5), cos(4 pi / 5)
    const S s1 = S(0.95105651629515357), s2 = S(0.58778525229247313); // sin of the same
    Complex<T> a = v[0], p = v[1] + v[4], q = v[2] + v[3], d = v[1] - v[4], e = v[2] - v[3];
    Complex<T> b1{a.x + c1 * p.x + c2 * q.x, a.y + c1 * p.y + c2 * q.y};
    Complex<T> b2{a.x + c2 * p.x + c1 * q.x, a.y + c2 * p.y + c1 * q.y};
    Complex<T> t1{s1 * d.y + s2 * e.y, s1 * d.x + s2 * e.x}; // of s1 d + s2 e, times -i: {y, -x}
    Complex<T> t2{s2 * d.y - s1 * e.y, s2 * d.x - s1 * e.x};
    v[0] = a + p + q;
    v[1] = {b1.x + t1.x, b1.y - t1.y};
    v[2] = {b2.x + t2.x, b2.y - t2.y};
    v[3] = {b2.x - t2.x, b2.y + t2.y};
    v[4] = {b1.x - t1.x, b1.y + t1.y};
  } else {
    static_assert(R == 8, "radices are 2, 3, 4, 5 and 8");
    using S = typename ScalarOf<T>::type;
    const S root = S(0.70710678118654752); // sin(pi / 4)
    Complex<T> e[4] = {v[0], v[2], v[4], v[6]}, o[4] = {v[1], v[3], v[5], v[7]};
    butterfly<4>(e);
    butterfly<4>(o);
    o[1] = {root * (o[1].x + o[1].y), root * (o[1].y - o[1].x)};
    o[2] = o[2].turned();
    o[3] = {root * (o[3].y - o[3].x), -root * (o[3].x + o[3].y)};
    UNROLL for (int i = 0; i < 4; ++i) {
      v[i] = e[i] + o[i];
      v[i + 4] = e[i] - o[i];
    }
  }
}

/// A thread's share of a pass of radix R: read() before a barrier, write() after it. So far the
/// numbers are transforms of `1 << done` each.
template <int R, class T> struct FftPass {
  static constexpr int COUNT = (8 + R - 1) / R; // butterflies per thread, at most
  int n, done;
  const Complex<T> *turn; // (n,) exp(-2 pi i k / n)
  Complex<T> v[COUNT][R];

  /// With HALF the second half is known to be zero, and is not read.
  template <bool HALF> HD void read(const Complex<T> *line, int thread) {
    const int apart = n / R, step = apart >> done;
    UNROLL for (int c = 0; c < COUNT; ++c) {
      const int j = thread + c * (n / 8);
      if (R != 3 || j < apart) {
        UNROLL for (int r = 0; r < R; ++r)
          v[c][r] = HALF && 2 * r >= R ? Complex<T>{} : line[padded(j + r * apart)];
        if (!HALF) { // the first pass has no turns
          const int k = j & ((1 << done) - 1);
          UNROLL for (int r = 1; r < R; ++r)
            v[c][r] = v[c][r] * turn[k * r * step];
        }
        butterfly<R>(v[c]);
      }
    }
  }

  HD void write(Complex<T> *line, int thread) const {
    const int apart = n / R;
    UNROLL for (int c = 0; c < COUNT; ++c) {
      const int j = thread + c * (n / 8), k = j & ((1 << done) - 1);
      if (R != 3 || j < apart) UNROLL
        for (int r = 0; r < R; ++r)
          line[padded((j - k) * R + k + (r << done))] = v[c][r];
    }
  }
};

} // namespace gputsne
