// Drawing without a graphics card: discs are blended into an image by the processor.
//
// Software WebGL (SwiftShader, llvmpipe) takes about half a microsecond per point, whatever its size:
// 120 to 220 ms for 300,000 of them. This takes a tenth of that. Twin: webgl.js.

import { rgb } from "./colour.js";
import { Pace, passes } from "./pace.js";

const PHASES = 4; // places within a pixel, per axis, for which a disc is worked out
const LARGEST = 48; // pixels of a disc

const pixel = ([r, g, b]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;

/** Draws chunks of points onto a canvas. */
export class Raster extends Pace {
  name = "raster";
  cost = 0; // ms of the last frame
  chunks = new Set();

  constructor(canvas) {
    super();
    this.canvas = canvas;
    // Not willReadFrequently, which halves the frames per second of software compositing.
    this.context = canvas.getContext("2d", { alpha: false });
    if (!this.context) throw new Error("there is no canvas to draw on");
  }

  add(chunk) {
    this.chunks.add(chunk);
  }

  remove(chunk) {
    this.chunks.delete(chunk);
  }

  update() {} // the chunks' own arrays are read at each frame

  restore() {}

  /** Leave points out where drawing them takes half of a frame's time; the rest is the browser's. */
  pace() {
    super.pace(2 * this.cost);
  }

  draw(camera, look) {
    const begin = performance.now();
    const { width, height } = this.canvas;
    const dpr = width / camera.width;
    const size = look.size * dpr;
    this.margin = Math.ceil(LARGEST / 2) + 2; // a disc on the edge needs no care
    const wide = width + 2 * this.margin, tall = height + 2 * this.margin;
    if (this.image?.width !== wide || this.image?.height !== tall) {
      this.image = new ImageData(wide, tall);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    this.pixels.fill(pixel(rgb(look.paper)));
    const part = this.part(this.chunks, look);
    for (const [state, times] of passes(look)) {
      const opacity = Math.min(1, look.opacity * times);
      const disc = discs(Math.min(LARGEST, size), opacity, wide);
      for (const chunk of this.chunks) {
        if (look.outside?.(chunk)) continue;
        const n = Math.ceil(part * chunk.limit);
        this.drawn += n;
        if (!chunk.weights) this._blend(chunk, 0, n, state, disc, camera, dpr);
        else {
          for (let i = 0; i < n; i++) {
            const own = discs(Math.min(LARGEST, size * chunk.weights[i]), opacity, wide);
            this._blend(chunk, i, i + 1, state, own, camera, dpr);
          }
        }
      }
    }
    this.context.putImageData(this.image, -this.margin, -this.margin);
    this.cost = performance.now() - begin;
  }

  /** Blend the points from one to another whose state is asked for. */
  _blend(chunk, from, to, state, { ways, shift }, camera, dpr) {
    const { xy, rgba } = chunk, { pixels, margin } = this;
    const wide = this.image.width, right = wide - margin, low = this.image.height - margin;
    const k = camera.k * dpr * chunk.unit;
    const x0 = ((chunk.x0 - camera.x) * camera.k + camera.width / 2) * dpr + margin - shift;
    const y0 = ((camera.y - chunk.y0) * camera.k + camera.height / 2) * dpr + margin - shift;
    for (let i = from; i < to; i++) {
      if (rgba[4 * i + 3] !== state) continue;
      const x = xy[2 * i] * k + x0, y = y0 - xy[2 * i + 1] * k;
      if (!(x >= 0 && y >= 0 && x < right && y < low)) continue;
      const ix = x | 0, iy = y | 0;
      const way = ways[(((y - iy) * PHASES) | 0) * PHASES + (((x - ix) * PHASES) | 0)];
      const at = iy * wide + ix;
      const rb = rgba[4 * i] | (rgba[4 * i + 2] << 16), g = rgba[4 * i + 1] << 8;
      // Red and blue at once, green alone: each product stays within its bits.
      for (let j = 0; j < way.length; j += 2) {
        const q = at + way[j], a = way[j + 1], rest = 256 - a, old = pixels[q];
        pixels[q] = 0xff000000
          | (((Math.imul(old & 0xff00ff, rest) + Math.imul(rb, a)) >>> 8) & 0xff00ff)
          | (((Math.imul(old & 0xff00, rest) + Math.imul(g, a)) >>> 8) & 0xff00);
      }
    }
  }

  destroy() {
    this.chunks.clear();
    this.image = this.pixels = null;
  }
}

const made = new Map(); // discs by what they are made of

/**
 * Work out a disc at each place within a pixel: pairs of an offset in the image and a share of 256.
 * `shift` is from its first pixel to its centre.
 */
function discs(size, opacity, wide) {
  const step = Math.round(size * 8), key = `${step} ${opacity.toFixed(3)} ${wide}`;
  if (made.has(key)) return made.get(key);
  const radius = Math.max(step / 16, 0.5), reach = Math.ceil(radius + 0.5);
  const ways = [];
  for (let py = 0; py < PHASES; py++) {
    for (let px = 0; px < PHASES; px++) {
      const cx = reach + (px + 0.5) / PHASES, cy = reach + (py + 0.5) / PHASES, way = [];
      for (let y = 0; y <= 2 * reach; y++) {
        for (let x = 0; x <= 2 * reach; x++) {
          const share = Math.round(256 * opacity * covered(x + 0.5 - cx, y + 0.5 - cy, radius));
          if (share > 4) way.push(y * wide + x, share);
        }
      }
      ways.push(Int32Array.from(way));
    }
  }
  if (made.size > 256) made.clear();
  const found = { ways, shift: reach };
  made.set(key, found);
  return found;
}

/** Share of a pixel that a disc covers: a ramp of one pixel at its edge. */
function covered(dx, dy, radius) {
  return Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(dx, dy)));
}
