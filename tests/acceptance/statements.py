"""The acceptance statements of the specification, each in a few words of ours, and what the tests cannot say of them.

The numbers are the specification's. Which tests prove a statement stands in their markers and nowhere here; here stands
why a statement needs no proof (`NOT_APPLICABLE`), and which part of one that has tests is still missing (`STILL_MISSING`).
"""

from __future__ import annotations

__all__ = ["GROUPS", "MUST", "NOT_APPLICABLE", "SHOULD", "STATEMENTS", "STILL_MISSING"]


def _numbers(text: str) -> frozenset[str]:
    """H01-H05 H07 … as a set."""
    found = set()
    for part in text.split():
        first, _, last = part.partition("-")
        found.update(f"H{number:02}" for number in range(int(first[1:]), int((last or first)[1:]) + 1))
    return frozenset(found)


MUST = _numbers(
    "H01-H05 H07 H10 H12-H14 H19-H24 H28-H30 H33-H38 H40-H42 H46 H48 H50 H51 H54-H56 H63-H65 H72 H75 H80-H90 H98 H108"
)
"What a first release has to show."

SHOULD = (
    _numbers("H06 H08 H11 H16 H20 H25-H27 H31-H32 H34 H47 H49 H52 H58 H66-H71 H76-H79 H91-H94 H99 H100 H102") - MUST
)

GROUPS = {
    "Subscriptions and filters": _numbers("H01-H20"),
    "Holding and injecting": _numbers("H21-H45"),
    "CANCEL, timers, final answers": _numbers("H46-H62"),
    "Registration and push (RFC 8599)": _numbers("H63-H79"),
    "Call pickup": _numbers("H80-H99"),
    "Several workers, load, faults": _numbers("H100-H108"),
}

STATEMENTS = {
    "H01": "a subscription of 5 s fires for each match within it, in order, and not a millisecond later",
    "H02": "`once` fires once, however close together two matches are",
    "H03": "a filter with an empty value is an error, and nothing is subscribed",
    "H04": "a filter on an attribute that the event does not have is an error that lists those it has",
    "H05": "dialling `*` matches nobody's REGISTER",
    "H06": "`glob()` matches the whole value or not at all",
    "H07": "the same user of another domain never matches",
    "H08": "two conditions must both hold",
    "H09": "numbers are compared as numbers",
    "H10": "the final answer of a call ends its subscriptions within 10 ms, and says so",
    "H11": "10 000 subscriptions to an event that never comes leave nothing behind when they expire",
    "H12": "a script with an unknown event is refused with its line, and the old one goes on",
    "H13": "a handler that raises costs its own subscription, not the call nor other handlers",
    "H14": "waiting ends in exactly one of match, timeout and cancelled, on time",
    "H15": "events raised by handlers of events are bounded, and the limit is told",
    "H16": "among 50 000 live subscriptions a REGISTER evaluates at most five filters",
    "H17": "a durable subscription outlives a restart, and keeps its end",
    "H18": "a subscription that starts at a place in the log gets what followed, without gap or duplicate",
    "H19": "changing a filter after subscribing changes nothing; no call sees another's",
    "H20": "the page of subscriptions shows each with its owner; one that is ended there never fires, and the audit says who",
    "H21": "a call to a sleeping phone gets 100, brings one push, and no final answer before the window ends",
    "H22": "the phone that wakes gets exactly one INVITE, after its REGISTER, over the same flow; the record names it",
    "H23": "a phone that only refreshes its contact is injected just the same",
    "H24": "two REGISTERs of one phone bring one INVITE",
    "H25": "a phone that comes back on another port is called there, and what the first says is ignored",
    "H26": "a phone that could not be reached is tried again once it registers, with the same contact too",
    "H27": "a phone that declined is not called again, and the refusal is told",
    "H28": "a ringing phone that refreshes its registration gets no second INVITE",
    "H29": "a challenged REGISTER raises nothing and injects nothing",
    "H30": "a phone that registers between subscribing, looking and pushing gets one INVITE",
    "H31": "a hold for two takes two, refuses the third, and does not outlast them",
    "H32": "with no more branches to come the last answer is the caller's at once",
    "H33": "when nobody wakes the caller gets 480 with cause 20 at the end of the window",
    "H34": "a busy desk phone is reported when the window of the sleeping one ends, not before",
    "H35": "when every push is refused the call ends with 480 within a second, and the tokens are gone",
    "H36": "with the provider down nothing is sent to it, and the caller gets 480 after a short grace",
    "H37": "injecting too late says final, cancelled or gone, and sends nothing",
    "H38": "a contact behind a closed connection is not connected to; the hold goes on",
    "H39": "more contacts than the limit: the best are tried, the rest told, nothing breaks",
    "H40": "a contact that cannot be sent to does not spoil the others",
    "H41": "6xx ends the call for all phones, or for its own alone, as is set",
    "H42": "an injected branch stays in the path of the call like any other",
    "H43": "an injected branch follows the Path of its registration",
    "H44": "a MESSAGE waits for a sleeping phone, but not longer than its sender",
    "H45": "a hold where it makes no sense is a typed error",
    "H46": "a caller who gives up while only waiting gets 487 at once; nothing is pushed after it",
    "H47": "a pushed phone that wakes after the caller gave up is shown the call and its end",
    "H48": "no CANCEL before a provisional; then at once",
    "H49": "an answer that crosses the caller's CANCEL is acknowledged and hung up",
    "H50": "phones are told that another answered, and are not told so when the caller gave up",
    "H51": "of two answers the caller sees one; the other is hung up within 500 ms",
    "H52": "a phone's ring timer ends that phone and not the wait for others",
    "H53": "a phone that rings for ever does not outlast the call",
    "H54": "a phone's 503 never reaches the caller as such",
    "H55": "a caller who cancelled nothing never gets 487",
    "H56": "an INVITE sent again while waiting is absorbed, with no second push",
    "H57": "a caller whose connection closes while waiting is gone after a grace",
    "H58": "180 once the provider has taken the push, if that is the policy",
    "H59": "early media comes from one phone alone",
    "H60": "a forked call with 100rel does not hang: each PRACK reaches its phone",
    "H61": "voicemail is tried before a call fails",
    "H62": "an orderly stop refuses new calls, ends those that wait, and keeps registrations",
    "H63": "a REGISTER with push parameters is told that it can be woken",
    "H64": "an unknown push provider is 555, and binds nothing",
    "H65": "asking for push support makes no binding that can be pushed",
    "H66": "a phone that asks is told how long before expiry it will be woken to refresh",
    "H67": "the VAPID key is announced with webpush and only with it",
    "H68": "an expiry too short to wake a phone is 423",
    "H69": "a phone that cannot refresh by itself is woken once before its binding expires",
    "H70": "a new token replaces the old one; a waiting call is injected once",
    "H71": "a handset that logs in as somebody else is no longer pushed for the first",
    "H72": "push parameters leave the PBX for nobody, nor for its logs",
    "H73": "a phone that unregisters is no longer waited for",
    "H74": "two contacts in one REGISTER are both honoured",
    "H75": "the push names the Call-ID that the phone will see",
    "H76": "many calls to one sleeping phone bring few pushes, and all are injected",
    "H77": "a provider that speaks of an older registration does not cost the new token",
    "H78": "a push is tried again once, soon, and never after the end of the call",
    "H79": "a caller's name is data in the push, whatever it contains",
    "H80": "dialling the code moves the call; the original stops as the group is set to",
    "H81": "an unreachable picker costs the original nothing, and the claim is released in 5 s",
    "H82": "of two pickers exactly one has the call, the other is told within a second",
    "H83": "two pickers take two calls, the oldest first",
    "H84": "one dialling takes one call",
    "H85": "an original that answers first has the call, and the picker no missed one",
    "H86": "a caller who gives up takes the call from both",
    "H87": "nothing to pick up is 480 at once, with no pickup told",
    "H88": "a stranger claims nothing",
    "H89": "who may not pick is refused and told nothing of the call",
    "H90": "a phone with one line has ended its own call before it is rung",
    "H91": "directed pickup of an extension that rings in a group",
    "H92": "a call that is talking is not picked",
    "H93": "pickup by INVITE with Replaces, for busy lamps",
    "H94": "a call that only waits for a sleeping phone can be picked",
    "H95": "the picker may be on another worker than the call",
    "H96": "a worker that dies holds no claim longer than 5 s",
    "H97": "a picker whose phone rings already gets no second INVITE",
    "H98": "one record and one order of events for a picked call, and no missed call for the original",
    "H99": "a key held down does not sweep the board",
    "H100": "a call held on one worker, the phone registering on another: injected within 100 ms",
    "H101": "without Redis the worker serves what it has and says so; nothing is injected twice afterwards",
    "H102": "what several workers hear is handled once, by the owner",
    "H103": "a worker that reads its state at the start raises no events for it",
    "H104": "500 REGISTER/s beside 5 000 held calls: none lost, 30 ms to the INVITE",
    "H105": "a script that blocks is refused when it is loaded, or found out and told",
    "H106": "a wall clock that jumps changes no deadline",
    "H107": "concurrent injections into one call are serialised",
    "H108": "whatever the order of events: one final answer, every branch closed, nothing left over",
}

NOT_APPLICABLE: dict[str, str] = {
    "H61": "there is no voicemail: the product carries no media",
    "H91": "there are no ring groups; `**` takes what rings at an extension, as the tests of H92 begin",
    "H103": "workers do not replicate bindings to one another; a start reads them from the store and raises nothing",
}

STILL_MISSING: dict[str, str] = {
    "H104": "the 30 ms are measured by `benchmarks/avalanche.py`, and not asserted",
}
"Of a statement that has tests: what they do not show yet."
