// Says how the live connection stands: a dot and a word, and a note when it was away.

const WORDS = {
  connecting: () => gettext("connecting…"),
  live: () => gettext("live"),
  reconnected: () => gettext("reconnected"),
  stale: () => gettext("no news: Redis does not answer"),
  lost: () => gettext("connection lost, trying again…"),
  refused: () => gettext("not allowed"),
};
const NOTE = 5000; // ms that "reconnected" stays

export function showConnection(node) {
  let timer;
  return (state) => {
    clearTimeout(timer);
    node.dataset.connection = state;
    node.querySelector("[data-connection-word]").textContent = WORDS[state]();
    if (state === "reconnected") timer = setTimeout(() => (node.querySelector("[data-connection-word]").textContent = WORDS.live()), NOTE);
  };
}
