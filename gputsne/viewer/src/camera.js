// The camera: which part of the map is seen, and the gestures and keys that move it.

const MARGIN = 1.08; // the whole map with a little paper around it
const DEEPEST = 20_000; // times the view of the whole map
const KEY_PAN = 0.12, KEY_ZOOM = 1.35; // share of the view per arrow; factor per + or -
const WHEEL = 0.0016; // log of the zoom per pixel of a wheel

/** A view of the map: its centre in map units, and `k` pixels per unit; y grows upwards. */
export class Camera {
  constructor(bounds) {
    this.x = this.y = 0;
    this.k = 1;
    this.width = this.height = 1;
    this.tools = [0, 0]; // pixels from the left and the top that the buttons in that corner take
    this.moved = false; // by the reader; until then the map is kept whole in view
    this.setBounds(bounds);
  }

  setBounds([x0, y0, x1, y1]) {
    this.bounds = [x0, y0, x1, y1];
    this.middle = [(x0 + x1) / 2, (y0 + y1) / 2];
    this.span = [Math.max(x1 - x0, 1e-9 * Math.abs(x0) || 1e-9), Math.max(y1 - y0, 1e-9 * Math.abs(y0) || 1e-9)];
  }

  resize(width, height) {
    const zoom = this.zoom;
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    if (!this.moved) this.fit();
    else this.k = zoom * this.whole;
  }

  /**
   * How the whole map is in view: pixels per unit, and the pixels to the left and above that it leaves to
   * the buttons in that corner, where they would lie over it.
   */
  get rest() {
    const beside = (left, top) => ({
      k: Math.min((this.width - left) / this.span[0], (this.height - top) / this.span[1]) / MARGIN, left, top,
    });
    const all = beside(0, 0), [right, low] = this.tools;
    const covered = (this.width - all.k * this.span[0]) / 2 < right && (this.height - all.k * this.span[1]) / 2 < low;
    if (!covered) return all;
    // No way takes more than half of the room.
    const ways = [beside(right, 0), beside(0, low)].filter((way) => way.left <= this.width / 2 && way.top <= this.height / 2);
    return ways.sort((a, b) => b.k - a.k)[0] ?? all;
  }

  /** Pixels per unit at which the whole map is in view. */
  get whole() {
    return this.rest.k;
  }

  get zoom() {
    return this.k / this.whole;
  }

  fit() {
    const { k, left, top } = this.rest;
    this.x = this.middle[0] - left / 2 / k;
    this.y = this.middle[1] + top / 2 / k;
    this.k = k;
    this.moved = false;
  }

  toMap(px, py) {
    return [this.x + (px - this.width / 2) / this.k, this.y - (py - this.height / 2) / this.k];
  }

  toScreen(x, y) {
    return [(x - this.x) * this.k + this.width / 2, (this.y - y) * this.k + this.height / 2];
  }

  /** Part of the map in view, [x0, y0, x1, y1]. */
  get view() {
    const dx = this.width / 2 / this.k, dy = this.height / 2 / this.k;
    return [this.x - dx, this.y - dy, this.x + dx, this.y + dy];
  }

  pan(dx, dy) {
    this.moveTo(this.x - dx / this.k, this.y + dy / this.k);
  }

  /** Centre the view on a place, at most half the map's width beyond it. */
  moveTo(x, y) {
    const [x0, y0, x1, y1] = this.bounds;
    const ax = Math.max(this.span[0], this.width / this.k) / 2;
    const ay = Math.max(this.span[1], this.height / this.k) / 2;
    this.x = Math.min(x1 + ax, Math.max(x0 - ax, x));
    this.y = Math.min(y1 + ay, Math.max(y0 - ay, y));
    this.moved = true;
  }

  /** Zoom by a factor; what is at a pixel stays there. */
  zoomAt(factor, px = this.width / 2, py = this.height / 2) {
    const before = this.toMap(px, py);
    this.k = this.whole * Math.min(DEEPEST, Math.max(0.5, this.zoom * factor));
    const after = this.toMap(px, py);
    this.moveTo(this.x + before[0] - after[0], this.y + before[1] - after[1]);
  }
}

/**
 * Let pointers, wheel and keys move a camera.
 *
 * @param {HTMLElement} element what listens
 * @param {Camera} camera what is moved
 * @param {object} tell `moved()`, `hover(px, py)`, `left()`, `tap(px, py)`, `lasso(path, done)`,
 *   `lassoing()`, `key(event)`; paths are lists of pixels
 * @param {AbortSignal} signal ends it
 */
export function gestures(element, camera, tell, signal) {
  const down = new Map(); // pointers on the map
  let path = null, start = null;
  const at = (event) => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const on = (name, work, more = {}) => element.addEventListener(name, work, { signal, ...more });

  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    down.set(event.pointerId, at(event));
    start = down.size === 1 ? at(event) : null;
    if (down.size === 1 && (tell.lassoing() || event.shiftKey)) path = [at(event)];
    else if (path) { path = null; tell.lasso(null, true); }
  });

  on("pointermove", (event) => {
    const here = at(event), before = down.get(event.pointerId);
    if (!before) { tell.hover(...here, event.pointerType); return; }
    if (path) {
      path.push(here);
      tell.lasso(path, false);
      return;
    }
    if (down.size === 1) camera.pan(here[0] - before[0], here[1] - before[1]);
    else if (down.size === 2) {
      const [other] = [...down].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
      const apart = (p) => Math.max(10, Math.hypot(p[0] - other[0], p[1] - other[1]));
      camera.zoomAt(apart(here) / apart(before), (here[0] + other[0]) / 2, (here[1] + other[1]) / 2);
      camera.pan((here[0] - before[0]) / 2, (here[1] - before[1]) / 2);
    }
    down.set(event.pointerId, here);
    if (start && Math.hypot(here[0] - start[0], here[1] - start[1]) > 4) start = null;
    tell.moved();
  });

  const up = (event) => {
    if (!down.delete(event.pointerId)) return;
    if (path) {
      const drawn = path;
      path = null;
      tell.lasso(event.type === "pointerup" && drawn.length > 2 ? drawn : null, true);
    } else if (start && event.type === "pointerup") tell.tap(...at(event));
    start = null;
  };
  on("pointerup", up);
  on("pointercancel", up);
  on("pointerleave", () => tell.left());

  on("wheel", (event) => {
    if (!tell.wheels(event)) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const step = Math.max(-300, Math.min(300, event.deltaY * lines * (event.ctrlKey ? 4 : 1)));
    camera.zoomAt(Math.exp(-WHEEL * step), ...at(event));
    tell.moved();
  }, { passive: false });
  on("dblclick", (event) => {
    camera.zoomAt(2, ...at(event));
    tell.moved();
  });

  on("keydown", (event) => {
    if (event.target !== element || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = KEY_PAN * Math.min(camera.width, camera.height);
    const moves = {
      ArrowLeft: () => camera.pan(step, 0), ArrowRight: () => camera.pan(-step, 0),
      ArrowUp: () => camera.pan(0, step), ArrowDown: () => camera.pan(0, -step),
      "+": () => camera.zoomAt(KEY_ZOOM), "=": () => camera.zoomAt(KEY_ZOOM),
      "-": () => camera.zoomAt(1 / KEY_ZOOM), "_": () => camera.zoomAt(1 / KEY_ZOOM),
      0: () => camera.fit(), Home: () => camera.fit(),
    };
    if (moves[event.key]) {
      event.preventDefault();
      moves[event.key]();
      tell.moved(true);
    } else tell.key(event);
  });
}
