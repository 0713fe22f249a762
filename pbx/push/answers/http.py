"""What a receiver of the signed HTTP push may answer (docs/push.md)."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from . import ours
from .meaning import Meaning, Verdict

__all__ = ["MEANINGS"]

DEAD = Meaning(
    Verdict.DEAD_TOKEN,
    _("The token is dead."),
    _("The receiver does not know it any more: the app was removed or signed out."),
    _("Nothing: it is used again as soon as the phone registers it again."),
)
SIGNATURE = Meaning(
    Verdict.CREDENTIALS,
    _("The receiver does not accept our signature."),
    _("PBX_PUSH_HTTP_SECRET differs from the receiver's secret, or the clocks of both are minutes apart."),
    _("Set the same secret at both ends, and check the clock of this host."),
)

MEANINGS: Mapping[str, Meaning] = {
    "404": DEAD,
    "410": DEAD,
    "401": SIGNATURE,
    "403": SIGNATURE,
    "429": ours.THROTTLED,
}
