// The viewer: a map of points in an element of a page, with legend, search, selection and records.

import { Camera, gestures } from "./camera.js";
import { Card, record, said } from "./card.js";
import { Chunk } from "./chunk.js";
import { unpack } from "./container.js";
import { count, h, icon, iconButton, points, s } from "./dom.js";
import { legend } from "./legend.js";
import { Raster } from "./raster.js";
import { ID, search } from "./search.js";
import { Tiles } from "./tiles.js";
import { WebGL } from "./webgl.js";

const NEAR = 10, NEAR_TOUCH = 22; // pixels from the pointer in which a point is found
const GAP = 8; // pixels between the buttons and the points of the whole map
const REST = 160; // ms without movement after which all points are drawn
const TYPING = 220; // ms
const HITS = 50; // results listed
const MOST = 1_500_000; // points of tiles in memory
const CELL_LEAST = 0.3; // share of its width that the smallest count takes
const NATURAL = new Intl.Collator("en", { numeric: true }); // id 9 before id 10
const CLOSE = 24; // times the whole map, at which a found point is shown

/**
 * Show a map in an element.
 *
 * @param {HTMLElement} element is filled; the viewer takes its size
 * @param {object} source `{tileset, container}` or `{tileset, fetch(path)}`; a container is bytes,
 *   fetch returns a promise of an ArrayBuffer
 * @param {object} [options] `theme` ("auto", "light" or "dark"), `panel` (false: the map alone),
 *   `colour` (a column), `renderer` ("webgl" or "raster"; by default what is faster here), `heading` (level of the title, 1 to 6), `wheel` ("focus": the wheel zooms
 *   only a focused map, as suits a page that scrolls), `maxPoints` (of tiles in memory)
 * @returns {object} `setColour(column)`, `select(ids)`, `on("select", listener)`,
 *   `setPoints({x, y})`, `destroy()`, `stats()` and the promise `ready`
 */
export function mount(element, source, options = {}) {
  const viewer = new Viewer(element, source, options);
  return {
    ready: viewer.ready,
    setColour: (name) => viewer.setColour(name),
    select: (ids) => viewer.select(ids),
    on: (event, listener) => viewer.on(event, listener),
    setPoints: (places) => viewer.setPoints(places),
    setTheme: (theme) => viewer.setTheme(theme),
    renewed: (reload) => viewer.renewed(reload),
    stats: () => viewer.stats(),
    destroy: () => viewer.destroy(),
  };
}

class Viewer {
  constructor(element, source, options) {
    Object.assign(this, { element, source, options });
    this.tileset = source.tileset;
    this.columns = this.tileset.columns ?? [];
    this.colourable = this.columns.filter((c) => c.kind === "category" || c.kind === "number");
    this.idName = this.columns.find((c) => c.kind === "id")?.title ?? "row";
    const first = options.colour ?? this.tileset.colour;
    this.colour = this._column(first);
    this.chunks = [];
    this.filters = new Map();
    this.emphasis = null; // "selection", "search" or null
    this.selection = this.searched = null;
    this.listeners = { select: [] };
    this.lassoing = false;
    this.ended = new AbortController();
    this.ready = new Promise((resolve) => { this._ready = resolve; });
    this._build();
    try {
      this.renderer = (options.renderer === "webgl" && WebGL.on(this.canvas, false)) || new Raster(this.canvas);
    } catch (error) {
      this._fail(`This browser cannot draw the map: ${error.message}.`);
      return;
    }
    this._load();
  }

  // --- what is on the page ---

  _build() {
    const { tileset, options } = this;
    const signal = this.ended.signal;
    const title = tileset.title || "Map";
    const level = Math.min(6, Math.max(1, options.heading ?? 2));
    this.canvas = h("canvas", { class: "gts-canvas", "aria-hidden": "true" });
    this.ring = s("circle", { r: 7, class: "gts-ring", visibility: "hidden" });
    this.line = s("path", { class: "gts-line", d: "" });
    this.cross = s("path", { class: "gts-cross", d: "" });
    this.summary = h("p", { class: "gts-hidden", id: unique("summary"), text: this._summary() });
    this.help = h("p", {
      class: "gts-hidden", id: unique("help"),
      text: "Arrow keys move the map, plus and minus zoom, 0 shows all of it, Enter reads the point nearest the centre, Escape closes it.",
    });
    this.map = h("div", {
      class: "gts-map", tabindex: 0, role: "application", "aria-roledescription": "map of points",
      "aria-label": title, "aria-describedby": `${this.summary.id} ${this.help.id}`,
    }, this.canvas, s("svg", { class: "gts-over", "aria-hidden": "true" }, this.cross, this.line, this.ring));
    this.live = h("p", { class: "gts-hidden", role: "status", "aria-live": "polite" });
    this.card = new Card(this);
    this.lassoButton = iconButton("lasso", "Select by lasso", () => this._lassoMode(!this.lassoing), { "aria-pressed": "false" });
    this.tools = h("div", { class: "gts-tools", role: "group", "aria-label": "Move and select" },
      iconButton("plus", "Zoom in", () => this._zoom(1.6)),
      iconButton("minus", "Zoom out", () => this._zoom(1 / 1.6)),
      iconButton("fit", "Show the whole map", () => this._fit()),
      this.lassoButton);
    this.status = h("p", { class: "gts-status" });
    this.card.element.addEventListener("keydown", (event) => { if (event.key === "Escape") this.unpin(); }, { signal });
    this.stage = h("div", { class: "gts-stage" }, this.map, this.tools, this.card.element, this.status);
    this.themeButton = h("button", { type: "button", class: "gts-icon", onclick: () => this.setTheme(this.theme.dark ? "light" : "dark") });
    this.panel = options.panel === false ? null : this._panel(Math.min(5, level));
    const panelButton = this.panel && iconButton("panel", "Legend and search", () => {
      const gone = this.root.classList.toggle("gts-alone");
      panelButton.setAttribute("aria-expanded", String(!gone));
    }, { "aria-expanded": "true" });
    const head = h("header", { class: "gts-top" },
      h(`h${level}`, { class: "gts-title", text: title, title }),
      h("p", { class: "gts-sum", text: points(tileset.shown ?? tileset.rows ?? 0) }),
      panelButton, this.themeButton);
    this.root = h("div", { class: "gts-frame" }, head, this.stage, this.panel,
      tileset.caption ? h("p", { class: "gts-caption", text: tileset.caption }) : null,
      this.summary, this.help, this.live);
    this.element.classList.add("gts");
    this.system = matchMedia("(prefers-color-scheme: dark)");
    this.system.addEventListener("change", () => this.setTheme(this.themeAsked), { signal });
    this.element.replaceChildren(this.root);
    this.camera = new Camera(this._square());
    this.setTheme(options.theme ?? "auto");
    gestures(this.map, this.camera, {
      moved: (byKey) => this._moved(byKey),
      hover: (px, py, kind) => { if (kind !== "touch") this._hover(px, py); },
      left: () => this._unhover(),
      tap: (px, py) => this._tap(px, py),
      lassoing: () => this.lassoing,
      lasso: (path, done) => this._lasso(path, done),
      wheels: (event) => options.wheel !== "focus" || event.ctrlKey || this.element.contains(document.activeElement),
      key: (event) => this._key(event),
    }, signal);
    this.map.addEventListener("focus", () => this._crosshair(this.map.matches(":focus-visible")), { signal });
    this.map.addEventListener("blur", () => this._crosshair(false), { signal });
    this._watch();
    this.sizes = new ResizeObserver(() => this._resize());
    this.sizes.observe(this.map);
  }

  _panel(level) {
    const section = (name, ...parts) => {
      const heading = h(`h${level + 1}`, { class: "gts-heading", id: unique("heading"), text: name });
      return h("section", { "aria-labelledby": heading.id }, heading, ...parts);
    };
    const picker = h("select", {
      class: "gts-input", "aria-label": "Colour by",
      onchange: (event) => this.setColour(event.target.value === "" ? null : this.colourable[Number(event.target.value)].name),
    },
    ...this.colourable.map((c, i) => h("option", { value: i, text: c.title ?? c.name })),
    h("option", { value: "", text: "one colour" }));
    this.picker = picker;
    this.legendBox = h("div", { class: "gts-legend" });
    this.query = h("input", {
      type: "search", class: "gts-input", "aria-label": "Search the records", placeholder: "Text, label, number, date or id", autocomplete: "off", spellcheck: "false",
      oninput: () => this._typed(),
    });
    this.hitsSaid = h("p", { class: "gts-note" });
    this.hitList = h("ul", { class: "gts-hits" });
    this.takeHits = h("button", { type: "button", class: "gts-button", text: "Select results", hidden: true, onclick: () => this._selectHits() });
    this.selectedSaid = h("p", { class: "gts-note", text: "Nothing is selected. Draw a lasso (or hold Shift and drag)." });
    this.download = h("button", { type: "button", class: "gts-button", disabled: true, onclick: () => this._download() }, icon("download"), "Download ids");
    this.unselect = h("button", { type: "button", class: "gts-button", text: "Clear", disabled: true, onclick: () => this._select(null) });
    return h("aside", { class: "gts-panel", "aria-label": "Legend, search and selection" },
      this.colourable.length ? section("Colour", picker, this.legendBox) : null,
      section("Search", this.query, this.hitsSaid, this.takeHits, this.hitList),
      section("Selection", this.selectedSaid,
        h("div", { class: "gts-row" },
          h("button", { type: "button", class: "gts-button", onclick: () => this._selectView() }, icon("frame"), "Select view"),
          this.download, this.unselect)));
  }

  _summary() {
    const { tileset, colour } = this;
    if (tileset.alt) return tileset.alt;
    const said = [`A map of ${points(tileset.shown ?? tileset.rows ?? 0)}, where records that are alike lie together.`];
    if (colour?.kind === "category") said.push(`Colours show ${colour.title ?? colour.name}, with ${count(colour.categories.length)} labels.`);
    else if (colour) said.push(`Colours show ${colour.title ?? colour.name}.`);
    return said.join(" ");
  }

  _square() {
    const [x0, y0, side] = this.tileset.square ?? [0, 0, 1];
    return this.tileset.bounds ?? [x0, y0, x0 + side, y0 + side];
  }

  _fail(text) {
    this.stage.append(h("p", { class: "gts-failed", role: "alert", text }));
    this._ready(false);
  }

  announce(text) {
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => { this.live.textContent = text; }, 250);
  }

  // --- data ---

  _load() {
    const { source } = this;
    if (source.container) {
      try {
        const chunk = new Chunk("", unpack(source.container));
        this.camera.setBounds(chunk.n ? chunk.bounds : [0, 0, 1, 1]);
        this._add(chunk);
      } catch (error) {
        this._fail(`The map cannot be shown: ${error.message}`);
        return;
      }
      this._resize();
      this._draw();
      this._done();
    } else {
      this.tiles = new Tiles(this.tileset, source.fetch, {
        add: (chunk) => {
          this._add(chunk);
          if (chunk.below?.some((rows) => rows > 0)) this._lookLater();
          if (!this.shown) this._draw(); // the first points at once
          this.redraw();
          this._done();
        },
        remove: (chunk) => this._remove(chunk),
        settled: () => this._refreshFound(),
        failed: (error) => { this.status.textContent = `Some points could not be loaded: ${error.message}`; },
      }, this.options.maxPoints ?? MOST);
      this._resize();
    }
    this._showLegend();
  }

  /** The first points are drawn. */
  _done() {
    if (this.shown) return;
    this.shown = true;
    performance.mark("gputsne-first-paint");
    this._ready(true);
    // Frames are made without a card first: a card takes a while to wake.
    if (!this.options.renderer) requestAnimationFrame(() => setTimeout(() => this._upgrade(), 0));
  }

  /** Let a graphics card draw, where there is one: software WebGL is slower than our own drawing. */
  _upgrade() {
    if (this.ended.signal.aborted) return;
    const canvas = h("canvas", { class: "gts-canvas", "aria-hidden": "true", width: this.canvas.width, height: this.canvas.height });
    const better = WebGL.on(canvas, true);
    if (!better) return;
    for (const chunk of this.chunks) better.add(chunk);
    this.renderer.destroy();
    this.renderer = better;
    this.canvas.replaceWith(canvas);
    this.canvas = canvas;
    this._watch();
    this._draw();
  }

  /** Draw again after the browser took the card away and gave it back. */
  _watch() {
    const { signal } = this.ended;
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault(), { signal });
    this.canvas.addEventListener("webglcontextrestored", () => {
      this.renderer.restore();
      this.redraw();
    }, { signal });
  }

  _add(chunk) {
    if (chunk.columns.count) chunk.weights = this._weights(chunk.columns.count);
    if (this.selection) chunk.selected = this.selection(chunk);
    if (this.emphasis === "search") chunk.hits = new Uint8Array(chunk.n);
    chunk.paint(this.colour, this.filters, this.emphasis, this.theme);
    this.chunks.push(chunk);
    this.renderer.add(chunk);
  }

  /** Return the diameters of counted cells, as shares of a cell's width: areas are counts. */
  _weights(counts) {
    const most = this.columns.find((column) => column.name === "count")?.high ?? Math.max(...counts);
    return Float32Array.from(counts, (n) => Math.max(CELL_LEAST, Math.sqrt(n / Math.max(1, most))));
  }

  _remove(chunk) {
    this.chunks.splice(this.chunks.indexOf(chunk), 1);
    this.renderer.remove(chunk);
    if (this.card.pinned?.[0] === chunk) this.unpin();
  }

  /** Give all points new places, in the order of the container's rows. */
  setPoints({ x, y }) {
    const [chunk] = this.chunks;
    if (this.tiles || !chunk) throw new Error("only a map of one container can move its points");
    if (x.length !== chunk.n || y.length !== chunk.n) {
      throw new Error(`there are ${chunk.n} points, and ${x.length} by ${y.length} places`);
    }
    chunk.setPoints(x, y);
    this.renderer.update(chunk, "places");
    this.camera.setBounds(chunk.bounds);
    if (!this.camera.moved) this.camera.fit();
    this._unhover();
    this.redraw();
  }

  /** Count the points of each label, where all are here; tile sets may bring their counts. */
  counts(column) {
    if (column.counts) return Object.assign([...column.counts], { missing: column.missing_count ?? 0 });
    if (this.tiles) return null;
    const found = Object.assign(new Array(column.categories.length).fill(0), { missing: 0 });
    for (const chunk of this.chunks) {
      const values = chunk.columns[column.name];
      for (let i = 0; values && i < chunk.n; i++) {
        if (values[i] < found.length) found[values[i]]++;
        else found.missing++;
      }
    }
    return found;
  }

  // --- drawing ---

  get look() {
    const { tileset, options, camera } = this;
    const shown = Math.max(1, this.tiles ? this._inReach() : tileset.shown ?? this.chunks[0]?.n ?? 1);
    // Sizes as gputsne/plotting/scene.py has them for paper, in pixels, growing as the map is zoomed.
    const size = options.pointSize ?? tileset.point_size ?? Math.min(8, Math.max(1.4, 5.2 * (2000 / shown) ** 0.28));
    const opacity = options.opacity ?? tileset.opacity ?? Math.min(0.92, Math.max(0.45, 0.9 * (2000 / shown) ** 0.1));
    const deep = Math.max(1, camera.zoom);
    const cell = tileset.cells && (tileset.square[2] / 2 ** tileset.cells) * camera.k; // of counts, in pixels
    return {
      size: cell || Math.min(Math.max(size, 11), size * deep ** 0.35),
      opacity: cell ? 0.9 : Math.min(0.95, opacity * deep ** 0.08),
      paper: this.theme.paper, emphasis: this.emphasis, moving: this.moving,
      outside: this.tiles ? (chunk) => !this.tiles.inView?.has(chunk.key) : null,
    };
  }

  /** Points of the tiles in view. */
  _inReach() {
    return this.chunks.reduce((sum, chunk) => sum + (this.tiles.inView?.has(chunk.key) ? chunk.limit : 0), 0);
  }

  redraw() {
    this.stale = true;
    this.frame ??= requestAnimationFrame((now) => this._frame(now));
  }

  /** Draw what changed; while the map moves, frame follows frame, so that their pace is known. */
  _frame(now) {
    this.frame = null;
    if (this.moving) {
      if (this.last) this.renderer.pace(now - this.last);
      this.last = this.stale ? now : 0;
      // Frames may be rarer than REST: two of them without movement, too, before all is drawn.
      this.still = this.stale ? 0 : this.still + 1;
      if (this.still >= 2 && performance.now() - this.movedAt > REST) this._rested(false);
      else this.frame = requestAnimationFrame((next) => this._frame(next));
    }
    if (this.stale) this._draw();
    this.stale = false;
  }

  _draw() {
    if (this.ended.signal.aborted || !this.renderer) return;
    this.renderer.draw(this.camera, this.look);
    this._place();
  }

  _repaint() {
    for (const chunk of this.chunks) {
      chunk.paint(this.colour, this.filters, this.emphasis, this.theme);
      this.renderer.update(chunk);
    }
    this.redraw();
  }

  _resize() {
    const { clientWidth: width, clientHeight: height } = this.map;
    if (!width || !height) return;
    const dpr = Math.min(2, window.devicePixelRatio || 1);
    const tools = this.tools;
    this.camera.tools = [tools.offsetLeft + tools.offsetWidth + GAP, tools.offsetTop + tools.offsetHeight + GAP];
    this.camera.resize(width, height);
    const [w, t] = [Math.round(width * dpr), Math.round(height * dpr)];
    if (this.canvas.width !== w) this.canvas.width = w;
    if (this.canvas.height !== t) this.canvas.height = t;
    this.tiles?.look(this.camera);
    this._draw();
  }

  _moved(byKey = false) {
    this.movedAt = performance.now();
    clearTimeout(this.resting);
    if (byKey) this.resting = setTimeout(() => this._rested(true), REST);
    else this.moving = true;
    if (!this.card.pinned) this._unhover();
    this.redraw();
  }

  _rested(byKey) {
    this.moving = false;
    this.last = this.still = 0;
    this.tiles?.look(this.camera);
    this.redraw();
    if (this.pointer) this._hover(...this.pointer);
    if (byKey) this.announce(this._inView());
  }

  /** Look for tiles again, soon: one that came may tell of others below it. */
  _lookLater() {
    clearTimeout(this.later);
    this.later = setTimeout(() => this.tiles.look(this.camera), 0);
  }

  _inView() {
    const [x0, y0, x1, y1] = this.camera.view;
    let n = 0;
    for (const chunk of this.chunks) {
      const [a, b, c, d] = [(x0 - chunk.x0) / chunk.unit, (y0 - chunk.y0) / chunk.unit, (x1 - chunk.x0) / chunk.unit, (y1 - chunk.y0) / chunk.unit];
      for (let i = 0; i < chunk.n; i++) {
        const x = chunk.xy[2 * i], y = chunk.xy[2 * i + 1];
        if (x >= a && x <= c && y >= b && y <= d && chunk.shows(i)) n++;
      }
    }
    return `${points(n)} in view, ${this.camera.zoom < 1.05 ? "the whole map" : `zoomed ${this.camera.zoom.toPrecision(2)} times`}.`;
  }

  _zoom(factor) {
    this.camera.zoomAt(factor);
    this._moved(true);
  }

  _fit() {
    this.camera.fit();
    this._moved(true);
  }

  /** Put the ring and the card where their point is now. */
  _place() {
    const at = this.card.pinned ?? this.hovered;
    this.ring.setAttribute("visibility", at ? "visible" : "hidden");
    if (!at) return;
    const [px, py] = this.camera.toScreen(...at[0].place(at[1]));
    this.ring.setAttribute("cx", px);
    this.ring.setAttribute("cy", py);
    if (this.card.pinned) {
      this.card.element.hidden = px < 0 || py < 0 || px > this.camera.width || py > this.camera.height;
      this.card.place(px, py);
    }
  }

  // --- records ---

  _nearest(px, py, pixels) {
    const [x, y] = this.camera.toMap(px, py);
    let best = null, least = Infinity;
    for (const chunk of this.chunks) {
      const found = chunk.nearest(x, y, pixels / this.camera.k);
      if (found && found[1] < least) [best, least] = [[chunk, found[0]], found[1]];
    }
    return best;
  }

  _hover(px, py) {
    this.pointer = [px, py];
    this.looking ??= requestAnimationFrame(() => {
      this.looking = null;
      if (!this.pointer || this.moving || this.lassoing) return;
      this.hovered = this._nearest(...this.pointer, NEAR);
      if (this.hovered) this.card.show(...this.hovered, ...this.pointer);
      else this.card.hide();
      this._place();
    });
  }

  _unhover() {
    this.pointer = this.hovered = null;
    this.card.hide();
    this._place();
  }

  _tap(px, py) {
    const found = this._nearest(px, py, matchMedia("(pointer: coarse)").matches ? NEAR_TOUCH : NEAR);
    if (found) this.pin(...found);
    else this.unpin();
  }

  pin(chunk, i) {
    const [px, py] = this.camera.toScreen(...chunk.place(i));
    this.card.show(chunk, i, px, py, true);
    this._place();
    const told = record(chunk, i, this.columns).map(([c, text]) => [c.title ?? c.name, text]);
    this.announce([...told.map(([name, text]) => `${name}: ${text}`), `${this.idName} ${chunk.id(i)}`].join(", "));
  }

  unpin() {
    const inside = this.card.element.contains(document.activeElement);
    this.card.hide(true);
    this.hovered = null;
    this._place();
    if (inside) this.map.focus({ preventScroll: true });
  }

  colourOf(chunk, i) {
    const [r, g, b] = chunk.rgba.subarray(4 * i, 4 * i + 3);
    return `rgb(${r}, ${g}, ${b})`;
  }

  _key(event) {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      const { width, height } = this.camera;
      const found = this._nearest(width / 2, height / 2, Math.max(width, height) / 4);
      if (found) this.pin(...found);
      else this.announce("No point is near the centre.");
    } else if (event.key === "Escape") {
      if (this.lassoing) this._lassoMode(false);
      this.unpin();
    }
  }

  _crosshair(on) {
    const { width, height } = this.camera;
    const [x, y] = [width / 2, height / 2];
    this.cross.setAttribute("d", on ? `M${x - 9} ${y}h6M${x + 3} ${y}h6M${x} ${y - 9}v6M${x} ${y + 3}v6` : "");
  }

  // --- colour, theme and filters ---

  /** Return a column that colours, by its name or its title; null without one. */
  _column(name) {
    const by = (key) => this.colourable.find((column) => column[key] === name);
    return by("name") ?? by("title") ?? null;
  }

  setColour(name) {
    this.colour = this._column(name);
    this._showLegend();
    this.summary.textContent = this._summary();
    this._repaint();
  }

  _showLegend() {
    if (!this.panel) return;
    const at = this.colourable.indexOf(this.colour);
    this.picker.value = at < 0 ? "" : String(at);
    this.legendBox.replaceChildren(...(this.colour ? [legend(this, this.colour)] : []));
  }

  setTheme(asked) {
    this.themeAsked = asked;
    const dark = asked === "dark" || (asked !== "light" && this.system.matches);
    this.element.dataset.theme = dark ? "dark" : "light";
    const style = getComputedStyle(this.element);
    const of = (name) => style.getPropertyValue(`--gts-${name}`).trim();
    this.theme = { dark, paper: of("paper"), missing: of("missing"), plain: of("plain") };
    this.themeButton.replaceChildren(icon(dark ? "sun" : "moon"));
    const label = dark ? "Light colours" : "Dark colours";
    this.themeButton.setAttribute("aria-label", label);
    this.themeButton.title = label;
    if (this.renderer) {
      this._showLegend();
      this._repaint();
    }
  }

  /** Show only points that a filter of a column keeps; null takes the filter away. */
  filter(column, keep, say) {
    if (keep) this.filters.set(column.name, keep);
    else this.filters.delete(column.name);
    if (say) this.announce(say);
    this._unhover();
    this._repaint();
  }

  // --- search ---

  _typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this._search(), TYPING);
  }

  async _search() {
    const text = this.query.value.trim();
    const turn = (this.turn = (this.turn ?? 0) + 1);
    if (!text) {
      for (const chunk of this.chunks) chunk.hits = null;
      this.searched = null;
      this._emphasise(this.selection ? "selection" : null);
      this._tellHits(null);
      return;
    }
    if (!(await search([...this.chunks], this.columns, text, () => turn === this.turn))) return;
    this.searched = text;
    this._emphasise("search");
    this._tellHits(text);
  }

  _tellHits(text) {
    const found = [], ranks = new Array(ID + 1).fill(0);
    let n = 0;
    for (const chunk of this.chunks) {
      for (let i = 0; chunk.hits && i < chunk.n; i++) {
        if (!chunk.hits[i] || !chunk.shows(i)) continue;
        n++;
        // What is found as a whole comes before what is found in a part.
        if (ranks[chunk.hits[i]]++ < HITS) found.push([chunk, i]);
      }
    }
    const where = this._where;
    found.sort((a, b) => b[0].hits[b[1]] - a[0].hits[a[1]]).splice(HITS);
    this.hitsSaid.textContent = text === null ? "" : n ? `${points(n)} found${where}${n > HITS ? `; the first ${HITS}:` : ""}` : `Nothing found${where}.`;
    this.takeHits.hidden = !n;
    this.hitList.replaceChildren(...found.map(([chunk, i]) => this._hit(chunk, i, text)));
    if (text !== null) this.announce(this.hitsSaid.textContent);
  }

  /** What to say of an answer that a tile set can give of its loaded points alone. */
  get _where() {
    return this.tiles && this.chunks.reduce((sum, chunk) => sum + chunk.n, 0) < (this.tileset.shown ?? Infinity) ? " among the points that are loaded" : "";
  }

  _hit(chunk, i, text) {
    const told = this.columns.map((c) => said(chunk, i, c)).filter(Boolean);
    const wanted = text.toLowerCase();
    const plain = (t) => t.toLowerCase().replaceAll(",", ""); // as numbers are compared
    const best = told.find((t) => plain(t) === plain(wanted)) ?? told.find((t) => t.toLowerCase().includes(wanted))
      ?? told.find((t) => plain(t).startsWith(plain(wanted))) ?? told[0] ?? "";
    const at = Math.max(0, best.toLowerCase().indexOf(wanted) - 24);
    const swatch = h("span", { class: "gts-swatch" });
    swatch.style.backgroundColor = this.colourOf(chunk, i);
    return h("li", {}, h("button", { type: "button", class: "gts-hit", onclick: () => this._goTo(chunk, i) }, swatch,
      h("span", { class: "gts-name", text: `${at ? "…" : ""}${best.slice(at, at + 120)}` }),
      h("span", { class: "gts-count", text: String(chunk.id(i)).slice(0, 24) })));
  }

  _goTo(chunk, i) {
    this.camera.moveTo(...chunk.place(i));
    if (this.camera.zoom < 4) this.camera.zoomAt(Math.min(CLOSE, 4 / this.camera.zoom));
    this.tiles?.look(this.camera);
    this.redraw();
    this.pin(chunk, i);
  }

  /** Search again when tiles came that were not searched. */
  _refreshFound() {
    if (this.searched && this.emphasis === "search") this._search();
    if (this.selection) this._tellSelection();
  }

  // --- selection ---

  _emphasise(what) {
    this.emphasis = what;
    this._repaint();
  }

  _lassoMode(on) {
    this.lassoing = on;
    this.lassoButton.setAttribute("aria-pressed", String(on));
    this.map.classList.toggle("gts-lassoing", on);
    this._unhover();
    this.announce(on ? "Lasso: drag around the points." : "Lasso off.");
  }

  _lasso(path, done) {
    const d = path ? `M${path.map((p) => p.map((v) => v.toFixed(1)).join(" ")).join("L")}Z` : "";
    this.line.setAttribute("d", done ? "" : d);
    if (!done || !path) return;
    this._selectPolygon(path.map((p) => this.camera.toMap(...p)));
    if (this.lassoing) this._lassoMode(false);
  }

  _selectPolygon(polygon) {
    this._select((chunk) => chunk.within(polygon));
  }

  _selectView() {
    const [x0, y0, x1, y1] = this.camera.view;
    this._selectPolygon([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]);
  }

  _selectHits() {
    this._select((chunk) => chunk.hits ?? new Uint8Array(chunk.n));
  }

  /** Select by ids; the listeners of "select" are not told, who asked knows. */
  select(ids) {
    const wanted = ids && new Set(Array.from(ids, (id) => (typeof id === "bigint" ? Number(id) : id)));
    this._select(wanted?.size ? (chunk) => chunk.withIds(wanted) : null, true);
  }

  _select(mark, quiet = false) {
    this.selection = mark;
    for (const chunk of this.chunks) chunk.selected = mark ? mark(chunk) : null;
    this._emphasise(mark ? "selection" : this.searched ? "search" : null);
    const ids = this._tellSelection();
    if (!quiet) for (const listener of this.listeners.select) listener(ids);
  }

  /** Return the ids of the selected points, in the order of rows. */
  get selected() {
    const ids = [];
    for (const chunk of this.chunks) {
      for (let i = 0; chunk.selected && i < chunk.n; i++) if (chunk.selected[i]) ids.push(chunk.id(i));
    }
    return typeof ids[0] === "number" ? ids.sort((a, b) => a - b) : ids.sort(NATURAL.compare);
  }

  _tellSelection() {
    const ids = this.selection ? this.selected : [];
    if (!this.panel) return ids;
    const text = this.selection ? `${points(ids.length)} selected${this._where}.` : "Nothing is selected. Draw a lasso (or hold Shift and drag).";
    this.selectedSaid.textContent = text;
    this.download.disabled = !ids.length;
    this.unselect.disabled = !this.selection;
    this.announce(text);
    return ids;
  }

  _download() {
    const text = this.selected.map((id) => String(id).replaceAll(/[\r\n]+/g, " ")).join("\n");
    const url = URL.createObjectURL(new Blob([`${text}\n`], { type: "text/plain" }));
    h("a", { href: url, download: "ids.txt" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  // --- for whoever mounted it ---

  /** Say that a newer version of the map is there; a button calls `reload`. */
  renewed(reload) {
    if (this.newer) return;
    this.newer = h("p", { class: "gts-newer" }, "This map has a newer version.",
      h("button", { type: "button", class: "gts-button", text: "Reload", onclick: reload }));
    this.stage.append(this.newer);
    this.announce("This map has a newer version.");
  }

  on(event, listener) {
    const listeners = this.listeners[event];
    if (!listeners) throw new Error(`there is no event "${event}"; there are: ${Object.keys(this.listeners).join(", ")}`);
    listeners.push(listener);
    return () => listeners.splice(listeners.indexOf(listener), 1);
  }

  stats() {
    return {
      points: this.chunks.reduce((sum, chunk) => sum + chunk.n, 0), tiles: this.chunks.length,
      drawn: this.renderer?.drawn ?? 0, frames: this.renderer?.frames ?? 0,
      fraction: this.renderer?.fraction ?? 0, renderer: this.renderer?.name ?? null, zoom: this.camera.zoom, settled: this.tiles?.settled ?? true,
    };
  }

  destroy() {
    this.ended.abort();
    this.sizes.disconnect();
    this.tiles?.destroy();
    this.renderer?.destroy();
    for (const timer of [this.resting, this.typing, this.speaking, this.later]) clearTimeout(timer);
    cancelAnimationFrame(this.frame);
    this.element.classList.remove("gts");
    this.element.replaceChildren();
  }
}

let made = 0;
const unique = (name) => `gts-${name}-${(made += 1)}`;
