// What an event says, in a sentence. Names and attributes are those of sipcore/contract/events.py.

import { userPart } from "./dom.js";

// How a call ended.
export const REASONS = {
  answered: () => gettext("ended"),
  busy: () => gettext("busy"),
  declined: () => gettext("declined"),
  cancelled: () => gettext("caller hung up"),
  "no-answer": () => gettext("no answer"),
  unreachable: () => gettext("nobody reachable"),
  failed: () => gettext("failed"),
  lost: () => gettext("lost"),
};

// Why a phone was not pushed: `why` of E_PUSH_SUPPRESSED.
const NOT_PUSHED = {
  "no-device": () => gettext("there is no device that could be woken"),
  "already-sent": () => gettext("it was pushed for this call already"),
  coalesced: () => gettext("a push of a moment ago wakes it"),
  "rate-limit": () => gettext("it was pushed too often within the last minute or hour"),
  "call-over": () => gettext("the call was over"),
  deadline: () => gettext("nobody waited for it any more"),
  ringing: () => gettext("it rang already"),
  awake: () => gettext("it had answered for itself"),
  "provider-down": () => gettext("its provider is down"),
  expired: () => gettext("its registration ended too long ago"),
  "voip-token-only": () => gettext("it can be woken for calls alone"),
  "no-such-push": () => gettext("it can be woken for calls alone"),
};

// name: [icon, colour, sentence]; the sentence's %(…)s are the event's attributes, addresses without their domain.
const SENTENCES = {
  E_UL_AOR_INSERT: ["plug-connected", "green", () => gettext("%(aor)s is reachable")],
  E_UL_AOR_DELETE: ["plug-connected-x", "secondary", () => gettext("%(aor)s has no phone registered any more")],
  E_UL_CONTACT_INSERT: ["plug-connected", "green", () => gettext("A phone of %(aor)s registered: %(user_agent)s over %(transport)s")],
  E_UL_CONTACT_UPDATE: ["refresh", "secondary", () => gettext("A phone of %(aor)s registered again: %(user_agent)s")],
  E_UL_CONTACT_DELETE: ["plug-connected-x", "secondary", () => gettext("A phone of %(aor)s is gone: %(delete_reason)s")],
  E_UL_CONTACT_REFRESH: ["refresh", "secondary", () => gettext("A phone of %(aor)s is asked to register again")],
  E_AUTH_FAILURE: ["shield-x", "red", () => gettext("Sign-in of %(user)s from %(src_ip)s refused: %(reason)s")],
  E_CALL_STARTED: ["phone", "blue", () => gettext("%(caller)s calls %(dialled)s")],
  E_CALL_RINGING: ["bell-ringing", "orange", () => gettext("It rings at %(callee)s, called by %(caller)s")],
  E_CALL_ANSWERED: ["phone-call", "green", () => gettext("%(answered_by)s answered the call of %(caller)s")],
  E_CALL_MISSED: ["phone-off", "red", () => gettext("%(callee)s missed a call of %(caller)s: %(reason)s")],
  E_CALL_ENDED: ["phone-off", "secondary", () => gettext("The call of %(caller)s and %(callee)s ended")],
  E_BRANCH_ADDED: ["phone-incoming", "blue", () => gettext("A phone of %(aor)s is tried")],
  E_BRANCH_PROVISIONAL: ["bell", "secondary", () => gettext("A phone answered %(code)s for now: %(uri)s")],
  E_BRANCH_FINAL: ["check", "secondary", () => gettext("A phone answered %(code)s: %(uri)s")],
  E_BRANCH_CANCELLED: ["x", "secondary", () => gettext("A phone stops ringing: %(uri)s")],
  E_INJECT_REJECTED: ["alert-triangle", "orange", () => gettext("A phone could not join the call (%(why)s): %(uri)s")],
  E_WAIT_ARMED: ["clock", "indigo", () => gettext("The call waits %(seconds)s s for phones to wake up")],
  E_WAIT_CLOSED: ["clock", "secondary", () => gettext("The call waits no longer: %(why)s")],
  E_CALL_PICKUP: ["hand-grab", "purple", () => gettext("%(picker)s picks up a call to %(target)s")],
  E_CALL_PICKUP_CLAIMED: ["hand-grab", "purple", () => gettext("%(picker)s gets the call")],
  E_CALL_PICKUP_DONE: ["hand-grab", "green", () => gettext("%(picker)s has picked up the call")],
  E_CALL_PICKUP_FAILED: ["hand-grab", "red", () => gettext("%(picker)s could not pick up the call: %(why)s")],
  E_CALL_PICKUP_LOST: ["hand-grab", "orange", () => gettext("%(picker)s was too late to pick up the call: %(why)s")],
  E_PUSH_REQUESTED: ["bell", "indigo", () => gettext("%(aor)s is to be woken")],
  E_PUSH_SENT: ["bell-ringing", "indigo", () => gettext("%(provider)s took a push for %(aor)s in %(ms)s ms")],
  E_PUSH_FAILED: ["bell-off", "red", () => gettext("%(provider)s refused a push for %(aor)s: %(provider_reason)s")],
  E_PUSH_SUPPRESSED: ["bell-off", "secondary", () => gettext("No push for %(aor)s: %(why)s")],
  E_PUSH_WOKE: ["sun", "green", () => gettext("A phone of %(aor)s woke up after %(ms)s ms")],
  E_PUSH_LATE: ["moon", "yellow", () => gettext("A phone of %(aor)s woke up after the call had ended")],
  E_PUSH_TOKEN_INVALID: ["bell-off", "red", () => gettext("A phone of %(aor)s cannot be woken any more: %(reason)s")],
  E_PUSH_PROVIDER_DOWN: ["plug-connected-x", "red", () => gettext("%(provider)s is down: no push is sent through it but a try every five seconds")],
  E_PUSH_PROVIDER_UP: ["plug-connected", "green", () => gettext("%(provider)s answers again, after %(seconds)s s")],
  E_SUB_CANCELLED: ["x", "secondary", () => gettext("A subscription to %(event)s ended: %(why)s")],
  E_SUB_FAILED: ["bug", "red", () => gettext("The route for %(event)s failed in %(script)s, line %(line)s: %(error)s")],
  E_SCRIPT_ERROR: ["bug", "red", () => gettext("The routing script %(script)s, line %(line)s: %(error)s")],
  E_LIMIT_HIT: ["alert-triangle", "red", () => gettext("A limit was reached: %(limit)s = %(value)s")],
  E_NODE_UP: ["server-2", "green", () => gettext("The SIP worker %(worker)s is up")],
  E_NODE_DOWN: ["server-2", "red", () => gettext("The SIP worker %(worker)s is down: %(why)s")],
};

const ADDRESSES = new Set(["aor", "caller", "callee", "picker", "target", "answered_by"]);

export function describe(event) {
  const [symbol, colour, sentence] = SENTENCES[event.name] || ["activity", "secondary", () => event.name];
  const words = {};
  for (const [name, value] of Object.entries(event.attributes)) {
    words[name] = ADDRESSES.has(name) ? userPart(String(value)) : String(value);
    if (name === "line" && value === 0) words[name] = ""; // nobody knows it
    if (name === "reason" && REASONS[value]) words[name] = REASONS[value]();
    if (event.name === "E_PUSH_SUPPRESSED" && name === "why" && NOT_PUSHED[value]) words[name] = NOT_PUSHED[value]();
  }
  const text = sentence().replace(/%\((\w+)\)s/g, (_, name) => words[name] || "–");
  return { symbol, colour, text };
}
