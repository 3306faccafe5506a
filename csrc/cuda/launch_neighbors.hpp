// The part of launch.hpp that finds neighbours: launches of csrc/cuda/neighbors.cu, in the order in
// which they run.
#pragma once
#include "launch.hpp"

namespace gputsne::cuda {

/// Rows as columns: csrc/kernels/neighbors.hpp, ToColumns.
struct ColumnsOf {
  const float *rows;    // (.., d)
  const int32_t *order; // (slots,) row of each slot, from 1; 0 for nobody
  const float *centre;  // (d,) or null
  Index d, padded;      // padded: a multiple of 8
  Index slots;          // a multiple of 128
};

/// Columns as tiles are read from them.
struct Columns {
  const float *values;  // (padded, slots)
  const float *norm;    // (slots,)
  const int32_t *order; // as in ColumnsOf
  Index slots;
};

/// Candidates of each slot of the queries: csrc/kernels/neighbors.hpp, Lists.
struct ListsOf {
  uint64_t *keys; // (slots, room)
  Index room;
  Index *count, *kept; // (slots,)
  int32_t *done;       // (slots,)
  uint64_t *gate;      // (slots,)
};

/// Tiles of one pass: csrc/kernels/gpu_neighbors.hpp, TilePass.
struct PassOf {
  const int32_t *tiles;        // or null: all
  const int32_t *first, *last; // (query tiles,) of tiles
  Index begin, end, per;
  int pass;
  bool by_difference;
};

/// What the ranks are written to, and what is checked: csrc/kernels/neighbors.hpp, RankKeys.
struct RanksOf {
  const int32_t *own; // (queries,) or null
  Index k;
  float *squared; // (queries, k)
  int32_t *ids;   // (queries, k)
  const Index *most;
  float slack;
  bool whole;
  Index *unsure;
  int32_t *again; // (slots,)
};

void to_columns(const ColumnsOf &of, float *columns, float *norm, Index *most, Stream stream);
void open_lists(const float *norm, Index slots, const ListsOf &lists, Stream stream);
void compare_tiles(const Columns &queries, const Columns &database, Index padded,
                   const PassOf &pass, const ListsOf &lists, Stream stream);
void keep_nearest(const ListsOf &lists, Index slots, Index keep, int pass, Index *over,
                  Stream stream);
void direct_keys(const ListsOf &lists, const Columns &queries, const float *query_rows,
                 const float *rows, Index d, Stream stream);
void rank_keys(const ListsOf &lists, const Columns &queries, const RanksOf &ranks, Stream stream);
void add_to_cells(const float *rows, const int32_t *cell, Index n, Index d, float scale,
                  unsigned long long *sum, Stream stream);
void count_cells(const int32_t *cell, const int32_t *rows, Index n, Index *count, Stream stream);
void fill_cells(const int32_t *cell, const int32_t *rows, Index n, Index *next, int32_t *order,
                Stream stream);

} // namespace gputsne::cuda
