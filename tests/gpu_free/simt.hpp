// An emulator of a GPU: runs __global__ functions on a CPU, one fiber per thread, in a
// shuffled order, and stops on what hangs or races on a GPU. A test tool, for small launches.
// Kernels without barriers (LAUNCH_FREE) are plain calls, in a shuffled order as well.
// It can also write launches down instead (simt_record): ptx.py executes those.
// Who runs when is decided in simt_schedule.cpp, optimised whatever the kernels are compiled with.
#pragma once
#include <cstdint>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#define __global__ inline // a launch without barriers may take the body into its loop
#define ON_GPU inline
#define __shared__ static
#define __launch_bounds__(...)

using cudaStream_t = void *;
enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidConfiguration = 9 };
enum { cudaFuncAttributeMaxDynamicSharedMemorySize, cudaDevAttrMaxSharedMemoryPerBlockOptin };
struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct cudaDeviceProp {
  char name[16] = "an emulator";
  int major = 0, minor = 0, multiProcessorCount = 1;
  size_t totalGlobalMem = size_t(1) << 30;
};

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace simt {

inline cudaError_t last_error = cudaSuccess;
inline bool record = false; // write launches down, run nothing
inline long launches = 0;

/// One launch as the driver would get it.
struct Launch {
  std::string kernel; // mangled name
  unsigned grid, block[2];
  std::vector<unsigned char> arguments;
  unsigned shared; // bytes that the launch gives each block
};
inline std::vector<Launch> recorded;
inline size_t shared_bytes = 0, most_shared = 227 << 10; // of this launch; of an H100's block
inline std::map<const void *, size_t> allowed_shared;    // by kernel, beyond what all have
inline std::unique_ptr<unsigned char[]> dynamic_shared;  // of the block that runs

constexpr unsigned MOST_THREADS = 1024; // of a block
inline dim3 places[MOST_THREADS];       // threadIdx by thread
/// What a lane shows the others of its warp, of two shuffles in turn.
struct Lane {
  uint64_t slot[2];
  unsigned shuffles;
};
inline Lane lanes[MOST_THREADS];
inline unsigned current = 0;
inline bool fibered = false; // inside a kernel that may wait
using Call = void (*)(const void *);

/// A store that is not seen yet.
struct Posted {
  unsigned thread, block;
  void *at;
  size_t size;
  unsigned char bytes[16];
};
inline std::vector<Posted> posted;

// simt_schedule.cpp has these.
/// Begins another order of blocks and threads.
void shuffle(unsigned seed);
/// Runs a kernel whose threads may stand at barriers.
void run(dim3 grid, dim3 block, Call call, const void *arguments);
/// Begins a launch; returns its blocks in a shuffled order.
std::vector<unsigned> begin(dim3 grid, dim3 block);
/// Begins a block.
void begin_block(unsigned b);
/// All orders of a block's threads that a launch without barriers has: `turn` is shuffled for each
/// launch, and each block begins anywhere in it and goes on in steps of its own.
struct Order {
  const unsigned *turn;
  unsigned first, step;
};
Order order(unsigned threads);
/// Ends the launch with an error that names this thread.
[[noreturn]] void fail(const std::string &what);
/// The thread waits at this line for its warp or its block.
void wait(int where, bool warp);
/// Lets all see what a thread of this block has posted; ~0u: what anybody has.
void deliver(unsigned thread);

template <class... P> std::vector<unsigned char> bytes_of(const std::tuple<P...> &values) {
  std::vector<unsigned char> bytes;
  auto add = [&](const auto &value) { // each parameter at its own alignment
    size_t align = alignof(std::decay_t<decltype(value)>);
    size_t at = (bytes.size() + align - 1) / align * align;
    bytes.resize(at + sizeof value, 0);
    std::memcpy(bytes.data() + at, &value, sizeof value);
  };
  std::apply([&](const auto &...value) { (add(value), ...); }, values);
  return bytes;
}

/// Checks a launch, and tells whether it is to run: not if it is wrong or only written down.
template <class... P>
bool to_run(void (*kernel)(P...), dim3 grid, dim3 block, const std::tuple<P...> &arguments) {
  unsigned threads = block.x * block.y * block.z;
  if (!grid.x || !threads || threads > MOST_THREADS || grid.y != 1 || grid.z != 1) {
    last_error = cudaErrorInvalidConfiguration;
    return false;
  }
  auto allowed = allowed_shared.find(reinterpret_cast<const void *>(kernel));
  if (shared_bytes > (allowed == allowed_shared.end() ? size_t(48) << 10 : allowed->second)) {
    last_error = cudaErrorInvalidConfiguration;
    return false;
  }
  ++launches;
  if (record) {
    Dl_info known{};
    dladdr(reinterpret_cast<void *>(kernel), &known);
    recorded.push_back({known.dli_sname ? known.dli_sname : "?",
                        grid.x,
                        {block.x, block.y},
                        bytes_of(arguments),
                        unsigned(shared_bytes)});
  }
  return !record;
}

template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, dim3 block, A... given) {
  std::tuple<P...> arguments(given...);
  if (!to_run(kernel, grid, block, arguments))
    return;
  struct Pack {
    void (*kernel)(P...);
    const std::tuple<P...> *arguments;
  } pack{kernel, &arguments};
  run(
      grid, block,
      [](const void *p) {
        const Pack &pack = *static_cast<const Pack *>(p);
        std::apply(pack.kernel, *pack.arguments);
      },
      &pack);
}

/// A launch of a kernel without barriers: one loop over the threads. Part of the function that
/// launches, where it is known which kernel that is.
template <class... P, class... A>
inline __attribute__((always_inline)) void launch_free(void (*kernel)(P...), dim3 grid, dim3 block,
                                                       A... given) {
  if (!to_run(kernel, grid, block, std::tuple<P...>(given...)))
    return;
  const unsigned threads = block.x * block.y * block.z;
  for (unsigned b : begin(grid, block)) {
    begin_block(b);
    Order in = order(threads);
    for (unsigned k = 0, at = in.first; k < threads; ++k) {
      current = in.turn[at];
      threadIdx = places[current];
      kernel(given...);
      at += in.step;
      at -= at < threads ? 0 : threads;
    }
  }
  deliver(~0u);
}

/// A shuffle: each lane gets the value of the lane that `from` names for it.
template <class T, class From> T exchange(unsigned mask, T value, int line, From from) {
  static_assert(sizeof(T) <= sizeof(uint64_t), "what a slot holds");
  if (mask != ~0u)
    fail("only shuffles of whole warps are emulated");
  unsigned lane = current, slot = lanes[lane].shuffles++ % 2;
  std::memcpy(&lanes[lane].slot[slot], &value, sizeof value);
  wait(line, true);
  std::memcpy(&value, &lanes[from(lane)].slot[slot], sizeof value);
  return value;
}

/// Stays in the thread's hands until it fences, or the kernel is over: other blocks may see it
/// late.
template <class T> void post(T *at, T value) {
  Posted one{current, blockIdx.x, at, sizeof value, {}};
  static_assert(sizeof value <= sizeof one.bytes, "what a letter holds");
  std::memcpy(one.bytes, &value, sizeof value);
  posted.push_back(one);
}

} // namespace simt

#include "simt_device.hpp"
