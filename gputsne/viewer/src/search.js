// Search by text through the columns of the points that are loaded, in slices that leave the page alive.

const BATCH = 2048; // rows whose texts are decoded at once
const SLICE = 12; // ms of work before the page gets its turn
const UTF8 = new TextDecoder();

const turn = () => new Promise((done) => setTimeout(done, 0));

/**
 * Find the points with a text in any of the columns.
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
    for (const column of [{ name: "id" }, ...columns]) {
      const values = chunk.columns[column.name];
      if (!values) continue;
      if (values.offsets) {
        for (let from = 0; from < chunk.n; from += BATCH) {
          markTexts(values, from, Math.min(chunk.n, from + BATCH), wanted, hits);
          if (!(await pause())) return false;
        }
      } else if (column.kind === "category") {
        const codes = new Set(column.categories.flatMap((c, i) => (c.toLowerCase().includes(wanted) ? [i] : [])));
        if (codes.size) for (let i = 0; i < chunk.n; i++) if (codes.has(values[i])) hits[i] = 1;
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
  for (let i = 0; i < chunk.n; i++) if (chunk.id(i) === number) hits[i] = 1;
}

/** Mark rows of a batch; most batches of a rare text are done with one look at all their rows. */
function markTexts(texts, from, to, wanted, hits) {
  const all = UTF8.decode(texts.bytes.subarray(texts.offsets[from], texts.offsets[to])).toLowerCase();
  if (!all.includes(wanted)) return;
  for (let i = from; i < to; i++) if (texts.at(i).toLowerCase().includes(wanted)) hits[i] = 1;
}
