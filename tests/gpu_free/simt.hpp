// An emulator of a GPU: runs __global__ functions on a CPU, one fiber per thread, in a
// shuffled order, and stops on what hangs or races on a GPU. A test tool, for small launches.
// Kernels without barriers (LAUNCH_FREE) are plain calls, in a shuffled order as well.
// It can also write launches down instead (simt_record): ptx.py executes those.
#pragma once
#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <ucontext.h>
#include <utility>
#include <vector>

#define __global__
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
inline std::mt19937 order{1};
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

constexpr size_t STACK = 1 << 16;
struct Fiber {
  ucontext_t start;
  jmp_buf at;
  std::unique_ptr<char[]> stack;
  int barrier = 0;   // the line where it waits
  bool warp = false; // for its warp only
  bool done = true, begun = false;
  uint64_t slot[2] = {}; // what its lane shows the others, of two shuffles in turn
  unsigned shuffles = 0;
};

inline std::vector<std::unique_ptr<Fiber>> fibers;
inline ucontext_t home;
inline jmp_buf home_at;
inline unsigned current = 0;
inline bool fibered = false; // inside a kernel that may wait
inline std::string fault;
using Call = void (*)(const void *);
inline Call body = nullptr;
inline const void *body_arguments = nullptr;

#if defined(__SANITIZE_ADDRESS__) // its interceptors know swapcontext
inline void leave(Fiber &f) { swapcontext(&f.start, &home); }
inline void enter(Fiber &f) { swapcontext(&home, &f.start); }
#else // without the system calls of swapcontext, once a fiber has begun
inline void leave(Fiber &f) {
  if (_setjmp(f.at) == 0)
    _longjmp(home_at, 1);
}
inline void enter(Fiber &f) {
  if (_setjmp(home_at) == 0) {
    if (f.begun)
      _longjmp(f.at, 1);
    f.begun = true;
    setcontext(&f.start);
  }
}
#endif

[[noreturn]] inline void fail(const std::string &what) {
  fault =
      what + " (block " + std::to_string(blockIdx.x) + ", thread " + std::to_string(current) + ")";
  if (!fibered)
    throw std::runtime_error("simt: " + fault);
  for (;;)
    leave(*fibers[current]); // never resumed
}

inline void entry() {
  for (;;) {
    body(body_arguments);
    fibers[current]->done = true;
    leave(*fibers[current]);
  }
}

inline void wait(int where, bool warp) {
  if (!fibered)
    fail("a barrier in a kernel that was launched as free of them");
  Fiber &f = *fibers[current];
  f.barrier = where;
  f.warp = warp;
  leave(f);
}

/// Lets the threads [a, b) go if all of them stand at the same barrier.
inline bool release(unsigned a, unsigned b, bool warp) {
  int where = 0;
  bool gone = false;
  for (unsigned t = a; t < b; ++t) {
    Fiber &f = *fibers[t];
    if (f.done) {
      gone = true;
      continue;
    }
    if (!f.barrier || f.warp != warp)
      return false;
    if (where && f.barrier != where)
      throw std::runtime_error("simt: threads wait at different barriers");
    where = f.barrier;
  }
  if (!where)
    return false;
  if (gone)
    throw std::runtime_error(warp ? "simt: a lane named in the mask has exited"
                                  : "simt: a thread left while others wait in __syncthreads");
  for (unsigned t = a; t < b; ++t)
    fibers[t]->barrier = 0;
  return true;
}

inline void set_thread(unsigned t) {
  current = t;
  threadIdx = dim3(t % blockDim.x, t / blockDim.x);
}

/// A store that is not seen yet.
struct Posted {
  unsigned thread, block;
  void *at;
  size_t size;
  unsigned char bytes[16];
};
inline std::vector<Posted> posted;

/// Lets all see what a thread of this block has posted; ~0u: what anybody has.
inline void deliver(unsigned thread) {
  std::vector<Posted> later;
  for (const Posted &one : posted)
    if (thread == ~0u || (one.thread == thread && one.block == blockIdx.x))
      std::memcpy(one.at, one.bytes, one.size);
    else
      later.push_back(one);
  posted.swap(later);
}

inline void run_fibers(unsigned threads) {
  while (fibers.size() < threads) {
    auto f = std::make_unique<Fiber>();
    f->stack.reset(new char[STACK]);
    getcontext(&f->start);
    f->start.uc_stack.ss_sp = f->stack.get();
    f->start.uc_stack.ss_size = STACK;
    f->start.uc_link = nullptr;
    makecontext(&f->start, entry, 0);
    fibers.push_back(std::move(f));
  }
  for (unsigned t = 0; t < threads; ++t)
    fibers[t]->done = false;
  std::vector<unsigned> ready, late;
  // One warp goes on only when no other can; often the first, which has the block's chores.
  unsigned last = order() % 2 ? 0 : order() % ((threads + 31) / 32);
  for (;;) {
    ready.clear();
    late.clear();
    bool alive = false;
    for (unsigned w = 0; w < threads; w += 32) // a warp may be far ahead of another
      if (order() % 2)
        release(w, std::min(w + 32, threads), true);
    for (unsigned t = 0; t < threads; ++t) {
      alive = alive || !fibers[t]->done;
      if (!fibers[t]->done && !fibers[t]->barrier)
        (t / 32 == last ? late : ready).push_back(t);
    }
    if (!alive)
      return;
    if (ready.empty() && !late.empty()) {
      bool moved = false;
      for (unsigned w = 0; w < threads; w += 32)
        moved |= release(w, std::min(w + 32, threads), true);
      if (moved)
        continue;
      ready.swap(late);
    }
    if (ready.empty()) {
      bool moved = false;
      for (unsigned w = 0; w < threads; w += 32)
        moved |= release(w, std::min(w + 32, threads), true);
      if (!moved && !release(0, threads, false))
        throw std::runtime_error("simt: deadlock, a barrier is not reached by all");
      continue;
    }
    std::shuffle(ready.begin(), ready.end(), order);
    ready.resize(1 + order() % ready.size()); // the others come later
    for (unsigned t : ready) {
      set_thread(t);
      enter(*fibers[t]);
      if (!fault.empty())
        throw std::runtime_error("simt: " + fault);
    }
  }
}

inline void run(bool waits, dim3 grid, dim3 block, Call call, const void *arguments) {
  unsigned threads = block.x * block.y * block.z;
  body = call;
  body_arguments = arguments;
  gridDim = grid;
  blockDim = block;
  std::vector<unsigned> blocks(grid.x), turn(threads);
  for (unsigned b = 0; b < grid.x; ++b)
    blocks[b] = b;
  for (unsigned t = 0; t < threads; ++t)
    turn[t] = t;
  std::shuffle(blocks.begin(), blocks.end(), order);
  for (unsigned b : blocks) {
    blockIdx = dim3(b, 0);
    if (shared_bytes) { // an allocation of its own, NaN in all that is not written
      dynamic_shared.reset(new unsigned char[shared_bytes]);
      std::memset(dynamic_shared.get(), 0xFF, shared_bytes);
    }
    if (waits) {
      struct Scope {
        Scope() { fibered = true; }
        ~Scope() {
          fibered = false;
          if (!fault.empty() || std::uncaught_exceptions())
            fibers.clear(); // some of them hang in the middle of a kernel
          fault.clear();
        }
      } scope;
      run_fibers(threads);
    } else {
      std::shuffle(turn.begin(), turn.end(), order);
      for (unsigned t : turn) {
        set_thread(t);
        call(arguments);
      }
    }
  }
  deliver(~0u);
}

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

template <class... P, class... A>
void launch(bool waits, void (*kernel)(P...), dim3 grid, dim3 block, A... given) {
  unsigned threads = block.x * block.y * block.z;
  if (!grid.x || !threads || threads > 1024 || grid.y != 1 || grid.z != 1) {
    last_error = cudaErrorInvalidConfiguration;
    return;
  }
  auto allowed = allowed_shared.find(reinterpret_cast<const void *>(kernel));
  if (shared_bytes > (allowed == allowed_shared.end() ? size_t(48) << 10 : allowed->second)) {
    last_error = cudaErrorInvalidConfiguration;
    return;
  }
  ++launches;
  std::tuple<P...> arguments(given...);
  if (record) {
    Dl_info known{};
    dladdr(reinterpret_cast<void *>(kernel), &known);
    recorded.push_back({known.dli_sname ? known.dli_sname : "?",
                        grid.x,
                        {block.x, block.y},
                        bytes_of(arguments),
                        unsigned(shared_bytes)});
    return;
  }
  struct Pack {
    void (*kernel)(P...);
    const std::tuple<P...> *arguments;
  } pack{kernel, &arguments};
  run(
      waits, grid, block,
      [](const void *p) {
        const Pack &pack = *static_cast<const Pack *>(p);
        std::apply(pack.kernel, *pack.arguments);
      },
      &pack);
}

/// A shuffle: each lane gets the value of the lane that `from` names for it.
template <class T, class From> T exchange(unsigned mask, T value, int line, From from) {
  static_assert(sizeof(T) <= sizeof(uint64_t), "what a slot holds");
  if (mask != ~0u)
    fail("only shuffles of whole warps are emulated");
  unsigned lane = current;
  unsigned slot = fibers.empty() ? 0 : fibers[lane]->shuffles++ % 2;
  if (fibered)
    std::memcpy(&fibers[lane]->slot[slot], &value, sizeof value);
  wait(line, true);
  std::memcpy(&value, &fibers[from(lane)]->slot[slot], sizeof value);
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
