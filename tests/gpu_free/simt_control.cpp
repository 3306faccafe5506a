// How a test steers the emulator: seeds of the shuffle, and launches written down instead of run.
#include "simt.hpp"

#define SHOWN extern "C" __attribute__((visibility("default")))

SHOWN void simt_seed(unsigned seed) { simt::shuffle(seed); }
SHOWN void simt_record(int on) { simt::record = on != 0; }
SHOWN long simt_launches() { return std::exchange(simt::launches, 0L); }
SHOWN int simt_recorded() { return int(simt::recorded.size()); }
SHOWN void simt_forget() { simt::recorded.clear(); }
SHOWN const char *simt_kernel(int k) { return simt::recorded[size_t(k)].kernel.c_str(); }
SHOWN void simt_shape(int k, unsigned *shape) {
  const simt::Launch &launch = simt::recorded[size_t(k)];
  shape[0] = launch.grid;
  shape[1] = launch.block[0];
  shape[2] = launch.block[1];
  shape[3] = launch.shared;
}
SHOWN int simt_arguments(int k, const unsigned char **bytes) {
  const simt::Launch &launch = simt::recorded[size_t(k)];
  *bytes = launch.arguments.data();
  return int(launch.arguments.size());
}
SHOWN void simt_most_shared(unsigned bytes) {
  simt::most_shared = bytes;
  simt::allowed_shared.clear();
}
