// Sets the theme before the first paint, so that a dark page does not flash white. Loaded in the head, not deferred.
(function () {
  let chosen = null;
  try {
    chosen = localStorage.getItem("pbx-theme");
  } catch {
    // No storage: the system's preference it is.
  }
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
})();
