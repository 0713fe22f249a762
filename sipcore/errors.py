"""Everything that may go wrong, and whose fault it is.

SipcoreError
├── RemoteError              the peer broke a rule; `status_hint` is what to answer
│   ├── MalformedMessage
│   └── RegisterRefused
├── LocalError               our code or the script asked for something the protocol forbids
│   ├── ScriptError          found when the script is loaded: UnknownEvent, BadFilter, NoSuchRoute
│   └── InvalidWord          such as replying twice
├── TooLate                  not a bug: the world moved on
│   ├── TransactionGone      the transaction has been destroyed
│   ├── TransactionFinal     a final response has been sent
│   └── TransactionCancelled the caller has cancelled
├── StoreUnavailable         Redis is away
│   └── DirectoryNotReady    no complete directory has been published yet
└── ConfigurationError
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "BadFilter",
    "ConfigurationError",
    "DirectoryNotReady",
    "InvalidWord",
    "LocalError",
    "MalformedMessage",
    "NoSuchRoute",
    "RegisterRefused",
    "RemoteError",
    "ScriptError",
    "SipcoreError",
    "StoreUnavailable",
    "TooLate",
    "TransactionCancelled",
    "TransactionFinal",
    "TransactionGone",
    "UnknownEvent",
    "line_of",
]


class SipcoreError(Exception):
    """The root of this tree."""


class RemoteError(SipcoreError):
    """The peer broke a rule."""

    def __init__(self, message: str, status_hint: int = 400, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.status_hint = status_hint
        self.headers = tuple(headers)


class MalformedMessage(RemoteError):
    """A message that breaks the grammar. `status_hint` 0: it cannot be answered, drop it."""


class RegisterRefused(RemoteError):
    """A REGISTER that must not change anything; `status_hint` and `headers` are the answer."""


class LocalError(SipcoreError):
    """Our own code or the routing script asked for something the protocol forbids."""


class ScriptError(LocalError):
    """The routing script is wrong; found when it is loaded, or when a word is used."""

    def __init__(self, message: str = "", *, line: int = 0, script: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        "The line of the script, 0 when none is to blame or none is known."
        self.script = script
        "The name of its file, once the loader has said it."

    def __str__(self) -> str:
        if not self.script:
            return self.message
        return f"{self.script}, line {self.line}: {self.message}" if self.line else f"{self.script}: {self.message}"


class UnknownEvent(ScriptError):
    """No event of that name is declared."""


class BadFilter(ScriptError):
    """A filter that names an unknown attribute, compares with nothing, or cannot be read."""


class NoSuchRoute(ScriptError):
    """No route for that."""


class InvalidWord(LocalError):
    """A word used where it makes no sense, such as replying twice."""


class TooLate(SipcoreError):
    """Not a bug: the world moved on."""


class TransactionGone(TooLate):
    """The transaction has been destroyed."""


class TransactionFinal(TooLate):
    """A final response has been sent already."""


class TransactionCancelled(TooLate):
    """The caller has cancelled."""


class StoreUnavailable(SipcoreError):
    """Redis is away. Answered 503 with Retry-After."""


class DirectoryNotReady(StoreUnavailable):
    """No complete directory has been published: not loaded is not unknown."""


class ConfigurationError(SipcoreError):
    """A setting is wrong; the message names it, what was found and what is allowed."""


def line_of(error: BaseException, file: str) -> int:
    """The line of that file which an error passed through last, 0 when it did not come through there."""
    line, traceback = 0, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == file:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
