"""What Django publishes about subscribers and pickup groups, for workers to read."""

from __future__ import annotations

from collections.abc import Mapping

from .records import Record

__all__ = ["CANCEL_ORIGINAL", "PickupGroupRecord", "SubscriberRecord"]

CANCEL_ORIGINAL = ("when_ringing", "after_answer", "at_once")
"When the original branches of a picked call are cancelled: the picker's phone rings, answers, or is sent the INVITE."


class SubscriberRecord(Record, frozen=True):
    """What the SIP side knows about one subscriber. Written by Django, read by workers."""

    aor: str
    "user@domain; the domain in lower case."
    username: str
    "The digest username, which is the user part of the AoR."
    realm: str
    "The realm that the HA1 values were made for."
    ha1: Mapping[str, str]
    "Digest HA1 by algorithm name (MD5, SHA-256); the password itself is never stored."
    display_name: str = ""
    enabled: bool = True
    pickup_groups: tuple[str, ...] = ()
    "Ids of the groups this subscriber is a member of: his ringing calls can be picked there."
    may_pick: tuple[str, ...] = ()
    "Ids of the groups this subscriber is an interceptor of: he may pick calls of its members."
    push_devices: int = 0
    "How many usable push devices exist; their tokens stay in Postgres."
    revision: int = 0

    def __repr__(self) -> str:
        return f"<SubscriberRecord {self.aor} revision={self.revision}>"  # an HA1 is as good as the password


class PickupGroupRecord(Record, frozen=True):
    """A pickup group as the SIP side sees it."""

    id: str
    name: str
    code: str = ""
    "A dial code of its own that picks from this group alone; empty when it has none."
    cancel_original: str = "when_ringing"
    "One of CANCEL_ORIGINAL."
