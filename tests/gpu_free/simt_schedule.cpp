// The emulator's scheduler: which thread of a block runs, where it waits, who lets it go.
// Always compiled optimised and without sanitisers, which watch the kernels' memory, not this.
#include "simt.hpp"
#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <sys/mman.h>
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
constexpr size_t STACK = 1 << 16, HUGE_PAGE = 1 << 21;
// Tops of stacks at one place of every 64 kB would fight for the same lines of the cache.
constexpr size_t APART = STACK + 448;
struct Fiber {
  Jump at;
  bool begun;
  std::unique_ptr<ucontext_t> start;
};
/// Where a thread of the block stands.
struct Standing {
  int barrier; // the line where it waits, 0: it doesn't
  bool warp;   // for its warp only
  bool done;
};

std::vector<Fiber> fibers;
std::unique_ptr<char[]> stacks; // of all fibers
Standing standing[MOST_THREADS];
unsigned stopped[MOST_THREADS / 32]; // threads of each warp that wait or are done
unsigned alive = 0;
std::vector<unsigned> turn; // of threads that know no barriers
std::vector<unsigned> now;  // threads that go on, the last first
Jump home_at;
std::string fault;
Call body = nullptr;
const void *body_arguments = nullptr;

/// The next of those that go on now; none where the scheduler is to decide.
Fiber *next() {
  if (now.empty() || !fault.empty())
    return nullptr;
  const unsigned t = now.back();
  now.pop_back();
  if (size_t left = now.size(); left > 1) { // the one after the next: its stack is far away
    const char *top = reinterpret_cast<const char *>(fibers[now[left - 2]].at[2]);
    for (int line = 0; line < 4; ++line)
      __builtin_prefetch(top + 64 * line, 1);
  }
  current = t;
  threadIdx = places[t];
  return &fibers[t];
}

// The compiler's own jumps: libc's look for handlers of threads that end, and AddressSanitizer
// clears a whole stack at each of swapcontext's. No caller may know what these functions leave
// alone: others run meanwhile, in the same registers and variables.
#if defined(__clang__)
#define JUMPS __attribute__((noinline, optnone))
#else
#define JUMPS __attribute__((noipa))
#endif
[[noreturn]] JUMPS void go() { // GCC: no jump beside a setjmp
  Fiber *f = next();
  if (!f)
    __builtin_longjmp(home_at, 1);
  if (f->begun)
    __builtin_longjmp(f->at, 1);
  f->begun = true;
  setcontext(f->start.get());
  std::abort();
}
JUMPS void leave(Fiber &f) {
  if (!__builtin_setjmp(f.at))
    go();
}
JUMPS void enter() {
  if (!__builtin_setjmp(home_at))
    go();
}

void entry() {
  for (;;) {
    body(body_arguments);
    standing[current].done = true;
    --alive;
    leave(fibers[current]);
  }
}

void make_fibers(unsigned threads) {
  if (!stacks) {
    const size_t size = MOST_THREADS * APART + HUGE_PAGE;
    stacks.reset(new char[size]); // what is not touched takes no memory
#if defined(MADV_HUGEPAGE)
    void *at = stacks.get();
    size_t room = size;
    if (std::align(HUGE_PAGE, HUGE_PAGE, at, room)) // a page of 4 kB for each would be looked up
      madvise(at, room / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
    fibers.reserve(MOST_THREADS);
  }
  while (fibers.size() < threads) {
    Fiber f{};
    f.start = std::make_unique<ucontext_t>();
    getcontext(f.start.get());
    f.start->uc_stack.ss_sp = stacks.get() + fibers.size() * APART;
    f.start->uc_stack.ss_size = STACK;
    f.start->uc_link = nullptr; // entry() never returns
    makecontext(f.start.get(), entry, 0);
    fibers.push_back(std::move(f));
  }
}

/// A block whose threads wait for each other.
class Block {
public:
  explicit Block(unsigned threads)
      : threads(threads), warps((threads + 31) / 32),
        // One warp goes on only when no other can; often the first, which has the block's chores.
        last(dice.coin() ? 0 : dice.below(warps)) {
    alive = threads;
    std::fill_n(standing, threads, Standing{});
    std::fill_n(stopped, warps, 0u);
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
  unsigned threads, warps, last;
  std::vector<unsigned> ready, late; // those that can go on; of the last warp

  void can_go(unsigned t) { (t / 32 == last ? late : ready).push_back(t); }

  /// Lets some of these threads run to where they wait; the others come later.
  void go_on(std::vector<unsigned> &pool) {
    now.clear();
    for (unsigned some = 1 + dice.below(pool.size()); some > 0; --some) {
      std::swap(pool[dice.below(pool.size())], pool.back());
      ++stopped[pool.back() / 32]; // by the time that anybody asks
      now.push_back(pool.back());
      pool.pop_back();
    }
    enter();
    if (!fault.empty())
      throw std::runtime_error("simt: " + fault);
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
    leave(fibers[current]); // never resumed
}

void wait(int where, bool warp) {
  if (!fibered)
    fail("a barrier in a kernel that was launched as free of them");
  standing[current].barrier = where;
  standing[current].warp = warp;
  leave(fibers[current]);
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

std::vector<unsigned> begin(dim3 grid, dim3 block) {
  gridDim = grid;
  blockDim = block;
  std::vector<unsigned> blocks(grid.x);
  std::iota(blocks.begin(), blocks.end(), 0u);
  dice.shuffle(blocks);
  turn.resize(block.x * block.y * block.z);
  std::iota(turn.begin(), turn.end(), 0u);
  dice.shuffle(turn);
  for (unsigned t = 0; t < turn.size(); ++t)
    places[t] = dim3(t % block.x, t / block.x);
  return blocks;
}

void begin_block(unsigned b) {
  blockIdx = dim3(b, 0);
  if (shared_bytes) { // an allocation of its own, NaN in all that is not written
    dynamic_shared.reset(new unsigned char[shared_bytes]);
    std::memset(dynamic_shared.get(), 0xFF, shared_bytes);
  }
}

Order order(unsigned threads) {
  unsigned step;
  do
    step = 1 + dice.below(threads);
  while (std::gcd(step, threads) != 1); // it meets them all
  return {turn.data(), dice.below(threads), step};
}

void run(dim3 grid, dim3 block, Call call, const void *arguments) {
  unsigned threads = block.x * block.y * block.z;
  body = call;
  body_arguments = arguments;
  struct Scope {
    Scope() { fibered = true; }
    ~Scope() {
      fibered = false;
      if (!fault.empty() || std::uncaught_exceptions())
        fibers.clear(), stacks.reset(); // some of them hang in the middle of a kernel
      fault.clear();
    }
  } scope;
  make_fibers(threads);
  for (unsigned b : begin(grid, block)) {
    begin_block(b);
    Block(threads).run();
  }
  deliver(~0u);
}

} // namespace simt
