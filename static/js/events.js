// The page of events: the live feed, and the log behind it as far as it goes. The address holds what is shown, so that a view
// can be shared: any minute that the log has opens with the same filter.

import { showConnection } from "./connection.js";
import { Feed } from "./feed.js";
import { Live } from "./live.js";

const TYPING = 300; // ms
const FILL = 50; // events that a narrow filter is searched for at least, before it is left to the reader

const find = (selector) => document.querySelector(selector);
const feed = new Feed(document);
const older = find("[data-older]");
const state = find("[data-feed-state]");
const times = { since: find("[data-feed-since]"), until: find("[data-feed-until]") };
const fields = {
  kind: feed.kindField,
  name: feed.nameField,
  subscriber: feed.subscriberField,
  call: feed.callField,
  q: feed.textField,
};
let cursor = "";
let walk = 0; // another filter is another walk through the log; what an earlier one brings is late

// What is asked for, without what is empty; times in UTC.
function question() {
  const query = new URLSearchParams();
  for (const [name, field] of Object.entries(fields)) if (field.value.trim()) query.set(name, field.value.trim());
  for (const name of ["since", "until"]) if (feed[name] !== null) query.set(name, new Date(feed[name] * 1000).toISOString().replace(".000Z", "Z"));
  return query;
}

async function read() {
  const mine = walk;
  const query = question();
  let found = 0;
  older.disabled = true;
  state.textContent = "";
  do {
    if (cursor) query.set("before", cursor);
    const answer = await fetch(`${older.dataset.older}?${query}`).catch(() => null);
    if (mine !== walk) return;
    if (!answer?.ok) {
      state.textContent = answer?.status === 400 ? gettext("This filter cannot be.") : gettext("The log cannot be read right now.");
      break;
    }
    const { events, next } = await answer.json();
    if (mine !== walk) return;
    feed.append(events);
    found += events.length;
    cursor = next;
    if (next && found < FILL) state.textContent = gettext("Searching further back…");
  } while (cursor && found < FILL);
  if (cursor === null) state.textContent = gettext("This is as far as the log goes back.");
  else if (found >= FILL) state.textContent = "";
  older.disabled = false;
  older.hidden = cursor === null;
}

function again() {
  walk += 1;
  cursor = "";
  older.hidden = false;
  read();
}

function show() {
  const query = question();
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  find("[data-export]").href = `${find("[data-export]").dataset.export}?${query}`;
  find("[data-feed-past]").hidden = feed.until === null;
}

let typing;
feed.onNarrow = () => {
  clearTimeout(typing);
  typing = setTimeout(again, TYPING);
  show();
};

// A field for a local time, and the epoch seconds it stands for.
function chosen(name) {
  const value = times[name].value;
  feed[name] = value ? new Date(value).getTime() / 1000 : null;
}

function fill(name, epoch) {
  const local = new Date(epoch * 1000 - new Date(epoch * 1000).getTimezoneOffset() * 60000);
  times[name].value = local.toISOString().slice(0, 19);
  feed[name] = Math.floor(epoch);
}

for (const name of ["since", "until"]) {
  times[name].addEventListener("change", () => {
    chosen(name);
    feed.narrow();
  });
}
find("[data-feed-now]").addEventListener("click", () => {
  times.until.value = "";
  feed.until = null;
  feed.narrow();
});

const asked = new URLSearchParams(location.search);
for (const [name, field] of Object.entries(fields)) {
  field.value = asked.get(name) || "";
  if (field.selectedIndex < 0) field.value = "";
}
for (const name of ["since", "until"]) {
  const epoch = Date.parse(asked.get(name) || "") / 1000;
  if (Number.isFinite(epoch)) fill(name, epoch);
}

new Live({ events: feed, state: showConnection(find("[data-connection]")) });
older.addEventListener("click", read);
document.addEventListener("pbx:key", ({ detail }) => detail === "p" && feed.pause(!feed.paused));
show();
read();
