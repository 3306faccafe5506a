// Vectors of numbers as g++ and clang have them on every processor. They are passed by reference:
// by value, their layout would depend on the instruction set.
#pragma once
#include <cstdint>
#include <cstring>

namespace gputsne::cpu {

typedef float Float4 __attribute__((vector_size(16)));
typedef float Float8 __attribute__((vector_size(32)));
typedef int32_t Int4 __attribute__((vector_size(16)));
typedef int32_t Int8 __attribute__((vector_size(32)));
typedef uint32_t Word4 __attribute__((vector_size(16)));
typedef uint32_t Word8 __attribute__((vector_size(32)));
typedef int64_t Long2 __attribute__((vector_size(16)));
typedef int64_t Long4 __attribute__((vector_size(32)));
typedef double Double2 __attribute__((vector_size(16)));
typedef double Double4 __attribute__((vector_size(32)));

} // namespace gputsne::cpu
