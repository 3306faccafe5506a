// Elements made of names and texts. Texts are never read as markup, and no style is in an attribute,
// so that a strict content policy holds.

/** Make an element: `on...` are listeners, `text` its text, the others attributes. */
export function h(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** Make an element of SVG. */
export function s(tag, given = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Strokes in a box of 20 by 20.
const PATHS = {
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  fit: "M3 8V3h5M12 3h5v5M17 12v5h-5M8 17H3v-5",
  lasso: "M6 14c-2-1-3-3-3-5 0-3 3-5 7-5s7 2 7 5-3 5-7 5c-1.500 0-3-.3-4-1M6 14a1.800 1.800 0 1 0 .1 0M5 17c1 .7 1.500-.5 1-2",
  moon: "M16 12.500A7 7 0 1 1 8 4a5.500 5.500 0 0 0 8 8.500z",
  sun: "M10 6.500a3.500 3.500 0 1 0 .01 0M10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M4.300 15.700l1.100-1.100M14.600 5.400l1.100-1.100",
  download: "M10 3v9M6 9l4 4 4-4M4 16.500h12",
  close: "M5 5l10 10M15 5L5 15",
  frame: "M3 6V3h3M14 3h3v3M17 14v3h-3M6 17H3v-3M7 7h6v6H7z",
  panel: "M3 4h14v12H3zM12 4v12",
};

/** Make an icon, which says nothing to a screen reader. */
export function icon(name) {
  return s("svg", {
    viewBox: "0 0 20 20", width: 18, height: 18, fill: "none", stroke: "currentColor",
    "stroke-width": 1.7, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true",
    focusable: "false",
  }, s("path", { d: PATHS[name] }));
}

/** Make a button with an icon, whose name is in `label`. */
export function iconButton(name, label, onclick, more = {}) {
  return h("button", { type: "button", class: "gts-icon", "aria-label": label, title: label, onclick, ...more },
    icon(name));
}

const WHOLE = new Intl.NumberFormat("en-GB");

/** Write a whole number with commas. */
export const count = (n) => WHOLE.format(n);

/** Write "1 point" or "1,234 points". */
export const points = (n) => `${count(n)} point${n === 1 ? "" : "s"}`;

/** Group the digits before the point by threes; what is written with an exponent stays. */
const grouped = (text) => (text.includes("e") ? text : text.replace(/^(-?)(\d+)/, (_, sign, whole) => sign + whole.replace(/\B(?=(\d{3})+$)/g, ",")));

const DAY = 86_400_000; // ms
const LAST = 8.64e15; // ms from 1970 that a Date can hold

/** Write a date, a number of days since 1970, as far as it is not midnight: to the microsecond. */
function date(days) {
  const micros = Math.round(days * DAY * 1000), ms = Math.floor(micros / 1000);
  if (Math.abs(ms) > LAST) return `${grouped(String(days))} days since 1970`;
  const [day, time] = new Date(ms).toISOString().slice(0, -1).split("T");
  const exact = `${time}${String(Math.min(999, Math.max(0, micros - 1000 * ms))).padStart(3, "0")}`;
  const short = exact.replace(/\.0+$/, "").replace(/(\.\d*?)0+$/, "$1").replace(/^(..:..):00$/, "$1");
  return short === "00:00" ? day : `${day} ${short}`;
}

/** Write the number of float32 with as few digits as tell it from its neighbours. */
function single(v) {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(v.toPrecision(digits));
    if (Math.fround(short) === v) return String(short);
  }
  return String(v);
}

/**
 * Write a value with all its digits; a date is a number of days since 1970.
 *
 * @param {number} v
 * @param {object} [column] of the tile set
 * @param {boolean} [float32] whether the number was kept as one
 */
export function value(v, column, float32 = false) {
  if (!Number.isFinite(v)) return "missing";
  if (column?.dates) return date(v);
  if (column?.base) return count(BigInt(column.base) + BigInt(Math.round(v)));
  if (Number.isInteger(v) && Math.abs(v) < 1e21) return count(BigInt(v));
  return grouped(float32 ? single(v) : String(v));
}

const STEPS = 1000; // that the digits of a scale tell apart, as its sliders have them

/** Write a value on its column's scale: as many digits as tell a thousandth of the scale. */
export function onScale(v, column) {
  const { low, high } = column;
  if (column.dates) {
    const step = high - low > 30 ? 1 : high - low > 1 ? 1 / 1440 : high > low ? 1 / 86_400 : 0; // days
    return date(step && v !== low && v !== high ? Math.round(v / step) * step : v);
  }
  if (column.base || Number.isInteger(v)) return value(v, column);
  const size = Math.max(Math.abs(low), Math.abs(high)), step = (high - low) / STEPS;
  const digits = step > 0 ? Math.ceil(Math.log10(size) - Math.log10(step)) : 17;
  return grouped(String(Number(v.toPrecision(Math.min(17, Math.max(6, digits))))));
}
