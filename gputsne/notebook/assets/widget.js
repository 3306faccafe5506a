// The widget's front end, after the viewer's script: joins the viewer to the traits of MapWidget.
// A function of its own, so that none of its names is one of the viewer's.

export default ((mount) => {

const CURVE = [240, 44]; // pixels of the KL curve

/** Return whether the notebook is dark, or null where it doesn't say. */
function darkNotebook() {
  const { dataset, classList } = document.body;
  if (dataset.jpThemeLight) return dataset.jpThemeLight === "false";
  if (dataset.vscodeThemeKind) return !dataset.vscodeThemeKind.includes("light");
  if (classList.contains("theme-dark")) return true;
  return null;
}

/** Return the bytes of a trait, at a place where typed arrays may begin. */
function bytesOf(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
}

/** Return places of 16 bits in their square as those of the map. */
function placesOf(view, [x0, y0, side]) {
  const units = new Uint16Array(bytesOf(view).buffer);
  const n = units.length / 2, unit = side / 65535;
  return {
    x: Float32Array.from(units.subarray(0, n), (u) => x0 + u * unit),
    y: Float32Array.from(units.subarray(n), (u) => y0 + u * unit),
  };
}

/** The line above a map that grows: how far the fit is, and its KL divergence so far. */
class FitLine {
  constructor(before) {
    this.said = document.createElement("span");
    this.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    this.svg.append(this.path);
    this.svg.setAttribute("viewBox", `0 0 ${CURVE[0]} ${CURVE[1]}`);
    this.svg.setAttribute("role", "img");
    this.element = document.createElement("div");
    this.element.className = "gputsne-fit";
    this.element.append(this.said, this.svg);
    this.element.hidden = true;
    before.before(this.element);
  }

  show({ text, curve = [], total = 1 }) {
    this.element.hidden = !text;
    this.said.textContent = text ?? "";
    const known = curve.filter(([, kl]) => kl !== null);
    this.svg.toggleAttribute("hidden", known.length < 2);
    if (known.length < 2) return;
    const kls = known.map(([, kl]) => kl);
    const high = Math.max(...kls), low = Math.min(...kls), [width, height] = CURVE;
    const at = ([i, kl]) => `${(width * i / total).toFixed(1)} ${(2 + (height - 4) * (high - kl) / (high - low || 1)).toFixed(1)}`;
    this.path.setAttribute("d", `M${known.map(at).join("L")}`);
    this.svg.setAttribute("aria-label", `KL divergence from ${kls[0].toPrecision(4)} to ${kls.at(-1).toPrecision(4)}`);
  }
}

function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "gputsne-widget";
  el.replaceChildren(box);
  const line = new FitLine(box);
  let handle = null, sent = null, frame = null;

  const theme = () => {
    const asked = model.get("theme"), dark = darkNotebook();
    return asked !== "auto" || dark === null ? asked : dark ? "dark" : "light";
  };
  const sized = () => { box.style.height = `${model.get("height")}px`; };
  const select = () => {
    const ids = model.get("_selected");
    if (ids !== sent) handle?.select(ids);
  };
  const places = () => {
    if (frame !== null || !model.get("_places")?.byteLength) return;
    frame = requestAnimationFrame(() => { // of several that came since the last picture, the last
      frame = null;
      handle?.setPoints(placesOf(model.get("_places"), model.get("_square")));
    });
  };
  // The viewer has no event for a colour that was picked on the page: its select element tells.
  const picked = ({ target }) => {
    if (target.getAttribute("aria-label") !== "Colour by") return;
    const columns = model.get("_tileset").columns;
    const name = columns.find((c) => c.title === target.selectedOptions[0].textContent)?.name ?? null;
    model.set("_column", target.value === "" ? null : name);
    model.save_changes();
  };
  const build = () => {
    handle?.destroy();
    handle = mount(box, { tileset: model.get("_tileset"), container: bytesOf(model.get("_container")) }, {
      colour: model.get("_column"), heading: 3, theme: theme(), wheel: "focus",
    });
    handle.on("select", (ids) => {
      sent = ids;
      model.set("_selected", ids);
      model.save_changes();
    });
    if (model.get("_selected").length) select();
    places();
  };

  sized();
  box.addEventListener("change", picked);
  build();
  line.show(model.get("_fit"));
  const listeners = {
    "change:_container": build, "change:_selected": select, "change:_places": places,
    "change:_column": () => handle.setColour(model.get("_column")),
    "change:_fit": () => line.show(model.get("_fit")),
    "change:height": sized, "change:theme": () => handle.setTheme(theme()),
  };
  for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
  const watch = new MutationObserver(() => handle.setTheme(theme()));
  watch.observe(document.body, { attributeFilter: ["class", "data-jp-theme-light", "data-vscode-theme-kind"] });
  return () => {
    for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
    watch.disconnect();
    if (frame !== null) cancelAnimationFrame(frame);
    handle.destroy();
  };
}

return { render };

})(mount);
