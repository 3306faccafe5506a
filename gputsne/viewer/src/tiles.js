// Tiles: which are in view, in what order they are fetched, and which are let go.

import { Chunk } from "./chunk.js";
import { unpack } from "./container.js";

const WIDTH = 180; // pixels that a tile of the finest level drawn is wide at least
const AT_ONCE = 6; // requests on their way
const RETRY = 2; // times that a tile is asked for again

/** Fetches the tiles in view; levels are additive, so that coarse ones stay drawn beneath fine ones. */
export class Tiles {
  /**
   * @param {object} tileset with `square`, `levels`, `tiles`
   * @param {(path: string) => Promise<ArrayBuffer>} fetch
   * @param {object} tell `add(chunk)`, `remove(chunk)`, `settled()`, `failed(error)`
   * @param {number} most points held in memory, except those in view
   */
  constructor(tileset, fetch, tell, most) {
    Object.assign(this, { tileset, fetch, tell, most });
    this.folder = tileset.path ?? "tiles";
    this.held = new Map(); // key to chunk, least recently seen first
    this.asked = new Map(); // key to number of tries
    this.busy = 0;
    this.wanted = [];
    this.ended = false;
  }

  /** Return the keys of the tiles in view, coarse and central ones first. */
  visible(camera) {
    const [x0, y0, side] = this.tileset.square;
    const deepest = Math.floor(Math.log2(Math.max(1, (side * camera.k) / WIDTH)));
    const last = (this.last = Math.min(this.tileset.levels - 1, deepest));
    const [left, low, right, high] = camera.view;
    const found = [];
    for (let z = 0; z <= last; z++) {
      const width = side / 2 ** z, most = 2 ** z - 1;
      const place = (v, from) => Math.min(most, Math.max(0, Math.floor((v - from) / width)));
      const level = [];
      for (let x = place(left, x0); x <= place(right, x0); x++) {
        for (let y = place(low, y0); y <= place(high, y0); y++) {
          const key = `${z}/${x}/${y}`;
          const dx = x0 + (x + 0.5) * width - camera.x, dy = y0 + (y + 0.5) * width - camera.y;
          if (this._exists(z, x, y)) level.push([dx * dx + dy * dy, key]);
        }
      }
      found.push(...level.sort((a, b) => a[0] - b[0]).map(([, key]) => key));
    }
    return found;
  }

  /** Tell whether there is a tile: the index has the first levels, tiles above tell of deeper ones. */
  _exists(z, x, y) {
    const { tiles, listed = Infinity } = this.tileset;
    if (z < listed) return tiles[`${z}/${x}/${y}`] > 0;
    const above = this.held.get(`${z - 1}/${x >> 1}/${y >> 1}`);
    return above?.below?.[(x & 1) + 2 * (y & 1)] > 0;
  }

  /**
   * Say how many points of each tile in view are drawn. Tiles have as many points as their bytes allow,
   * so that a crowded square shows a smaller share of its points than one beside it. The picture has
   * no seams where every square shows the share that the most crowded one in view can: coarse tiles
   * first, of finer ones as much as lacks.
   */
  _even(keys) {
    if (this.tileset.cells) return; // counts are whole
    const seen = new Set(keys), shares = new Map();
    let goal = 1;
    for (const key of keys) { // coarse ones come first
      const chunk = this.held.get(key);
      if (!chunk) continue;
      const [z, x, y] = key.split("/").map(Number);
      const before = shares.get(`${z - 1}/${x >> 1}/${y >> 1}`)?.after ?? 0; // what coarser tiles show
      const own = ((1 - before) * chunk.n) / Math.max(chunk.n, this._total(key, chunk));
      shares.set(key, { chunk, before, own, after: before + own });
      for (const [dx, dy] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
        if (!this._exists(z + 1, 2 * x + dx, 2 * y + dy)) continue;
        const below = `${z + 1}/${2 * x + dx}/${2 * y + dy}`;
        if (z === this.last || (seen.has(below) && !this.held.has(below))) goal = Math.min(goal, before + own);
      }
    }
    for (const { chunk, before, own } of shares.values()) {
      chunk.limit = Math.ceil(chunk.n * Math.min(1, Math.max(0, (goal - before) / own)));
    }
  }

  /** Return the points of a tile and of all below it, as far as the index or the tile tells. */
  _total(key, chunk) {
    if (!this.totals) {
      this.totals = new Map(Object.entries(this.tileset.tiles));
      const depth = (name) => Number(name.slice(0, name.indexOf("/")));
      for (const name of [...this.totals.keys()].sort((a, b) => depth(b) - depth(a))) {
        const [z, x, y] = name.split("/").map(Number);
        const above = `${z - 1}/${x >> 1}/${y >> 1}`;
        if (this.totals.has(above)) this.totals.set(above, this.totals.get(above) + this.totals.get(name));
      }
    }
    return this.totals.get(key) ?? chunk.n + chunk.below.reduce((sum, rows) => sum + rows, 0);
  }

  /** Ask for what the camera sees and isn't here, let go of what is too much. */
  look(camera) {
    const keys = this.visible(camera);
    this.inView = new Set(keys);
    for (const key of keys) {
      const chunk = this.held.get(key);
      if (!chunk) continue;
      this.held.delete(key); // the latest seen come last
      this.held.set(key, chunk);
    }
    this.wanted = keys.filter((key) => !this.held.has(key) && !this.asked.has(key));
    this._even(keys);
    this._forget();
    this._next();
  }

  get settled() {
    return !this.busy && !this.wanted.length;
  }

  _next() {
    while (this.busy < AT_ONCE && this.wanted.length && !this.ended) this._ask(this.wanted.shift());
  }

  async _ask(key, tries = 0) {
    this.asked.set(key, tries);
    this.busy++;
    try {
      const chunk = new Chunk(key, unpack(await this.fetch(`${this.folder}/${key}.bin`)));
      if (this.ended) return;
      this.held.set(key, chunk);
      this.asked.delete(key);
      this._even(this.inView);
      this.tell.add(chunk);
    } catch (error) {
      if (tries < RETRY && !this.ended) setTimeout(() => this._ask(key, tries + 1), 500 * 2 ** tries);
      else if (!this.ended) this.tell.failed(error); // stays in `asked`, so that it isn't asked for ever
    } finally {
      this.busy--;
      if (!this.ended) {
        this._next();
        if (this.settled) this.tell.settled();
      }
    }
  }

  _forget() {
    let points = 0;
    for (const chunk of this.held.values()) points += chunk.n;
    for (const [key, chunk] of this.held) {
      if (points <= this.most) break;
      if (this.inView.has(key)) continue;
      this.held.delete(key);
      this.tell.remove(chunk);
      points -= chunk.n;
    }
  }

  destroy() {
    this.ended = true;
    this.wanted = [];
  }
}
