// A fast Fourier transform of four or eight lines side by side, one per lane of a register: lengths
// of factors 2, 3 and 5, in place. Forward it takes apart the input (Gentleman & Sande 1966), back
// the output (Cooley & Tukey 1965), so that numbers lie in the same shuffled order in between, and
// nothing is ever put in order. Half of the input is zero and half of the output unwanted
// (docs/mesh.md, "FFT"): neither is computed.
#pragma once
#include "../kernels/arguments.hpp"
#include "../kernels/fft.hpp"
#include "registers.hpp"
#include <algorithm>

namespace gputsne {

template <> struct ScalarOf<cpu::Float4> {
  using type = float;
};
template <> struct ScalarOf<cpu::Float8> {
  using type = float;
};

namespace cpu {

/// A pass over lines that consist of parts of `radix * apart` numbers.
struct FftPass {
  int radix;
  Index apart; // from one number of a butterfly to the next
  Index turn;  // where its twiddle factors begin: radix - 1 for each of `apart` places
};

/// What a transform of one length needs; made in float64.
struct FftPlan {
  static constexpr Index LEAST = 16, MOST = Index(1) << 26;
  Index n;
  std::vector<FftPass> passes;
  std::vector<Complex<float>> turn; // exp(-2 pi i j q / (radix apart))
  std::vector<int32_t> place;       // (n,) where each frequency ends up

  static bool known(Index n) {
    if (n < LEAST || n > MOST || n % 2)
      return false;
    for (int p : {2, 3, 5})
      while (n % p == 0)
        n /= p;
    return n == 1;
  }

  explicit FftPlan(Index length) : n(length) {
    int twos = 0;
    Index rest = n;
    for (; rest % 2 == 0; rest /= 2)
      ++twos;
    // The first pass, half of whose input is zero, takes as many twos as leave fours to the others.
    int first = twos == 1 ? 2 : twos % 2 ? 8 : 4;
    std::vector<int> radices{first};
    for (int left = twos - (first == 8 ? 3 : first / 2); left > 0; left -= 2)
      radices.push_back(4);
    for (int p : {3, 5})
      for (; rest % p == 0; rest /= p)
        radices.push_back(p);
    Index part = n;
    for (int radix : radices) {
      passes.push_back({radix, part / radix, Index(turn.size())});
      for (Index j = 0; j < part / radix; ++j)
        for (int q = 1; q < radix; ++q) {
          double angle = -6.283185307179586477 * double(j * q % part) / double(part);
          turn.push_back({float(std::cos(angle)), float(std::sin(angle))});
        }
      part /= radix;
    }
    place.resize(size_t(n));
    for (Index at = 0; at < n; ++at) {
      Index frequency = 0, step = 1, left = at;
      for (const FftPass &pass : passes) {
        frequency += left / pass.apart * step;
        left %= pass.apart;
        step *= pass.radix;
      }
      place[size_t(frequency)] = int32_t(at);
    }
  }
};

/// Calls f(std::integral_constant<int, R>) for the radix of a pass but the first.
template <class F> HD void by_radix(int radix, const F &f) {
  if (radix == 4)
    f(std::integral_constant<int, 4>());
  else if (radix == 5)
    f(std::integral_constant<int, 5>());
  else
    f(std::integral_constant<int, 3>());
}

/// The same for the first pass.
template <class F> HD void by_first_radix(int radix, const F &f) {
  if (radix == 4)
    f(std::integral_constant<int, 4>());
  else if (radix == 8)
    f(std::integral_constant<int, 8>());
  else
    f(std::integral_constant<int, 2>());
}

/// butterfly of v, whose second half is zero and is not read.
template <int R, class V> HD void butterfly_of_half(Complex<V> *v) {
  if constexpr (R == 2) {
    v[1] = v[0];
  } else if constexpr (R == 4) {
    const Complex<V> a = v[0], b = v[1], turned = b.turned();
    v[0] = a + b;
    v[1] = a + turned;
    v[2] = a - b;
    v[3] = a - turned;
  } else {
    const float root = 0.70710678118654752f; // sin(pi / 4)
    Complex<V> e[4] = {v[0], v[2]}, o[4] = {v[1], v[3]};
    butterfly_of_half<4>(e);
    butterfly_of_half<4>(o);
    o[1] = {root * (o[1].x + o[1].y), root * (o[1].y - o[1].x)};
    o[2] = o[2].turned();
    o[3] = {root * (o[3].y - o[3].x), -root * (o[3].x + o[3].y)};
    UNROLL for (int i = 0; i < 4; ++i) {
      v[i] = e[i] + o[i];
      v[i + 4] = e[i] - o[i];
    }
  }
}

/// The inverse of butterfly, but for the factor R.
template <int R, class V> HD void butterfly_back(Complex<V> *v) {
  UNROLL for (int q = 0; q < R; ++q)
    v[q] = v[q].swapped();
  butterfly<R>(v);
  UNROLL for (int q = 0; q < R; ++q)
    v[q] = v[q].swapped();
}

template <class V> HD Complex<V> times(const Complex<V> &v, const Complex<float> &w) {
  return {v.x * w.x - v.y * w.y, v.x * w.y + v.y * w.x};
}

/// Times the conjugate of w.
template <class V> HD Complex<V> times_conjugate(const Complex<V> &v, const Complex<float> &w) {
  return {v.x * w.x + v.y * w.y, v.y * w.x - v.x * w.y};
}

/// A transform of lines of V's lanes, as kernels take it.
template <class V> struct FftLines {
  /// Bytes of the parts that are transformed from end to end while they lie in a core's first
  /// cache.
  static constexpr Index NEAR = 16 << 10;
  const FftPass *passes;
  const Complex<float> *turn;
  const int32_t *place;
  Index n, part; // part: numbers per such part
  int count, outer;

  static FftLines of(const FftPlan &plan) {
    int outer = 1;
    const int count = int(plan.passes.size());
    while (outer + 1 < count &&
           plan.passes[size_t(outer) - 1].apart * Index(sizeof(Complex<V>)) > NEAR)
      ++outer;
    return {plan.passes.data(),
            plan.turn.data(),
            plan.place.data(),
            plan.n,
            plan.passes[size_t(outer) - 1].apart,
            count,
            outer};
  }

  /// The first pass, from the first half of `in`, which may be `line`, to `line`.
  HD void begin(const Complex<V> *in, Complex<V> *line) const {
    const Index apart = passes[0].apart;
    by_first_radix(passes[0].radix, [=](auto radix) __attribute__((always_inline)) {
      constexpr int R = decltype(radix)::value;
      const Complex<float> *w = turn;
      for (Index j = 0; j < apart; ++j, w += R - 1) {
        Complex<V> v[R];
        UNROLL for (int q = 0; q < R / 2; ++q)
          v[q] = in[j + q * apart];
        butterfly_of_half<R>(v);
        line[j] = v[0];
        UNROLL for (int q = 1; q < R; ++q)
          line[j + q * apart] = times(v[q], w[q - 1]);
      }
    });
  }

  /// The last pass back, from `line` to the first half of `out`, which may be `line`.
  HD void end(const Complex<V> *line, Complex<V> *out) const {
    const Index apart = passes[0].apart;
    by_first_radix(passes[0].radix, [=](auto radix) __attribute__((always_inline)) {
      constexpr int R = decltype(radix)::value;
      const Complex<float> *w = turn;
      for (Index j = 0; j < apart; ++j, w += R - 1) {
        Complex<V> v[R];
        v[0] = line[j];
        UNROLL for (int q = 1; q < R; ++q)
          v[q] = times_conjugate(line[j + q * apart], w[q - 1]);
        butterfly_back<R>(v);
        UNROLL for (int q = 0; q < R / 2; ++q)
          out[j + q * apart] = v[q];
      }
    });
  }

  /// Pass p, neither first nor last, of the numbers from `line` to `stop`.
  HD void forward(int p, Complex<V> *line, const Complex<V> *stop) const {
    const Index apart = passes[p].apart;
    const Complex<float> *turns = turn + passes[p].turn;
    by_radix(passes[p].radix, [=](auto radix) __attribute__((always_inline)) {
      constexpr int R = decltype(radix)::value;
      for (Complex<V> *at = line; at < stop; at += R * apart) {
        const Complex<float> *w = turns;
        for (Index j = 0; j < apart; ++j, w += R - 1) {
          Complex<V> v[R];
          UNROLL for (int q = 0; q < R; ++q)
            v[q] = at[j + q * apart];
          butterfly<R>(v);
          at[j] = v[0];
          UNROLL for (int q = 1; q < R; ++q)
            at[j + q * apart] = times(v[q], w[q - 1]);
        }
      }
    });
  }

  HD void back(int p, Complex<V> *line, const Complex<V> *stop) const {
    const Index apart = passes[p].apart;
    const Complex<float> *turns = turn + passes[p].turn;
    by_radix(passes[p].radix, [=](auto radix) __attribute__((always_inline)) {
      constexpr int R = decltype(radix)::value;
      for (Complex<V> *at = line; at < stop; at += R * apart) {
        const Complex<float> *w = turns;
        for (Index j = 0; j < apart; ++j, w += R - 1) {
          Complex<V> v[R];
          v[0] = at[j];
          UNROLL for (int q = 1; q < R; ++q)
            v[q] = times_conjugate(at[j + q * apart], w[q - 1]);
          butterfly_back<R>(v);
          UNROLL for (int q = 0; q < R; ++q)
            at[j + q * apart] = v[q];
        }
      }
    });
  }

  /// The last pass forward and the first one back, which have no twiddle factors, with
  /// change(value, place) of every number in between. FORWARD, BACK: which of them.
  template <bool FORWARD, bool BACK, class Change>
  HD void turning(Complex<V> *line, Index from, Index to, const Change &change) const {
    by_radix(passes[count - 1].radix, [=](auto radix) __attribute__((always_inline)) {
      constexpr int R = decltype(radix)::value;
      for (Index at = from; at < to; at += R) {
        Complex<V> v[R];
        UNROLL for (int q = 0; q < R; ++q)
          v[q] = line[at + q];
        if constexpr (FORWARD)
          butterfly<R>(v);
        UNROLL for (int q = 0; q < R; ++q)
          change(v[q], at + q);
        if constexpr (BACK)
          butterfly_back<R>(v);
        UNROLL for (int q = 0; q < R; ++q)
          line[at + q] = v[q];
      }
    });
  }

  /// All but the first pass forward and the last one back, change(value, place) in between.
  template <bool FORWARD, bool BACK, class Change>
  HD void inside(Complex<V> *line, const Change &change) const {
    if constexpr (FORWARD)
      for (int p = 1; p < outer; ++p)
        forward(p, line, line + n);
    for (Index from = 0; from < n; from += part) {
      Complex<V> *begin = line + from;
      if constexpr (FORWARD)
        for (int p = outer; p + 1 < count; ++p)
          forward(p, begin, begin + part);
      turning<FORWARD, BACK>(line, from, from + part, change);
      if constexpr (BACK)
        for (int p = count - 2; p >= outer; --p)
          back(p, begin, begin + part);
    }
    if constexpr (BACK)
      for (int p = outer - 1; p > 0; --p)
        back(p, line, line + n);
  }
};

} // namespace cpu
} // namespace gputsne
