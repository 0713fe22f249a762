// The event feed: newest on top, no event twice, with a filter, and a pause that loses nothing.

import { element, icon, timeOfDay } from "./dom.js";
import { describe } from "./words.js";

// The same table as KINDS in pbx/event_log.py, which narrows the log.
const KINDS = {
  phones: ["E_UL_"],
  calls: ["E_CALL_", "E_BRANCH_", "E_WAIT_", "E_INJECT_"],
  pickup: ["E_CALL_PICKUP"],
  push: ["E_PUSH_"],
  trouble: ["E_AUTH_", "E_LIMIT_", "E_SCRIPT_", "E_SUB_FAILED", "E_PUSH_FAILED", "E_PUSH_TOKEN_", "E_PUSH_PROVIDER_", "E_NODE_DOWN"],
};

// Attributes that name a subscriber; the same as in pbx/event_log.py.
const PARTIES = ["aor", "caller", "callee", "dialled", "user", "picker", "target", "answered_by"];

function names(value, subscriber) {
  if (typeof value !== "string") return false;
  const aor = value.replace(/^sip:/, "");
  return aor === subscriber || aor.split("@")[0] === subscriber;
}

export class Feed {
  constructor(root) {
    this.list = root.querySelector("[data-feed]");
    this.limit = Number(this.list.dataset.limit);
    this.kindField = root.querySelector("[data-feed-kind]");
    this.textField = root.querySelector("[data-feed-text]");
    this.nameField = root.querySelector("[data-feed-name]"); // these are on the page of events alone
    this.callField = root.querySelector("[data-feed-call]");
    this.subscriberField = root.querySelector("[data-feed-subscriber]");
    this.since = this.until = null; // epoch seconds: what of the past is shown
    this.button = root.querySelector("[data-feed-pause]");
    this.pill = root.querySelector("[data-feed-pill]");
    this.placeholder = this.list.firstElementChild;
    this.known = new Map(); // id -> event, newest last
    this.held = []; // arrived while paused
    this.paused = false;
    this.button.addEventListener("click", () => this.pause(!this.paused));
    this.pill.addEventListener("click", () => this.pause(false));
    for (const select of [this.kindField, this.nameField]) select?.addEventListener("change", () => this.narrow());
    for (const field of [this.textField, this.callField, this.subscriberField]) field?.addEventListener("input", () => this.narrow());
  }

  snapshot(events, gap = false) {
    if (gap) this.gap(gettext("More has happened than is shown here; older events are in the log"));
    for (const event of events) this.take(event);
    this.settle();
  }

  happened(event) {
    this.take(event);
    this.settle();
  }

  dropped(count) {
    const text = interpolate(ngettext("%s event was too much for this page", "%s events were too much for this page", count), [count]);
    this.gap(text);
  }

  // From here on down something is missing.
  gap(text) {
    this.list.prepend(element("li.feed-gap", { "data-ts": Date.now() / 1000 }, text));
  }

  // Older events of the log, newest first, below those that are here. The server has narrowed them.
  append(events) {
    for (const event of events) {
      if (this.known.has(event.id)) continue;
      this.known.set(event.id, event);
      this.place(event);
    }
    this.settle();
  }

  // Where it belongs by time: live events and those of the log arrive independently of each other.
  place(event) {
    let before = this.list.firstElementChild;
    while (before && (before === this.placeholder || Number(before.dataset.ts) > event.ts)) before = before.nextElementSibling;
    this.list.insertBefore(item(event), before);
  }

  pause(paused) {
    this.paused = paused;
    this.button.setAttribute("aria-pressed", String(paused));
    this.button.title = this.button.ariaLabel = paused ? gettext("Go on") : gettext("Pause");
    if (!paused) for (const event of this.held.splice(0)) this.place(event);
    this.settle();
  }

  narrow() {
    this.list.replaceChildren(this.placeholder);
    const events = [...this.known.values()].sort((a, b) => b.ts - a.ts).filter((event) => this.matches(event));
    this.list.append(...events.slice(0, this.limit).map(item));
    this.settle();
    this.onNarrow?.();
  }

  get kind() {
    return this.kindField.value;
  }

  get text() {
    return this.textField.value.trim();
  }

  matches(event) {
    if (this.since !== null && event.ts < this.since) return false;
    if (this.until !== null && event.ts >= this.until) return false;
    const [name, call, subscriber] = [this.nameField, this.callField, this.subscriberField].map((field) => field?.value.trim() || "");
    if (name && event.name !== name) return false;
    if (call && event.call_uid !== call) return false;
    if (subscriber && !PARTIES.some((key) => names(event.attributes[key], subscriber))) return false;
    if (this.kind && !KINDS[this.kind].some((start) => event.name.startsWith(start))) return false;
    const haystack = () => `${event.name} ${describe(event).text} ${JSON.stringify(event.attributes)}`.toLocaleLowerCase();
    return !this.text || haystack().includes(this.text.toLocaleLowerCase());
  }

  take(event) {
    if (this.known.has(event.id)) return;
    this.known.set(event.id, event);
    if (this.known.size > this.limit * 2) this.known.delete(this.known.keys().next().value);
    if (!this.matches(event)) return;
    if (!this.paused) this.place(event);
    else if (this.held.push(event) > this.limit) this.held.shift();
  }

  settle() {
    const items = this.list.querySelectorAll(".feed-item");
    // A reader who has scrolled down or paused is not robbed of what he reads.
    if (!this.paused) for (let index = this.limit; index < items.length; index += 1) items[index].remove();
    this.placeholder.hidden = items.length > 0;
    this.pill.hidden = this.held.length === 0;
    this.pill.textContent = interpolate(ngettext("%s new", "%s new", this.held.length), [this.held.length]);
  }
}

export function item(event) {
  const { symbol, colour, text } = describe(event);
  const when = element("time.feed-time", { datetime: new Date(event.ts * 1000).toISOString() }, timeOfDay(event.ts));
  const attributes = Object.entries(event.attributes).flatMap(([name, value]) => [
    element("dt", name),
    element("dd", typeof value === "object" ? JSON.stringify(value) : String(value)),
  ]);
  const links = element("div.feed-links");
  if (event.call_uid) links.append(element("a", { href: `/calls/${encodeURIComponent(event.call_uid)}/` }, gettext("The call")));
  // A second more than the event's own: the log is shown up to there.
  const moment = new Date(Math.floor(event.ts + 1) * 1000).toISOString().replace(".000Z", "Z");
  links.append(element("a", { href: `/events/?until=${moment}` }, gettext("Events up to here")));
  if (event.cursor) links.append(element("a", { href: `/subscriptions/try/?cursor=${event.cursor}&try=1` }, gettext("What would it match now?")));
  return element(
    "li.feed-item",
    { "data-id": event.id, "data-ts": event.ts },
    element(
      "details",
      element("summary", element(`span.feed-icon.text-${colour}`, icon(symbol)), element("span.feed-text", text), when),
      element("dl.facts", element("dt", gettext("event")), element("dd", element("code", event.name)), ...attributes),
      links,
    ),
  );
}
