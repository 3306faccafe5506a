// Where a kernel body runs: one source, two machines. Here the CPU's, the only file that knows
// OpenMP and atomics; the GPU's is gpu_machine.hpp. A body is a trivially copyable struct of views
// with `HD void operator()(Index i) const`; it neither allocates nor talks to other bodies, so the
// same struct serves CPU and GPU.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cmath>
#include <type_traits>
#ifdef _OPENMP
#include <omp.h>
#endif

#if defined(__CUDACC__)
#define HD __host__ __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#define UNROLL_ON_GPU UNROLL // or arrays that the loop indexes would leave the registers
#else
#define HD inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")
#define UNROLL_ON_GPU
#endif

#if defined(_OPENMP)
#define GPUTSNE_PRAGMA(text) _Pragma(#text)
#else
#define GPUTSNE_PRAGMA(text)
#endif

/// Processors of x86-64 have vector registers of 16 bytes, nearly all made since 2013 have 32: what
/// is called by way of `in_avx2` is compiled for both, and the module asks once which it runs on.
/// Bodies hold no fused operations and no sums whose order a compiler may choose, so that both give
/// the same bits.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__CUDACC__)
#define GPUTSNE_AVX2 __attribute__((target("avx2"), flatten, noinline))
#endif

/// The next loop's sums may be taken in vector lanes: SIMD_SUM(a, b).
#if defined(_OPENMP) && !defined(__CUDACC__)
#define SIMD_SUM(...) GPUTSNE_PRAGMA(omp simd reduction(+ : __VA_ARGS__))
#else
#define SIMD_SUM(...)
#endif

namespace gputsne {

using Index = int64_t;

/// Adds one to a counter and returns what it was. Atomic on the GPU; on the CPU each band of rows
/// owns its counters, so a plain increment does, and the order is that of the rows.
HD Index fetch_add(Index *counter) {
#if defined(__CUDA_ARCH__)
  return static_cast<Index>(atomicAdd(reinterpret_cast<unsigned long long *>(counter), 1ull));
#else
  return (*counter)++;
#endif
}

HD unsigned fetch_add(unsigned *counter) {
#if defined(__CUDA_ARCH__)
  return atomicAdd(counter, 1u);
#else
  return (*counter)++;
#endif
}

/// Adds to a number that other bodies add to as well. Integers commute: the order can't be seen.
HD void add_to(unsigned long long *number, unsigned long long amount) {
#if defined(__CUDA_ARCH__)
  atomicAdd(number, amount);
#else
  *number += amount;
#endif
}

HD void add_to(unsigned *number, unsigned amount) {
#if defined(__CUDA_ARCH__)
  atomicAdd(number, amount);
#else
  *number += amount;
#endif
}

/// Raises a number to what other bodies raise it to as well.
HD void raise_to(unsigned *number, unsigned least) {
#if defined(__CUDA_ARCH__)
  atomicMax(number, least);
#else
  *number = *number < least ? least : *number;
#endif
}

/// a / b for 0 <= a and 1 <= b: on the GPU to 2 ulp, without the care for b beyond 2^126, where
/// it gives 0.
HD float quotient(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fdividef(a, b);
#else
  return a / b;
#endif
}

/// Keeps in *first the smallest i that it was ever called with; -1 while there is none. On the CPU
/// rows come in order.
HD void store_min_index(Index *first, Index i) {
#if defined(__CUDA_ARCH__)
  atomicMin(reinterpret_cast<unsigned long long *>(first), static_cast<unsigned long long>(i));
#else
  if (*first < 0 || i < *first)
    *first = i;
#endif
}

/// A map point, a force or a step: c coordinates in map units.
template <int C> struct Vec {
  float v[C];
  HD Vec operator+(const Vec &o) const {
    Vec s;
    UNROLL for (int a = 0; a < C; ++a)
      s.v[a] = v[a] + o.v[a];
    return s;
  }
};

/// Point i of an (n, C) array. On the GPU a copy, two coordinates by one load (bindings check the
/// alignment); on the CPU a view, since a copy keeps g++ 12 from using vector registers in rows().
#if defined(__CUDA_ARCH__)
template <int C> using Point = Vec<C>;
#else
template <int C> struct Point {
  const float *v;
};
#endif
template <int C> HD Point<C> point(const float *Y, Index i) {
#if defined(__CUDA_ARCH__)
  Vec<C> y;
  if constexpr (C == 2) {
    float2 pair = reinterpret_cast<const float2 *>(Y)[i];
    y.v[0] = pair.x;
    y.v[1] = pair.y;
  } else {
    UNROLL for (int a = 0; a < C; ++a)
      y.v[a] = Y[i * C + a];
  }
  return y;
#else
  return {Y + i * C};
#endif
}

/// Writes row i of an (n, C) array; on the GPU two coordinates by one store.
template <int C> HD void put_point(float *Y, Index i, const Vec<C> &y) {
#if defined(__CUDA_ARCH__)
  if constexpr (C == 2) {
    reinterpret_cast<float2 *>(Y)[i] = make_float2(y.v[0], y.v[1]);
  } else
#endif
  {
    UNROLL for (int a = 0; a < C; ++a)
      Y[i * C + a] = y.v[a];
  }
}

/// What is read once per iteration: on the GPU it is the first to leave the cache, so that Y stays.
template <class T> HD T load_streaming(const T *value) {
#if defined(__CUDA_ARCH__)
  return __ldcs(value);
#else
  return *value;
#endif
}

/// A body whose result is stored, to be added up later.
template <class Body> struct StoreResult {
  Body body;
  float *out;
  HD void operator()(Index i) const { out[i] = body(i); }
};

/// Rows a chunk of work has. Fixed, never a function of the thread count, so that every sum is
/// taken in the same order whatever the number of threads. 256 rows of 125 edges last about 20 us.
constexpr Index CHUNK = 256;
constexpr Index chunks(Index n) { return (n + CHUNK - 1) / CHUNK; }

#if defined(GPUTSNE_AVX2)
template <class F, class... A> GPUTSNE_AVX2 void in_avx2(const F &f, A... a) { f(a...); }
inline bool has_avx2() { return __builtin_cpu_supports("avx2"); }
#else
template <class F, class... A> void in_avx2(const F &f, A... a) { f(a...); }
inline bool has_avx2() { return false; }
#endif

/// The CPU: OpenMP over fixed chunks.
struct Cpu {
  int threads = 1;
  bool avx2 = false; // whether bodies run in 32-byte registers

  /// f(i) for every i in [0, n), in any order.
  template <class F> void each(Index n, F f) const {
    static_assert(std::is_trivially_copyable<F>::value, "kernel bodies hold views only");
    GPUTSNE_PRAGMA(omp parallel for schedule(static) num_threads(threads))
    for (Index i = 0; i < n; ++i)
      f(i);
  }

  /// f(chunk, begin, end) for fixed chunks of `size` rows, dealt out as threads come free.
  template <class F> void each_chunk(Index n, Index size, F f) const {
    Index count = (n + size - 1) / size;
    if (count <= 1) { // to wake threads costs more than most chunks
      if (count == 1)
        f(Index(0), Index(0), n);
      return;
    }
    GPUTSNE_PRAGMA(omp parallel for schedule(dynamic, 1) num_threads(threads))
    for (Index c = 0; c < count; ++c)
      f(c, c * size, (c + 1) * size < n ? (c + 1) * size : n);
  }

  /// f(slot, i) for every i in [0, n), dealt out as threads come free; slot, below `slots`: whose
  /// memory it may use meanwhile. No more threads than slots.
  template <class F> void each_slot(Index n, int slots, F f) const {
    const int team = threads < slots ? threads : slots;
    if (n <= 1 || team <= 1) {
      for (Index i = 0; i < n; ++i)
        f(0, i);
      return;
    }
    GPUTSNE_PRAGMA(omp parallel for schedule(dynamic, 1) num_threads(team))
    for (Index i = 0; i < n; ++i)
      f(own_slot(), i);
  }

  /// Which thread of a parallel loop this is.
  static int own_slot() {
#if defined(_OPENMP)
    return omp_get_thread_num();
#else
    return 0;
#endif
  }

  /// each_chunk in the widest registers there are. For bodies that do arithmetic in rows of
  /// numbers.
  template <class F> void each_wide(Index n, Index size, F f) const {
    each_chunk(n, size, [=](Index c, Index begin, Index end) {
      if (avx2)
        in_avx2(f, c, begin, end);
      else
        f(c, begin, end);
    });
  }

  /// out(r, f.mine(r), sum of f(r, e) over the edges of row r). Eight lanes per row, as a warp has
  /// 32: the order of the sum is fixed, and the compiler can use vector registers without
  /// reordering floats.
  template <class F, class G> void rows(Index n, const Index *indptr, F f, G out) const {
    constexpr int LANES = 8;
    each_wide(n, CHUNK, [=](Index, Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        decltype(f(r, Index(0))) lane[LANES] = {}, total = {};
        Index e = indptr[r], last = indptr[r + 1];
        for (; e + LANES <= last; e += LANES)
          for (int l = 0; l < LANES; ++l)
            lane[l] = lane[l] + f(r, e + l);
        for (; e < last; ++e)
          total = total + f(r, e);
        for (int l = 0; l < LANES; ++l)
          total = total + lane[l];
        out(r, f.mine(r), total);
      }
    });
  }

  /// Sum of f(i) in float64: chunk sums first, then the chunks in order. `part` holds chunks(n).
  template <class F> double sum(Index n, F f, double *part) const {
    each_wide(n, CHUNK, [=](Index c, Index begin, Index end) {
      double s = 0;
      for (Index i = begin; i < end; ++i)
        s += f(i);
      part[c] = s;
    });
    double total = 0;
    for (Index c = 0; c < chunks(n); ++c)
      total += part[c];
    return total;
  }
};

} // namespace gputsne
