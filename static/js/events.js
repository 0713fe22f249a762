// The page of events: the live feed, and the log behind it as far as it goes.

import { showConnection } from "./connection.js";
import { Feed } from "./feed.js";
import { Live } from "./live.js";

const feed = new Feed(document);
const older = document.querySelector("[data-older]");
let cursor = "";

async function read() {
  older.disabled = true;
  const query = new URLSearchParams({ before: cursor, kind: feed.kind, q: feed.text });
  const answer = await fetch(`${older.dataset.older}?${query}`).catch(() => null);
  older.disabled = false;
  if (!answer?.ok) return;
  const { events, next } = await answer.json();
  feed.append(events.filter((event) => feed.matches(event)));
  cursor = next;
  older.hidden = next === null;
}

// Another filter is another walk through the log.
let typing;
feed.onNarrow = () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    cursor = "";
    read();
  }, 300);
  const query = new URLSearchParams();
  if (feed.kind) query.set("kind", feed.kind);
  if (feed.text) query.set("q", feed.text);
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
};

const asked = new URLSearchParams(location.search);
feed.kindField.value = asked.get("kind") || "";
if (feed.kindField.selectedIndex < 0) feed.kindField.value = "";
feed.textField.value = asked.get("q") || "";

new Live({ events: feed, state: showConnection(document.querySelector("[data-connection]")) });
older.addEventListener("click", read);
document.addEventListener("pbx:key", ({ detail }) => detail === "p" && feed.pause(!feed.paused));
read();
