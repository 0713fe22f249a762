// Keeps the presence words of a page up to date: calls make a phone ring or talk, events make it come and go.

import { Live } from "./live.js";

const WORDS = {
  "in-call": ["azure", () => gettext("in call")],
  ringing: ["orange", () => gettext("ringing")],
  online: ["green", () => gettext("online")],
  asleep: ["indigo", () => gettext("asleep")],
  offline: ["secondary", () => gettext("offline")],
};

class Presence {
  constructor() {
    this.calls = new Map();
    this.reachable = new Map(); // aor -> whether an event since the page was made said so
  }

  snapshot(calls) {
    this.calls = new Map(calls.map((call) => [call.uid, call]));
    this.show();
  }

  changed(call) {
    this.calls.set(call.uid, call);
    this.show();
  }

  gone(uid) {
    this.calls.delete(uid);
    this.show();
  }

  happened({ name, attributes }) {
    if (name !== "E_UL_AOR_INSERT" && name !== "E_UL_AOR_DELETE") return;
    this.reachable.set(attributes.aor, name === "E_UL_AOR_INSERT");
    this.show();
  }

  busy() {
    const busy = new Map();
    for (const call of this.calls.values()) {
      if (call.state === "ended") continue;
      busy.set(call.caller, "in-call");
      if (call.state === "answered") busy.set(call.answered_by || call.callee, "in-call");
      else
        for (const branch of call.branches)
          if (branch.state === "ringing" && !busy.has(branch.target)) busy.set(branch.target, "ringing");
    }
    return busy;
  }

  show() {
    const busy = this.busy();
    for (const node of document.querySelectorAll("[data-presence]")) {
      const aor = node.dataset.aor;
      const settled = (node.dataset.settled ||= node.dataset.presence);
      if (settled === "suspended" || settled === "unknown") continue;
      const state = busy.get(aor) || this.settled(aor, settled, node.dataset.wakeable === "true");
      if (state === node.dataset.presence) continue;
      const [colour, word] = WORDS[state];
      node.dataset.presence = state;
      node.className = `status status-${colour} presence`;
      node.lastElementChild.textContent = word();
    }
  }

  // Without a call: as the page was made, unless an event has said otherwise since.
  settled(aor, made, wakeable) {
    const away = wakeable ? "asleep" : "offline";
    const reachable = this.reachable.get(aor);
    if (reachable === undefined) return made in { online: 1, asleep: 1, offline: 1 } ? made : "online";
    return reachable ? "online" : away;
  }
}

const presence = new Presence();
const events = { snapshot: () => {}, happened: (event) => presence.happened(event) };
new Live({ calls: presence, events });
// A list that was searched anew comes with words of its own.
document.addEventListener("htmx:afterSettle", () => presence.show());
