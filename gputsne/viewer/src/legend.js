// The legend: labels as buttons that hide and show, or a colour bar with the range that is shown.

import { categoryColours, scaleColours } from "./colour.js";
import { count, h, onScale } from "./dom.js";

const FINDABLE = 12; // labels from which a field finds one among them
const MOST = 400; // labels listed; others are found by that field

/** Make the legend of a column. `view` is the viewer: it has the filters and the theme. */
export function legend(view, column) {
  if (column.kind === "number") return bar(view, column);
  return labels(view, column);
}

function labels(view, column) {
  const colours = categoryColours(column, view.theme.dark);
  const counts = view.counts(column);
  const size = column.categories.length;
  const hidden = () => view.filters.get(column.name)?.hidden ?? new Set();
  const present = column.categories.map((_, i) => i).filter((i) => !counts || counts[i] > 0);
  const entries = [...present, ...(counts?.missing ? [-1] : [])];
  const list = h("ul", { class: "gts-labels" });
  const rows = new Map();

  const set = (codes, say) => {
    view.filter(column, codes.size ? { hidden: codes, size } : null, say);
    refresh();
  };
  const row = (code) => {
    const name = code < 0 ? column.missing ?? "no label" : column.categories[code];
    const swatch = h("span", { class: "gts-swatch" });
    swatch.style.backgroundColor = code < 0 ? view.theme.missing : colours[code];
    const n = counts ? (code < 0 ? counts.missing : counts[code]) : null;
    const toggle = h("button", {
      type: "button", class: "gts-label", title: name,
      onclick: () => {
        const next = new Set(hidden());
        const gone = !next.delete(code);
        if (gone) next.add(code);
        set(next, `${name} ${gone ? "hidden" : "shown"}`);
      },
    }, swatch, h("span", { class: "gts-name", text: name }),
    n == null ? null : h("span", { class: "gts-count", text: count(n) }));
    const only = h("button", {
      type: "button", class: "gts-only", text: "only", "aria-label": `Show only ${name}`,
      onclick: () => {
        const others = new Set(entries.filter((c) => c !== code));
        const same = others.size === hidden().size && !hidden().has(code);
        set(same ? new Set() : others, same ? "All labels shown" : `Only ${name} shown`);
      },
    });
    rows.set(code, toggle);
    return h("li", {}, toggle, only);
  };
  const fill = (text) => {
    rows.clear();
    const wanted = text.toLowerCase();
    const found = entries.filter((c) => (c < 0 ? "no label" : column.categories[c]).toLowerCase().includes(wanted));
    list.replaceChildren(...found.slice(0, MOST).map(row));
    if (found.length > MOST) {
      list.append(h("li", { class: "gts-note", text: `… and ${count(found.length - MOST)} more: write a part of their name above` }));
    }
    refresh();
  };
  const refresh = () => {
    for (const [code, toggle] of rows) toggle.setAttribute("aria-pressed", String(!hidden().has(code)));
  };
  const finder = entries.length > FINDABLE
    ? h("input", { type: "search", class: "gts-input", placeholder: "Find a label", "aria-label": "Find a label", oninput: (event) => fill(event.target.value) })
    : null;
  fill("");
  return h("div", {},
    finder,
    h("div", { class: "gts-row" },
      h("button", { type: "button", class: "gts-link", text: "Show all", onclick: () => set(new Set(), "All labels shown") }),
      h("button", { type: "button", class: "gts-link", text: "Hide all", onclick: () => set(new Set([...entries, -1]), "All labels hidden") })),
    list);
}

function bar(view, column) {
  const { low, high } = column;
  const strip = h("div", { class: "gts-bar", role: "img", "aria-label": `Colours from ${onScale(low, column)} to ${onScale(high, column)}` });
  strip.style.backgroundImage = `linear-gradient(to right, ${scaleColours(column, view.theme.dark).filter((_, i) => i % 15 === 0).join(", ")})`;
  const kept = view.filters.get(column.name) ?? { low: -Infinity, high: Infinity };
  const said = h("p", { class: "gts-note" });
  const say = (a, b) => {
    const all = a <= low && b >= high;
    said.textContent = all ? "All values are shown" : `Shown: ${onScale(a, column)} to ${onScale(b, column)}`;
    return all;
  };
  const slider = (name, at) => h("input", {
    type: "range", min: 0, max: 1000, step: 1, value: at, "aria-label": name,
    oninput: (event) => {
      const [a, b] = [from, to].map((input) => low + (Number(input.value) / 1000) * (high - low));
      if (a > b) event.target.value = event.target === from ? to.value : from.value;
      const ends = [from, to].map((input) => low + (Number(input.value) / 1000) * (high - low));
      for (const [input, v] of [[from, ends[0]], [to, ends[1]]]) input.setAttribute("aria-valuetext", onScale(v, column));
      view.filter(column, say(...ends) ? null : { low: ends[0], high: ends[1] }, said.textContent);
    },
  });
  const at = (v, end) => (high > low && Number.isFinite(v) ? Math.round((1000 * (v - low)) / (high - low)) : end);
  const from = slider("Least value shown", at(kept.low, 0)), to = slider("Greatest value shown", at(kept.high, 1000));
  for (const [input, v] of [[from, low], [to, high]]) input.setAttribute("aria-valuetext", onScale(v, column));
  say(Math.max(kept.low, low), Math.min(kept.high, high));
  return h("div", { class: "gts-scale" },
    strip,
    h("div", { class: "gts-ends" }, h("span", { text: onScale(low, column) }), h("span", { text: onScale(high, column) })),
    h("label", { class: "gts-range" }, h("span", { text: "from" }), from),
    h("label", { class: "gts-range" }, h("span", { text: "to" }), to),
    said);
}
