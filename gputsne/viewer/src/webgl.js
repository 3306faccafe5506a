// Drawing by WebGL 2: one call per chunk. Twin: raster.js draws the same without a graphics card.

import { rgb } from "./colour.js";
import { Pace, passes } from "./pace.js";

const VERTEX = `#version 300 es
in vec2 place;
in vec4 colour;
in float weight;
uniform vec2 origin, originLow, scale;
uniform float unit, size, most;
uniform vec2 pass; // which states are drawn: from the first to the second
flat out vec3 shade;
void main() {
  bool drawn = colour.a >= pass.x && colour.a <= pass.y;
  vec2 p = (place * unit - origin) - originLow;
  gl_Position = drawn ? vec4(p * scale, 0.0, 1.0) : vec4(2.0, 2.0, 0.0, 1.0);
  gl_PointSize = min(size * weight, most);
  shade = colour.rgb;
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
flat in vec3 shade;
uniform float opacity, round;
out vec4 paint;
void main() {
  float a = opacity;
  if (round > 0.0) {
    float r = length(gl_PointCoord - 0.5) * round;
    a *= clamp(round * 0.5 - r + 0.5, 0.0, 1.0);
  }
  paint = vec4(shade * a, a);
}`;
const ROUND = 2.6; // pixels from which a point is a disc; smaller ones are squares, which cost less
// Browsers that were told to use these do not count them as a caveat.
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;
const BYTE = 1 / 255;

/** Draws chunks of points onto a canvas. */
export class WebGL extends Pace {
  name = "webgl";
  chunks = new Map();

  /** Make one, or return null where there is no WebGL 2; `card`: or where no graphics card does it. */
  static on(canvas, card) {
    const gl = canvas.getContext("webgl2", {
      alpha: false, antialias: false, depth: false, stencil: false, failIfMajorPerformanceCaveat: card,
    });
    if (!gl) return null;
    if (card && SOFTWARE.test(nameOf(gl))) {
      gl.getExtension("WEBGL_lose_context")?.loseContext();
      return null;
    }
    return new WebGL(canvas, gl);
  }

  constructor(canvas, gl) {
    super();
    this.canvas = canvas;
    this.gl = gl;
    this._build();
  }

  _build() {
    const gl = this.gl;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    ["place", "colour", "weight"].forEach((name, i) => gl.bindAttribLocation(program, i, name));
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(`the shader does not link: ${gl.getProgramInfoLog(program)}`);
    }
    const names = ["origin", "originLow", "scale", "unit", "size", "most", "pass", "opacity", "round"];
    this.at = Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)]));
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.most = gl.getParameter(gl.ALIASED_POINT_SIZE_RANGE)[1];
  }

  /** Make everything anew after the browser took the context away and gave it back. */
  restore() {
    const kept = [...this.chunks.keys()];
    this.chunks.clear();
    this._build();
    kept.forEach((chunk) => this.add(chunk));
  }

  add(chunk) {
    const gl = this.gl, array = gl.createVertexArray();
    const [places, colours] = [gl.createBuffer(), gl.createBuffer()];
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, places);
    gl.bufferData(gl.ARRAY_BUFFER, chunk.xy, gl.STATIC_DRAW);
    const whole = chunk.xy instanceof Uint16Array;
    gl.vertexAttribPointer(0, 2, whole ? gl.UNSIGNED_SHORT : gl.FLOAT, false, 0, 0);
    gl.enableVertexAttribArray(0);
    gl.bindBuffer(gl.ARRAY_BUFFER, colours);
    gl.bufferData(gl.ARRAY_BUFFER, chunk.rgba, gl.DYNAMIC_DRAW);
    gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 0, 0);
    gl.enableVertexAttribArray(1);
    let weights = null;
    if (chunk.weights) {
      weights = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, weights);
      gl.bufferData(gl.ARRAY_BUFFER, chunk.weights, gl.STATIC_DRAW);
      gl.vertexAttribPointer(2, 1, gl.FLOAT, false, 0, 0);
      gl.enableVertexAttribArray(2);
    }
    this.chunks.set(chunk, { array, places, colours, weights });
  }

  remove(chunk) {
    const held = this.chunks.get(chunk);
    if (!held) return;
    this.chunks.delete(chunk);
    this.gl.deleteVertexArray(held.array);
    for (const buffer of [held.places, held.colours, held.weights]) this.gl.deleteBuffer(buffer);
  }

  /** Send a chunk's colours again, or its places. */
  update(chunk, what = "colours") {
    const held = this.chunks.get(chunk);
    if (!held) return;
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, held[what]);
    this.gl.bufferSubData(this.gl.ARRAY_BUFFER, 0, what === "colours" ? chunk.rgba : chunk.xy);
  }

  /** Draw what the camera sees; `look` has size in pixels, opacity, paper, emphasis and moving. */
  draw(camera, look) {
    const { gl, at, canvas } = this;
    if (gl.isContextLost()) return;
    const dpr = canvas.width / camera.width;
    gl.viewport(0, 0, canvas.width, canvas.height);
    const [r, g, b] = rgb(look.paper);
    gl.clearColor(r * BYTE, g * BYTE, b * BYTE, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.vertexAttrib1f(2, 1);
    gl.uniform2f(at.scale, (2 * camera.k) / camera.width, (2 * camera.k) / camera.height);
    const size = look.size * dpr;
    gl.uniform1f(at.size, size);
    gl.uniform1f(at.most, this.most);
    const part = this.part(this.chunks.keys(), look);
    for (const [state, times] of passes(look)) {
      gl.uniform2f(at.pass, (state - 1) * BYTE, (state + 1) * BYTE);
      gl.uniform1f(at.opacity, Math.min(1, look.opacity * times));
      for (const [chunk, held] of this.chunks) {
        if (look.outside?.(chunk)) continue;
        gl.bindVertexArray(held.array);
        gl.uniform1f(at.round, size >= ROUND || chunk.weights ? size : 0);
        gl.uniform1f(at.unit, chunk.unit);
        this._origin(camera.x - chunk.x0, camera.y - chunk.y0);
        const n = Math.ceil(part * chunk.limit);
        gl.drawArrays(gl.POINTS, 0, n);
        this.drawn += n;
      }
    }
    this.frames++;
  }

  /** Send the camera's place in two floats of 4 bytes, so that deep views do not tremble. */
  _origin(x, y) {
    const [hx, hy] = [Math.fround(x), Math.fround(y)];
    this.gl.uniform2f(this.at.origin, hx, hy);
    this.gl.uniform2f(this.at.originLow, x - hx, y - hy);
  }

  destroy() {
    for (const chunk of [...this.chunks.keys()]) this.remove(chunk);
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

function nameOf(gl) {
  const more = gl.getExtension("WEBGL_debug_renderer_info");
  return String(gl.getParameter(more ? more.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
}
