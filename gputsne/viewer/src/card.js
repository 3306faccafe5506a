// The card: what a point's record says, beside the pointer or pinned.

import { h, iconButton, points, value } from "./dom.js";

const MOST = 300; // characters of a text
const NAME = 60; // characters of a column's name

/** Return what a record says in a column, as text. */
export function said(chunk, i, column) {
  const values = chunk.columns[column.name];
  if (!values) return null;
  if (values.offsets) return values.at(i);
  if (column.kind === "category") return column.categories[values[i]] ?? column.missing ?? "no label";
  return column.kind === "id" ? String(values[i]) : value(values[i], column, values instanceof Float32Array);
}

/** Return [name, text] of everything that is known of a point. */
export function record(chunk, i, columns) {
  const found = [];
  for (const column of columns) {
    const text = said(chunk, i, column);
    if (text !== null && text !== "" && column.kind !== "id") found.push([column, text]);
  }
  return found;
}

export class Card {
  constructor(view) {
    this.view = view;
    this.pinned = null;
    this.element = h("div", { class: "gts-card", hidden: true });
  }

  /** Show a point's record beside a pixel of the map. */
  show(chunk, i, px, py, pinned = false) {
    if (this.pinned && !pinned) return;
    const { view } = this;
    const told = record(chunk, i, view.columns);
    const first = told.findIndex(([column]) => column === view.colour);
    const head = first >= 0 ? told.splice(first, 1)[0] : null;
    const cut = (text, most = MOST) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
    const called = (column) => cut(column.title ?? column.name, NAME);
    const parts = [];
    if (head) {
      const swatch = h("span", { class: "gts-swatch" });
      swatch.style.backgroundColor = view.colourOf(chunk, i);
      const name = head[0].kind === "category" ? head[1] : `${called(head[0])}: ${head[1]}`;
      parts.push(h("p", { class: "gts-head" }, swatch, h("strong", { text: cut(name) })));
    }
    if (chunk.columns.count) parts.push(h("p", { text: `${points(chunk.columns.count[i])} in this cell` }));
    const rows = told.flatMap(([column, text]) => [h("dt", { text: called(column), title: column.title }), h("dd", { text: cut(text) })]);
    if (!chunk.columns.count) rows.push(h("dt", { text: cut(view.idName, NAME) }), h("dd", { text: cut(String(chunk.id(i))) }));
    parts.push(h("dl", {}, ...rows));
    if (pinned) {
      this.pinned = [chunk, i];
      parts.unshift(iconButton("close", "Close", () => view.unpin(), { class: "gts-icon gts-close" }));
    }
    this.element.replaceChildren(...parts);
    this.element.classList.toggle("gts-pinned", pinned);
    this.element.hidden = false;
    this.place(px, py);
  }

  /** Put the card where it has room beside a pixel. */
  place(px, py) {
    const { width, height } = this.view.camera;
    const { offsetWidth: w, offsetHeight: t } = this.element;
    const x = px + 14 + w > width - 6 ? Math.max(6, px - 14 - w) : px + 14;
    const y = Math.max(6, Math.min(height - t - 6, py - t / 2));
    this.element.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }

  hide(also = false) {
    if (this.pinned && !also) return;
    this.pinned = null;
    this.element.hidden = true;
  }
}
