// P in two bytes per edge: IEEE half floats of p_ij scaled to the order of 1.
// The attraction is bound by memory, so 6 bytes per edge instead of 8 are worth a quarter of its
// time.
#pragma once
#include "machine.hpp"
#include <cstring>

namespace gputsne {

/// Half float -> float; exact.
HD float half_to_float(uint16_t half) {
#if defined(__CUDA_ARCH__)
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half));
  return value;
#else
  uint32_t low = half & 0x7fffu, bits = (low + (112u << 10)) << 13; // exponent bias 15 -> 127
  float value;
  std::memcpy(&value, &bits, sizeof value);
  if (low < 0x400u) // denormal: units of 2^-24
    value = static_cast<float>(low) * 5.9604645e-8f;
  return half & 0x8000u ? -value : value;
#endif
}

/// Non-negative float -> half, to nearest, ties to even; above the largest half stays there.
HD uint16_t float_to_half(float value) {
  if (!(value < 65504.f))
    return 0x7bffu;
  if (value < 6.1035156e-5f) { // denormal: adding 0.5 leaves the units of 2^-24 in the low bits
    float shifted = value + 0.5f;
    uint32_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    return static_cast<uint16_t>(bits - 0x3f000000u);
  }
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits += 0xfffu + ((bits >> 13) & 1u);
  return static_cast<uint16_t>((bits >> 13) - (112u << 10));
}

/// half[e] = p_e scale, for each edge e.
struct ToHalf {
  const float *data;
  uint16_t *half;
  float scale;
  HD void operator()(Index e) const { half[e] = float_to_half(data[e] * scale); }
};

/// What Attract reads weights from; the scale is taken out of the sum, in Step::attraction.
struct HalfWeights {
  const uint16_t *half;
  HD float operator[](Index e) const { return half_to_float(load_streaming(half + e)); }
  HD void skip(Index e) { half += e; }
};

} // namespace gputsne
