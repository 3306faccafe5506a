// What the bundle offers: the viewer for any element, and the page that is one.

export { unpack } from "./container.js";
export { start } from "./page.js";
export { mount } from "./viewer.js";
