// Launches of the neighbour search; csrc/kernels/neighbors.hpp says in which order.
#include "launch_neighbors.hpp"
#include "../kernels/gpu_neighbors.hpp"

namespace gputsne::cuda {

namespace {

Gpu gpu(Stream stream) { return {cudaStream_t(stream)}; }

Lists lists_of(const ListsOf &l) { return {l.keys, l.room, l.count, l.kept, l.done, l.gate}; }

Slots slots_of(const Columns &c) { return {c.order}; }

void check_tiles(const char *name, Index slots) {
  if (slots % TILE)
    refuse(name, " has ", slots, " slots, which are no whole tiles of ", Index(TILE));
}

void check_loads(const char *name, const void *columns) {
  if (reinterpret_cast<uintptr_t>(columns) % 16)
    refuse(name, " lies at an address that 16 does not divide; pass whole tiles");
}

} // namespace

void to_columns(const ColumnsOf &of, float *columns, float *norm, Index *most, Stream stream) {
  check_tiles("the array of columns", of.slots);
  if (of.padded % SLICE || of.padded < of.d)
    refuse("padded=", of.padded, " columns; pass a multiple of ", Index(SLICE), " from ", of.d);
  gpu(stream).each(of.slots, ToColumns{of.rows, Slots{of.order}, of.centre, int(of.d),
                                       int(of.padded), of.slots, columns, norm, most});
}

void open_lists(const float *norm, Index slots, const ListsOf &lists, Stream stream) {
  gpu(stream).each(slots, OpenLists{norm, lists_of(lists)});
}

void compare_tiles(const Columns &queries, const Columns &database, Index padded,
                   const PassOf &pass, const ListsOf &lists, Stream stream) {
  check_tiles("queries", queries.slots);
  check_tiles("the database", database.slots);
  check_loads("queries", queries.values);
  check_loads("the database", database.values);
  if (padded % SLICE || padded < SLICE)
    refuse("padded=", padded, " columns; pass a multiple of ", Index(SLICE));
  if (!pass.tiles && pass.end > database.slots / TILE)
    refuse("end=", pass.end, " of ", database.slots / TILE, " tiles");
  const Index tiles = queries.slots / TILE, places = pass.end - pass.begin;
  if (!tiles || places <= 0)
    return;
  if (pass.per < 1)
    refuse("per=", pass.per, " places of a block; pass 1 or more");
  if (queries.slots > LAUNCH_MAX || database.slots > LAUNCH_MAX)
    refuse("more than ", LAUNCH_MAX, " slots; pass the database in blocks");
  const Index blocks = tiles * ((places + pass.per - 1) / pass.per);
  if (blocks >= LAUNCH_MAX)
    refuse(blocks, " blocks of one launch; raise per");
  TilePass p{queries.values,  queries.norm,  int(queries.slots),  int(tiles),
             database.values, database.norm, int(database.slots), slots_of(database),
             int(padded),     pass.tiles,    pass.first,          pass.last,
             int(pass.begin), int(pass.end), int(pass.per),       pass.pass,
             lists_of(lists)};
  auto kernel = pass.by_difference ? tiles_k<true> : tiles_k<false>;
  LAUNCH(kernel, unsigned(blocks), BLOCK, cudaStream_t(stream), p);
  check(cudaGetLastError(), "tiles");
}

void keep_nearest(const ListsOf &lists, Index slots, Index keep, int pass, Index *over,
                  Stream stream) {
  if (lists.room >= 1 << 16 || keep < 1 || keep >= lists.room)
    refuse("keep=", keep, " of lists of ", lists.room, "; lists end at 65535, and keep below them");
  if (!slots)
    return;
  if (slots >= LAUNCH_MAX)
    refuse(slots, " lists of one launch; pass fewer than ", LAUNCH_MAX);
  auto kernel = warps_k<KeepNearest>;
  LAUNCH(kernel, unsigned((slots + BLOCK / WARP - 1) / (BLOCK / WARP)), BLOCK, cudaStream_t(stream),
         int(slots), KeepNearest{lists_of(lists), keep, pass, over});
  check(cudaGetLastError(), "keep");
}

void direct_keys(const ListsOf &lists, const Columns &queries, const float *query_rows,
                 const float *rows, Index d, Stream stream) {
  gpu(stream).lanes<WARP>(queries.slots, DirectKeys<WARP>{lists_of(lists), query_rows,
                                                          slots_of(queries), rows, int(d)});
}

void rank_keys(const ListsOf &lists, const Columns &queries, const RanksOf &r, Stream stream) {
  gpu(stream).lanes<WARP>(queries.slots, RankKeys<WARP>{lists_of(lists), slots_of(queries), r.own,
                                                        r.k, r.squared, r.ids, queries.norm, r.most,
                                                        r.slack, r.whole, r.unsure, r.again});
}

void add_to_cells(const float *rows, const int32_t *cell, Index n, Index d, float scale,
                  unsigned long long *sum, Stream stream) {
  gpu(stream).lanes<WARP>(n, AddToCells<WARP>{rows, cell, int(d), scale, sum});
}

void count_cells(const int32_t *cell, const int32_t *rows, Index n, Index *count, Stream stream) {
  gpu(stream).each(n, CountCells{cell, rows, count});
}

void fill_cells(const int32_t *cell, const int32_t *rows, Index n, Index *next, int32_t *order,
                Stream stream) {
  gpu(stream).each(n, FillCells{cell, rows, next, order});
}

} // namespace gputsne::cuda
