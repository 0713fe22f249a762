// Says how the live connection stands: a dot and a word, and a note when it was away.

const WORDS = {
  connecting: () => gettext("connecting…"),
  live: () => gettext("live"),
  reconnected: (fetched) =>
    fetched
      ? interpolate(ngettext("reconnected, %s event fetched", "reconnected, %s events fetched", fetched), [fetched])
      : gettext("reconnected"),
  stale: () => gettext("no news: Redis does not answer"),
  lost: () => gettext("connection lost, trying again…"),
  refused: () => gettext("not allowed"),
};
const NOTE = 5000; // ms that "reconnected" stays

export function showConnection(node) {
  let timer;
  return (state, fetched = 0) => {
    clearTimeout(timer);
    node.dataset.connection = state;
    node.querySelector("[data-connection-word]").textContent = WORDS[state](fetched);
    if (state === "reconnected") timer = setTimeout(() => (node.querySelector("[data-connection-word]").textContent = WORDS.live()), NOTE);
  };
}
