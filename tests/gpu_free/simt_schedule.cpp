// The emulator's scheduler: which thread of a block runs, where it waits, who lets it go.
// Always compiled optimised and without sanitisers, which watch the kernels' memory, not this.
#include "simt.hpp"
#include <algorithm>
#include <ucontext.h>

namespace simt {
namespace {

/// Random numbers for the shuffles: splitmix64 (Steele, Lea and Flood 2014).
struct Dice {
  uint64_t state;
  uint32_t next() {
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return uint32_t((z ^ (z >> 31)) >> 32);
  }
  unsigned below(size_t n) { return unsigned(uint64_t(next()) * n >> 32); }
  bool coin() { return next() >> 31; }
  void shuffle(std::vector<unsigned> &all) {
    for (size_t n = all.size(); n > 1; --n)
      std::swap(all[n - 1], all[below(n)]);
  }
} dice{1};

using Jump = intptr_t[5]; // what __builtin_setjmp keeps
constexpr size_t STACK = 1 << 16;
struct Fiber {
  Jump at;
  ucontext_t start;
  std::unique_ptr<char[]> stack;
  bool begun = false;
};
/// Where a thread of the block stands.
struct Standing {
  int barrier; // the line where it waits, 0: it doesn't
  bool warp;   // for its warp only
  bool done;
};

std::vector<std::unique_ptr<Fiber>> fibers;
Standing standing[MOST_THREADS];
Jump home_at;
std::string fault;
Call body = nullptr;
const void *body_arguments = nullptr;

// The compiler's own jumps: libc's look for handlers of threads that end, and AddressSanitizer
// clears a whole stack at each of swapcontext's. No caller may know what these functions leave
// alone: others run meanwhile, in the same registers and variables.
#if defined(__clang__)
#define JUMPS __attribute__((noinline, optnone))
#else
#define JUMPS __attribute__((noipa))
#endif
[[noreturn]] JUMPS void jump(Jump &to) { __builtin_longjmp(to, 1); } // GCC: not beside a setjmp
JUMPS void leave(Fiber &f) {
  if (!__builtin_setjmp(f.at))
    jump(home_at);
}
JUMPS void enter(Fiber &f) {
  if (!__builtin_setjmp(home_at)) {
    if (f.begun)
      jump(f.at);
    f.begun = true;
    setcontext(&f.start);
  }
}

void entry() {
  for (;;) {
    body(body_arguments);
    standing[current].done = true;
    leave(*fibers[current]);
  }
}

void make_fibers(unsigned threads) {
  while (fibers.size() < threads) {
    auto f = std::make_unique<Fiber>();
    f->stack.reset(new char[STACK]);
    getcontext(&f->start);
    f->start.uc_stack.ss_sp = f->stack.get();
    // Tops of stacks at one place of every 64 kB would fight for the same lines of the cache.
    f->start.uc_stack.ss_size = STACK - 448 * (fibers.size() % 32);
    f->start.uc_link = nullptr; // entry() never returns
    makecontext(&f->start, entry, 0);
    fibers.push_back(std::move(f));
  }
}

/// A block whose threads wait for each other.
class Block {
public:
  explicit Block(unsigned threads)
      : threads(threads), warps((threads + 31) / 32), alive(threads),
        // One warp goes on only when no other can; often the first, which has the block's chores.
        last(dice.coin() ? 0 : dice.below(warps)), stopped(warps, 0) {
    std::fill_n(standing, threads, Standing{});
    for (unsigned t = 0; t < threads; ++t)
      can_go(t);
  }

  void run() {
    while (alive) {
      for (unsigned w = 0; w < warps; ++w) // a warp may be far ahead of another
        if (dice.coin())
          release_warp(w);
      if (ready.empty() && release_warps())
        continue;
      if (!ready.empty() || !late.empty())
        go_on(ready.empty() ? late : ready);
      else if (!release(0, threads, false))
        throw std::runtime_error("simt: deadlock, a barrier is not reached by all");
    }
  }

private:
  unsigned threads, warps, alive, last;
  std::vector<unsigned> stopped;     // threads of each warp that wait or are done
  std::vector<unsigned> ready, late; // those that can go on; of the last warp

  void can_go(unsigned t) { (t / 32 == last ? late : ready).push_back(t); }

  /// Lets some of these threads run to where they wait; the others come later.
  void go_on(std::vector<unsigned> &pool) {
    for (unsigned some = 1 + dice.below(pool.size()); some > 0; --some) {
      std::swap(pool[dice.below(pool.size())], pool.back());
      unsigned t = pool.back();
      pool.pop_back();
      current = t;
      threadIdx = dim3(t % blockDim.x, t / blockDim.x);
      enter(*fibers[t]);
      if (!fault.empty())
        throw std::runtime_error("simt: " + fault);
      ++stopped[t / 32];
      alive -= standing[t].done;
    }
  }

  bool release_warp(unsigned w) {
    unsigned a = 32 * w, b = std::min(a + 32, threads);
    return stopped[w] == b - a && release(a, b, true);
  }
  bool release_warps() {
    bool moved = false;
    for (unsigned w = 0; w < warps; ++w)
      moved |= release_warp(w);
    return moved;
  }

  /// Lets the threads [a, b) go if all of them stand at the same barrier.
  bool release(unsigned a, unsigned b, bool warp) {
    int where = 0;
    bool gone = false;
    for (unsigned t = a; t < b; ++t) {
      const Standing &one = standing[t];
      if (one.done) {
        gone = true;
        continue;
      }
      if (!one.barrier || one.warp != warp)
        return false;
      if (where && one.barrier != where)
        throw std::runtime_error("simt: threads wait at different barriers");
      where = one.barrier;
    }
    if (!where)
      return false;
    if (gone)
      throw std::runtime_error(warp ? "simt: a lane named in the mask has exited"
                                    : "simt: a thread left while others wait in __syncthreads");
    for (unsigned t = a; t < b; ++t) {
      standing[t].barrier = 0;
      --stopped[t / 32];
      can_go(t);
    }
    return true;
  }
};

} // namespace

void shuffle(unsigned seed) { dice.state = seed; }

void fail(const std::string &what) {
  fault =
      what + " (block " + std::to_string(blockIdx.x) + ", thread " + std::to_string(current) + ")";
  if (!fibered)
    throw std::runtime_error("simt: " + std::exchange(fault, ""));
  for (;;)
    leave(*fibers[current]); // never resumed
}

void wait(int where, bool warp) {
  if (!fibered)
    fail("a barrier in a kernel that was launched as free of them");
  standing[current].barrier = where;
  standing[current].warp = warp;
  leave(*fibers[current]);
}

void deliver(unsigned thread) {
  if (posted.empty())
    return;
  std::vector<Posted> later;
  for (const Posted &one : posted)
    if (thread == ~0u || (one.thread == thread && one.block == blockIdx.x))
      std::memcpy(one.at, one.bytes, one.size);
    else
      later.push_back(one);
  posted.swap(later);
}

void run(bool waits, dim3 grid, dim3 block, Call call, const void *arguments) {
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
  dice.shuffle(blocks);
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
      make_fibers(threads);
      Block(threads).run();
    } else {
      dice.shuffle(turn);
      for (unsigned t : turn) {
        current = t;
        threadIdx = dim3(t % block.x, t / block.x);
        call(arguments);
      }
    }
  }
  deliver(~0u);
}

} // namespace simt
