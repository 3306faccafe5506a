// Tells the server how long this page took to load: POST /rum.
addEventListener("load", () => {
  setTimeout(() => {
    const [entry] = performance.getEntriesByType("navigation");
    if (entry) navigator.sendBeacon("/rum", JSON.stringify({ load: entry.loadEventEnd / 1000 }));
  });
});
