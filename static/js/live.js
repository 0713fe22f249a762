// The WebSocket of /ws/v1/events: snapshot, numbered changes, and how to come back after a drop.
//
// `new Live({calls, events, state})` takes handlers: calls.snapshot(list), calls.changed(call), calls.gone(uid),
// events.snapshot(list, gap), events.happened(event), events.dropped(count), state(name, fetched). A change is handed on only
// when its number follows the last one; a hole asks the server for a snapshot, and after a drop the server is told how far
// we have come. States: connecting, live, reconnected (with how many events were fetched), stale (the server has lost its
// own source), lost, refused.

const FIRST_DELAY = 500; // ms
const LONGEST_DELAY = 15000; // ms
const SILENCE = 50000; // ms; the server pings every 20 s
const NOT_SIGNED_IN = 4001;
const FORBIDDEN = 4003;

export class Live {
  constructor(handlers) {
    this.handlers = handlers;
    this.topics = ["calls", "events"].filter((topic) => handlers[topic]);
    this.seq = {};
    this.cursor = null; // of the last event
    this.delay = FIRST_DELAY;
    this.skew = 0; // server's clock minus ours, in seconds
    this.wasLive = false;
    addEventListener("online", () => this.connect());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.connect();
    });
    // A page that is kept for the back button has lost its socket meanwhile.
    addEventListener("pageshow", (shown) => shown.persisted && this.connect());
    this.connect();
  }

  // The server's time in epoch seconds.
  now() {
    return Date.now() / 1000 + this.skew;
  }

  connect() {
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.retry);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/v1/events`);
    this.socket = socket;
    if (!this.wasLive) this.become("connecting");
    socket.onopen = () => {
      const resume = {};
      if (this.seq.calls !== undefined) resume.calls = this.seq.calls;
      if (this.cursor) resume.events = this.cursor;
      this.say({ op: "subscribe", topics: this.topics, resume_from: resume });
    };
    socket.onmessage = (message) => {
      this.watch();
      this.hear(JSON.parse(message.data));
    };
    socket.onclose = (closed) => {
      if (socket === this.socket) this.lost(closed.code);
    };
    this.watch();
  }

  say(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  hear(frame) {
    if (frame.now) this.skew = frame.now - Date.now() / 1000;
    const handler = this.handlers[frame.topic];
    switch (frame.op) {
      case "ping":
        this.say({ op: "pong" });
        break;
      case "status":
        if (!frame.live) this.become("stale"); // when it is back, a snapshot says so
        break;
      case "snapshot":
        this.seq[frame.topic] = frame.seq;
        if (frame.cursor) this.cursor = frame.cursor;
        handler.snapshot(frame[frame.topic], frame.gap === true);
        this.arrived();
        break;
      case "resumed":
        this.seq[frame.topic] = frame.seq;
        this.arrived();
        if (frame.topic === "events") {
          this.cursor = frame.cursor;
          handler.snapshot(frame.events, false);
          if (frame.events.length) this.handlers.state?.(this.state, frame.events.length);
        }
        break;
      case "dropped":
        handler.dropped?.(frame.count);
        break;
      case "event":
        if (frame.seq !== this.seq[frame.topic] + 1) {
          if (frame.seq > this.seq[frame.topic]) this.say({ op: "resync", topic: frame.topic });
          return;
        }
        this.seq[frame.topic] = frame.seq;
        if (frame.type === "call.gone") handler.gone(frame.data.uid);
        else if (frame.type === "call.changed") handler.changed(frame.data);
        else {
          this.cursor = frame.cursor;
          handler.happened(frame.data);
        }
    }
  }

  arrived() {
    this.delay = FIRST_DELAY;
    if (this.state === "live" || this.state === "reconnected") return;
    this.become(this.wasLive ? "reconnected" : "live");
    this.wasLive = true;
  }

  lost(code) {
    clearTimeout(this.silence);
    if (code === NOT_SIGNED_IN) return location.reload(); // leads to the sign-in page
    if (code === FORBIDDEN) return this.become("refused");
    this.become("lost");
    const delay = this.delay * (0.5 + Math.random() / 2);
    this.delay = Math.min(this.delay * 2, LONGEST_DELAY);
    this.retry = setTimeout(() => this.connect(), delay);
  }

  // A connection that died without a word is noticed by its silence.
  watch() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      const socket = this.socket;
      this.socket = null;
      socket.close();
      this.lost(1006);
    }, SILENCE);
  }

  become(state) {
    if (state === this.state) return;
    this.state = state;
    this.handlers.state?.(state, 0);
  }
}
