// Search by text through the columns of the points that are loaded, in slices that leave the page alive.

import { value } from "./dom.js";

const BATCH = 2048; // rows whose texts are decoded at once
const SLICE = 12; // ms of work before the page gets its turn
const UTF8 = new TextDecoder();
const NUMBER = /^[-\d][-\d.,: e+]*$/; // or the beginning of a date

const turn = () => new Promise((done) => setTimeout(done, 0));

/** What `hits` says of a point: not found, a part of a text, a whole text or value, its id. */
export const PART = 1, WHOLE = 2, ID = 3;

/**
 * Find the points with a text in any of the columns: texts, labels and ids by any part of them, dates
 * by their beginning, numbers by all their digits, or by the first ones where a point is among them.
 *
 * @param {Iterable<Chunk>} chunks where to look; each gets `hits`, one byte per point
 * @param {object[]} columns of the tile set
 * @param {string} text what to find; case does not matter
 * @param {() => boolean} current whether the answer is still wanted
 * @returns {Promise<boolean>} whether it was until the end
 */
export async function search(chunks, columns, text, current) {
  const wanted = text.toLowerCase();
  let since = performance.now();
  const pause = async () => {
    if (performance.now() - since > SLICE) {
      await turn();
      since = performance.now();
    }
    return current();
  };
  for (const chunk of chunks) {
    const hits = new Uint8Array(chunk.n);
    const ids = chunk.columns.id;
    if (!ids?.offsets) markIds(chunk, wanted, hits);
    for (const column of [{ name: "id", kind: "id" }, ...columns.filter((c) => c.kind !== "id")]) {
      const values = chunk.columns[column.name];
      if (!values) continue;
      if (values.offsets) {
        for (let from = 0; from < chunk.n; from += BATCH) {
          markTexts(values, from, Math.min(chunk.n, from + BATCH), wanted, hits, column.kind === "id" ? ID : WHOLE);
          if (!(await pause())) return false;
        }
      } else if (column.kind === "category") {
        const found = column.categories.map((c) => rank(c.toLowerCase(), wanted, WHOLE));
        if (found.some(Boolean)) for (let i = 0; i < chunk.n; i++) if (found[values[i]] > hits[i]) hits[i] = found[values[i]];
      } else if (column.kind === "number" && NUMBER.test(wanted)) {
        for (let from = 0; from < chunk.n; from += BATCH) {
          markNumbers(values, column, from, Math.min(chunk.n, from + BATCH), wanted, hits);
          if (!(await pause())) return false;
        }
      }
    }
    chunk.hits = hits;
    if (!(await pause())) return false;
  }
  return true;
}

function markIds(chunk, wanted, hits) {
  const number = Number(wanted.replaceAll(",", ""));
  if (!Number.isInteger(number) || wanted.trim() === "") return;
  for (let i = 0; i < chunk.n; i++) if (chunk.id(i) === number) hits[i] = ID;
}

/** Mark rows of a batch; most batches of a rare text are done with one look at all their rows. */
function markTexts(texts, from, to, wanted, hits, whole) {
  const all = UTF8.decode(texts.bytes.subarray(texts.offsets[from], texts.offsets[to])).toLowerCase();
  if (!all.includes(wanted)) return;
  for (let i = from; i < to; i++) hits[i] = Math.max(hits[i], rank(texts.at(i).toLowerCase(), wanted, whole));
}

function rank(text, wanted, whole) {
  return text === wanted ? whole : text.includes(wanted) ? PART : 0;
}

/** Mark rows of a batch by their numbers, as they are written with and without commas, or by dates. */
function markNumbers(values, column, from, to, wanted, hits) {
  const digits = wanted.replaceAll(",", ""), part = column.dates || digits.includes(".");
  const float32 = values instanceof Float32Array, number = Number(digits);
  if (!part && !column.base) { // no need to write any
    for (let i = from; i < to; i++) if (values[i] === number) hits[i] = Math.max(hits[i], WHOLE);
    return;
  }
  for (let i = from; i < to; i++) {
    if (!Number.isFinite(values[i])) continue;
    const text = value(values[i], column, float32).replaceAll(",", "");
    if (text === digits) hits[i] = Math.max(hits[i], WHOLE);
    else if (part && text.startsWith(digits)) hits[i] = Math.max(hits[i], PART);
  }
}
