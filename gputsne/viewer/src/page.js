// A page that is a viewer: its data are in the page itself, or tiles beside it.

import { mount } from "./viewer.js";

const EVERY = 60_000, LEAST = 1_000; // ms between two looks for a newer map

/** Show what the page holds (`#gputsne-tileset`, `#gputsne-data`), or the tile set beside it. */
export async function start() {
  const element = document.getElementById("gputsne-map");
  try {
    const source = document.getElementById("gputsne-data") ? await embedded() : await beside();
    const handle = mount(element, source, { heading: 1, theme: element.dataset.asked ?? "auto", renderer: element.dataset.renderer });
    element.addEventListener("gputsne-stats", (event) => Object.assign(event.detail, handle.stats()));
    if (source.newer) watch(source.newer, handle);
    await handle.ready;
  } catch (error) {
    element.textContent = `The map cannot be shown: ${error.message}`;
    element.setAttribute("role", "alert");
  }
}

async function embedded() {
  const tileset = JSON.parse(document.getElementById("gputsne-tileset").textContent);
  const container = await inflated(bytesOf(document.getElementById("gputsne-data").textContent.trim()));
  return { tileset, container };
}

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

async function beside() {
  const get = async (path, how) => {
    const answer = await fetch(path, how);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
    return answer;
  };
  const tileset = await (await get("tileset.json")).json();
  document.title = tileset.title || document.title;
  return {
    tileset,
    fetch: async (path) => (await get(path)).arrayBuffer(),
    newer: async () => {
      const now = await (await get("tileset.json", { cache: "no-cache" })).json();
      return now.path !== tileset.path || now.version !== tileset.version;
    },
  };
}

/** Ask now and then, while the page is seen, whether the map beside it is a newer one. */
function watch(newer, handle) {
  let last = performance.now();
  const look = async () => {
    if (document.hidden || performance.now() - last < LEAST) return;
    last = performance.now();
    // Where it can't be told now, it can the next time.
    if (await newer().catch(() => false)) {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
      handle.renewed(() => location.reload());
    }
  };
  const timer = setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);
}
