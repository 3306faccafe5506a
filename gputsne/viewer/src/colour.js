// Colours of points: categories, numbers on a scale, and what dark paper needs.

// Lightness in OKLab of the palette's darkest and brightest colour, and what the darkest gets on dark
// paper; gputsne/plotting/theme.py has the same numbers and says how they were found.
const DARKEST = 0.36, BRIGHTEST = 0.83, LIFTED = 0.48;
const DARK_START = 0.22; // share of a scale that dark paper would swallow
export const SHADES = 256;
// Where a column brings no scale: viridis (Smith and van der Walt, CC0) at nine places.
const VIRIDIS = [
  "#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725",
];

export const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const hexOf = (colour) => "#" + colour.map((c) => Math.round(c).toString(16).padStart(2, "0")).join("");
const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const gamma = (c) => (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055);

// OKLab (Ottosson 2020) and back.
function oklab(colour) {
  const [r, g, b] = colour.map((c) => linear(c / 255));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const t = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * t,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * t,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * t,
  ];
}

function fromOklab([L, a, b]) {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const t = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * t,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * t,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * t,
  ].map((c) => 255 * gamma(Math.min(1, Math.max(0, c))));
}

function lifted(hex) {
  const [L, a, b] = oklab(rgb(hex));
  const share = (L - DARKEST) / (BRIGHTEST - DARKEST);
  if (share >= 1) return hex;
  return hexOf(fromOklab([LIFTED + Math.max(0, share) * (BRIGHTEST - LIFTED), a, b]));
}

/** Return the colours of a column's categories; colours that its owner chose stay as they are. */
export function categoryColours(column, dark) {
  const given = column.colours ?? [];
  const all = column.categories.map((_, i) => given[i] ?? fallback(i));
  return dark && !column.chosen ? all.map(lifted) : all;
}

/** A colour for a category that has none: hues by the golden angle. */
function fallback(i) {
  const hue = i * 2.399963;
  return hexOf(fromOklab([0.62 + 0.1 * ((i % 3) - 1), 0.13 * Math.cos(hue), 0.13 * Math.sin(hue)]));
}

/** Return a number column's scale as SHADES colours from its lowest to its highest value. */
export function scaleColours(column, dark) {
  let stops = column.colours?.length > 1 ? column.colours : VIRIDIS;
  if (dark && !column.chosen && stops.length > 2 && oklab(rgb(stops[0]))[0] < LIFTED) {
    stops = stops.slice(Math.ceil(DARK_START * stops.length));
  }
  const known = stops.map(rgb);
  return Array.from({ length: SHADES }, (_, i) => {
    const at = (i / (SHADES - 1)) * (known.length - 1);
    const j = Math.min(Math.floor(at), known.length - 2);
    return hexOf(known[j].map((c, k) => c + (at - j) * (known[j + 1][k] - c)));
  });
}
