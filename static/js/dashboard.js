// The dashboard: board, feed and counters on one connection.

import { Board } from "./board.js";
import { showConnection } from "./connection.js";
import { setText } from "./dom.js";
import { Feed } from "./feed.js";
import { Live } from "./live.js";

const COUNTERS_EVERY = 60000; // ms
const COUNTERS_AFTER = 1000; // ms after a phone came or went; a hundred of them ask once

const find = (selector) => document.querySelector(selector);
const counters = find("[data-counters]");

function count(values) {
  for (const [name, value] of Object.entries(values)) {
    setText(counters.querySelector(`[data-counter="${name}"]`), value === null ? "–" : String(value));
  }
}

let asked;
async function askCounters() {
  clearTimeout(asked);
  asked = setTimeout(askCounters, COUNTERS_EVERY);
  if (document.hidden) return;
  const answer = await fetch(counters.dataset.counters).catch(() => null);
  if (answer?.ok) count(await answer.json());
}

function phonesChanged() {
  clearTimeout(asked);
  asked = setTimeout(askCounters, COUNTERS_AFTER);
}

const announcement = find("[data-announce]");
const board = new Board(find("[data-board]"), {
  now: () => live.now(),
  empty: find("[data-board-empty]"),
  announce: (text) => setText(announcement, text),
  counted: count,
});
const feed = new Feed(document);
const live = new Live({
  calls: board,
  events: {
    snapshot: (events, gap) => feed.snapshot(events, gap),
    dropped: (number) => feed.dropped(number),
    happened: (event) => {
      feed.happened(event);
      if (event.name.startsWith("E_UL_AOR_") || event.name.startsWith("E_PUSH_TOKEN_")) phonesChanged();
    },
  },
  state: showConnection(find("[data-connection]")),
});

find("[data-board-filter]").addEventListener("input", (typed) => board.narrow(typed.target.value));
document.addEventListener("pbx:key", ({ detail }) => {
  if (detail === "p") feed.pause(!feed.paused);
  if (detail === "e") find("#feed-title").focus();
});
document.addEventListener("visibilitychange", () => document.hidden || askCounters());
askCounters();
