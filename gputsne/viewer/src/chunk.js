// A chunk: the points of one container (the whole map, or a tile) with their columns and colours.

import KDBush from "kdbush";

import { SHADES, categoryColours, rgb, scaleColours } from "./colour.js";

/** What the last byte of a point's colour says of it; the renderer's shader reads it. */
export const HIDDEN = 0, DIM = 100, SEEN = 255;
const OWN = new Set(["x", "y", "id", "count"]);

/** Points that came together; positions are in units of the chunk's square. */
export class Chunk {
  constructor(key, { header, columns }) {
    this.key = key;
    this.n = this.limit = header.rows; // the first `limit` are drawn
    this.columns = columns;
    for (const axis of ["x", "y"]) {
      if (!columns[axis]) throw new Error(`the map's data have no column ${axis}`);
    }
    const whole = columns.x instanceof Uint16Array; // of a tile: 0 to 65535 across its square
    const [x0, y0, side] = whole ? header.square : [0, 0, 1];
    Object.assign(this, { x0, y0, unit: whole ? side / 65535 : 1, below: header.below });
    this.setPoints(columns.x, columns.y);
    this.rgba = new Uint8Array(4 * this.n).fill(SEEN);
    this.selected = this.hits = null; // one byte per point, or null where nothing is asked
  }

  setPoints(x, y) {
    this.xy = new x.constructor(2 * this.n);
    for (let i = 0; i < this.n; i++) {
      this.xy[2 * i] = x[i];
      this.xy[2 * i + 1] = y[i];
    }
    this._index = null;
  }

  get names() {
    return Object.keys(this.columns).filter((name) => !OWN.has(name));
  }

  id(i) {
    const ids = this.columns.id;
    return ids ? ids.at(i) : i;
  }

  place(i) {
    return [this.x0 + this.xy[2 * i] * this.unit, this.y0 + this.xy[2 * i + 1] * this.unit];
  }

  get bounds() {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < 2 * this.n; i += 2) {
      const x = this.xy[i], y = this.xy[i + 1];
      if (x < box[0]) box[0] = x;
      if (y < box[1]) box[1] = y;
      if (x > box[2]) box[2] = x;
      if (y > box[3]) box[3] = y;
    }
    return box.map((v, i) => (i % 2 ? this.y0 : this.x0) + v * this.unit);
  }

  /** Build the index of places where it isn't built: 60 ms for 300,000 points. */
  get index() {
    if (!this._index) {
      this._index = new KDBush(this.n, 64, this.xy.constructor);
      for (let i = 0; i < 2 * this.n; i += 2) this._index.add(this.xy[i], this.xy[i + 1]);
      this._index.finish();
    }
    return this._index;
  }

  shows(i) {
    return i < this.limit && this.rgba[4 * i + 3] !== HIDDEN;
  }

  /** Return [point, squared distance in map units] of the nearest shown point, or null. */
  nearest(x, y, radius) {
    const ux = (x - this.x0) / this.unit, uy = (y - this.y0) / this.unit;
    let best = -1, least = Infinity;
    for (const i of this.index.within(ux, uy, radius / this.unit)) {
      const d = (this.xy[2 * i] - ux) ** 2 + (this.xy[2 * i + 1] - uy) ** 2;
      if (this.shows(i) && (d < least || (d === least && i > best))) [best, least] = [i, d];
    }
    return best < 0 ? null : [best, least * this.unit ** 2];
  }

  /** Return one byte per point: whether it is shown and lies in a polygon of map units. */
  within(polygon) {
    const found = new Uint8Array(this.n);
    const px = polygon.map((p) => (p[0] - this.x0) / this.unit);
    const py = polygon.map((p) => (p[1] - this.y0) / this.unit);
    const box = [Math.min(...px), Math.min(...py), Math.max(...px), Math.max(...py)];
    for (const i of this.index.range(...box)) {
      if (this.shows(i) && inside(px, py, this.xy[2 * i], this.xy[2 * i + 1])) found[i] = 1;
    }
    return found;
  }

  /** Return one byte per point: whether its id is in a set. */
  withIds(ids) {
    const found = new Uint8Array(this.n);
    for (let i = 0; i < this.n; i++) if (ids.has(this.id(i))) found[i] = 1;
    return found;
  }

  /** Write the colour of every point: by a column, filters, and what is emphasised. */
  paint(column, filters, emphasis, theme) {
    const out = this.rgba;
    this._colours(column, theme, out);
    const asked = emphasis === "selection" ? this.selected : emphasis === "search" ? this.hits : null;
    for (let i = 0, at = 3; i < this.n; i++, at += 4) out[at] = asked && !asked[i] ? DIM : SEEN;
    for (const [name, keep] of filters) {
      const values = this.columns[name];
      if (!values) continue;
      if (keep.hidden) {
        const missing = keep.hidden.has(-1);
        const shown = Uint8Array.from({ length: keep.size }, (_, code) => !keep.hidden.has(code));
        for (let i = 0; i < this.n; i++) {
          const code = values[i];
          if (code < keep.size ? !shown[code] : missing) out[4 * i + 3] = HIDDEN;
        }
      } else {
        for (let i = 0; i < this.n; i++) {
          if (!(values[i] >= keep.low && values[i] <= keep.high)) out[4 * i + 3] = HIDDEN;
        }
      }
    }
  }

  _colours(column, theme, out) {
    const values = column && this.columns[column.name];
    const paper = new Uint32Array(out.buffer, out.byteOffset, this.n);
    const word = (hex) => {
      const [r, g, b] = rgb(hex);
      return ((b << 16) | (g << 8) | r) >>> 0;
    };
    if (!values || values.offsets) { paper.fill(word(theme.plain)); return; }
    const missing = word(theme.missing);
    if (column.kind === "category") {
      const table = Uint32Array.from(categoryColours(column, theme.dark), word);
      for (let i = 0; i < this.n; i++) {
        const code = values[i];
        paper[i] = code < table.length ? table[code] : missing;
      }
      return;
    }
    const table = Uint32Array.from(scaleColours(column, theme.dark), word);
    const { low, high } = column, times = high > low ? (SHADES - 1) / (high - low) : 0;
    for (let i = 0; i < this.n; i++) {
      const v = values[i];
      paper[i] = Number.isFinite(v) ? table[Math.min(SHADES - 1, Math.max(0, Math.round((v - low) * times)))] : missing;
    }
  }
}

/** Tell whether a place lies in a polygon: an odd number of edges to its right. */
function inside(px, py, x, y) {
  let odd = false;
  for (let i = 0, j = px.length - 1; i < px.length; j = i++) {
    if (py[i] > y !== py[j] > y && x < ((px[j] - px[i]) * (y - py[i])) / (py[j] - py[i]) + px[i]) odd = !odd;
  }
  return odd;
}
