// The reader of the binary container: a header of JSON, then columns of numbers or texts.

const MAGIC = 0x31535447; // "GTS1", little-endian
const TYPES = {
  f32: Float32Array, f64: Float64Array, u8: Uint8Array, u16: Uint16Array, u32: Uint32Array,
};
const UTF8 = new TextDecoder();

/** A column of texts, each decoded when it is asked for. */
export class Texts {
  constructor(offsets, bytes) {
    this.offsets = offsets;
    this.bytes = bytes;
    this.length = offsets.length - 1;
  }

  at(row) {
    return UTF8.decode(this.bytes.subarray(this.offsets[row], this.offsets[row + 1]));
  }
}

/**
 * Read a container.
 *
 * @param {ArrayBuffer|ArrayBufferView} given its bytes
 * @returns {{header: object, columns: Object<string, ArrayLike>}} typed arrays and Texts by name
 * @throws {Error} where the bytes are no container
 */
export function unpack(given) {
  const bytes = aligned(given);
  if (bytes.length < 8) throw new Error("the map's data are cut short");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw new Error("the map's data do not begin with GTS1");
  const start = 8 + view.getUint32(4, true);
  if (start > bytes.length || start % 8) throw new Error("the map's data have no whole header");
  const header = JSON.parse(UTF8.decode(bytes.subarray(8, start)));
  const columns = Object.create(null); // a column may be called "__proto__"
  for (const column of header.columns) {
    const { name, type, offset } = column;
    if (offset % 8 || start + offset + column.bytes > bytes.length) {
      throw new Error(`column ${name} reaches beyond the map's data`);
    }
    const at = bytes.byteOffset + start + offset;
    columns[name] = type === "text"
      ? texts(bytes, at, header.rows, column.bytes, name)
      : numbers(bytes, at, header.rows, column);
  }
  return { header, columns };
}

function numbers(bytes, at, rows, { name, type, bytes: size }) {
  const Kind = TYPES[type];
  if (!Kind) throw new Error(`column ${name} is of an unknown type, ${type}`);
  if (size < rows * Kind.BYTES_PER_ELEMENT) throw new Error(`column ${name} is cut short`);
  return new Kind(bytes.buffer, at, rows);
}

function texts(bytes, at, rows, size, name) {
  const head = 4 * (rows + 1);
  if (size < head) throw new Error(`column ${name} is cut short`);
  const offsets = new Uint32Array(bytes.buffer, at, rows + 1);
  return new Texts(offsets, new Uint8Array(bytes.buffer, at + head, size - head));
}

/** Return the bytes at a multiple of 8, where typed arrays of every kind may begin. */
function aligned(given) {
  const bytes = given instanceof ArrayBuffer
    ? new Uint8Array(given)
    : new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  return bytes.byteOffset % 8 ? bytes.slice() : bytes;
}
