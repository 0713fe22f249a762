// The live board: one row per call, kept by its uid; its branches fold out below it.

import { clock, element, icon, setText, status, userPart } from "./dom.js";
import { REASONS } from "./words.js";

const KEPT = 30000; // ms that an ended call stays, greyed

const STATES = {
  setup: ["secondary", () => gettext("setup")],
  waking: ["indigo", () => gettext("waking")],
  ringing: ["orange", () => gettext("ringing")],
  answered: ["green", () => gettext("in call")],
  ended: ["secondary", () => gettext("ended")],
};
const BRANCHES = {
  trying: ["secondary", () => gettext("trying")],
  ringing: ["orange", () => gettext("ringing")],
  answered: ["green", () => gettext("answered")],
  cancelled: ["secondary", () => gettext("cancelled")],
  failed: ["red", () => gettext("failed")],
};
const SOURCES = {
  lookup: () => gettext("was registered"),
  event: () => gettext("registered while it rang"),
  msg: () => gettext("registered while it rang"),
  script: () => gettext("added by the script"),
  pickup: () => gettext("picked up"),
};
export class Board {
  constructor(list, { now, empty, announce, counted }) {
    this.list = list;
    this.now = now;
    this.empty = empty;
    this.say = announce;
    this.counted = counted;
    this.rows = new Map(); // uid -> Row
    this.filter = "";
    setInterval(() => document.hidden || this.tick(), 1000);
    document.addEventListener("visibilitychange", () => this.tick());
  }

  snapshot(calls) {
    const live = new Set(calls.map((call) => call.uid));
    for (const row of this.rows.values()) if (!live.has(row.uid)) row.end();
    for (const call of calls) this.put(call);
    this.settle();
  }

  changed(call) {
    const before = this.rows.get(call.uid)?.call.state;
    this.put(call);
    if (before !== call.state) this.announce(call);
    this.settle();
  }

  gone(uid) {
    this.rows.get(uid)?.end();
    this.settle();
  }

  narrow(text) {
    this.filter = text.trim().toLocaleLowerCase();
    for (const row of this.rows.values()) row.hideUnless(this.filter);
    this.settle();
  }

  put(call) {
    let row = this.rows.get(call.uid);
    if (!row) {
      row = new Row(call, this.list.dataset.call);
      this.rows.set(call.uid, row);
      // Newest on top; a snapshot brings them in any order.
      const older = [...this.list.children].find((item) => Number(item.dataset.started) <= call.started_at);
      this.list.insertBefore(row.node, older || null);
    }
    row.show(call, this.now());
    row.hideUnless(this.filter);
  }

  settle() {
    const count = { answered: 0, ringing: 0, waking: 0 };
    let visible = 0;
    for (const row of this.rows.values()) {
      if (!row.ended && row.call.state in count) count[row.call.state] += 1;
      if (!row.node.hidden) visible += 1;
    }
    this.empty.hidden = visible > 0;
    const title = this.empty.querySelector("[data-none]");
    setText(title, this.filter && this.rows.size ? title.dataset.filtered : title.dataset.none);
    this.counted(count);
  }

  tick() {
    const expired = [...this.rows.values()].filter((row) => row.ended && Date.now() - row.ended > KEPT);
    for (const row of expired) {
      row.node.remove();
      this.rows.delete(row.uid);
    }
    if (expired.length) this.settle();
    for (const row of this.rows.values()) row.tick(this.now());
  }

  announce(call) {
    const words = { caller: userPart(call.caller), dialled: call.dialled || userPart(call.callee) };
    const sentences = {
      ringing: gettext("%(caller)s calls %(dialled)s"),
      answered: gettext("%(caller)s and %(dialled)s are connected"),
    };
    if (sentences[call.state]) this.say(interpolate(sentences[call.state], words, true));
  }
}

class Row {
  constructor(call, address) {
    this.uid = call.uid;
    this.ended = 0;
    this.state = element("span.board-state");
    this.parties = element("span.board-parties");
    this.note = element("span.board-note");
    this.time = element("span.board-time");
    this.branches = element("ul.branches");
    this.link = element(
      "a.board-link",
      { href: address.replace("UID", encodeURIComponent(call.uid)), hidden: "" },
      gettext("What happened in this call"),
    );
    const summary = element("summary", icon("chevron-right", "board-fold"), this.state, this.parties, this.note, this.time);
    this.node = element("li.board-row", element("details", summary, this.branches, this.link));
    this.node.dataset.started = call.started_at;
    this.node.dataset.uid = call.uid;
  }

  show(call, now) {
    this.call = call;
    this.ended = 0;
    this.node.classList.remove("is-ended");
    this.draw(call);
    if (call.state === "ended") this.end();
    this.tick(now);
  }

  draw(call) {
    const [colour, word] = STATES[call.state] || STATES.setup;
    this.badge(colour, word());
    const callee = call.dialled || userPart(call.callee);
    const name = call.caller_name ? element("span.board-name", call.caller_name) : "";
    this.parties.replaceChildren(
      element("span.board-party", userPart(call.caller)),
      name,
      element(
        "span.board-to",
        icon("arrow-right", "icon-sm"),
        element("span.visually-hidden", gettext("calls")),
        element("span.board-party", callee),
      ),
    );
    const answerer = userPart(call.picked_by || (call.answered_by !== call.callee ? call.answered_by : ""));
    if (call.picked_by) setText(this.note, interpolate(gettext("picked up by %s"), [answerer]));
    else if (answerer) setText(this.note, interpolate(gettext("answered by %s"), [answerer]));
    else if (call.waking && ["setup", "waking", "ringing"].includes(call.state))
      setText(this.note, interpolate(ngettext("waking %s phone", "waking %s phones", call.waking), [call.waking]));
    else setText(this.note, "");
    this.branches.replaceChildren(
      ...(call.branches.length ? call.branches.map(branch) : [element("li.text-secondary", gettext("No phone has been tried yet."))]),
    );
  }

  end() {
    if (this.ended) return;
    this.ended = Date.now();
    this.node.classList.add("is-ended");
    this.link.hidden = false;
    const reason = REASONS[this.call.reason || (this.call.state === "answered" ? "answered" : "")];
    this.badge("secondary", reason ? reason() : gettext("ended"));
    this.stopped = this.call.ended_at || this.stoppedAt;
  }

  badge(colour, word) {
    this.state.replaceChildren(status(colour, word));
  }

  tick(now) {
    const call = this.call;
    const from = call.answered_at || call.started_at;
    if (!this.ended) this.stoppedAt = now;
    const until = this.ended ? call.ended_at || this.stoppedAt : now;
    setText(this.time, clock(until - from));
  }

  hideUnless(text) {
    const call = this.call;
    const words = [call.caller, call.caller_name, call.dialled, call.callee, call.answered_by, ...call.branches.map((b) => `${b.target} ${b.device}`)];
    this.node.hidden = text !== "" && !words.join(" ").toLocaleLowerCase().includes(text);
  }
}

function branch(state) {
  const [colour, word] = BRANCHES[state.state] || BRANCHES.trying;
  const source = SOURCES[state.source];
  return element(
    "li",
    element("span.branch-state", status(colour, state.code >= 300 ? `${word()} ${state.code}` : word())),
    element("span.branch-who", element("span.fw-medium", userPart(state.target)), " ", state.device || state.contact),
    element("span.branch-why", source ? source() : state.source),
  );
}
