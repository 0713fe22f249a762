"""What the web side asks SIP workers, and how they answer.

A question is a message on a worker's channel with `op` and `reply`, the key of a list that the answer is pushed to. Nothing
is written for it while nobody asks: live subscriptions are told by whoever has them.
"""

from __future__ import annotations

__all__ = ["ANSWER_LIFE", "CANCEL", "LIST", "MATCH", "MOST_LISTED"]

LIST = "subscriptions"
"""Which subscriptions are live? `text`, `event` and `call` narrow; `before` is `[created_at, id]` of the last one known, the
newest come first; `limit`. Answer: `items`, and `total` without regard to `before`, of which `shared` are durable: those
every worker has, and the same ones."""

MATCH = "match"
"""Which live subscriptions would this event match? `event`: an Event; `limit`. Answer: `items` with `matches` and `failed`, the
positions of the conditions that do not hold, those that match first; `total`; `matches`, how many of them; `shared` and
`shared_matches`, how many of those are durable."""

CANCEL = "cancel"
"""End the subscription `sub`, and never let it fire again. Answer: `cancelled`, and what it was as `item`."""

ANSWER_LIFE = 10  # seconds an answer waits for whoever asked
MOST_LISTED = 500  # subscriptions in one answer
