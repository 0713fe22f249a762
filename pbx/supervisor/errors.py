"""Why the product cannot start, in sentences for the person who started it."""

from __future__ import annotations

__all__ = ["CannotStart", "WrongSetting"]


class CannotStart(Exception):
    """One or more sentences, each naming the setting or the place where it can be mended."""

    def __init__(self, *sentences: str) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


class WrongSetting(CannotStart):
    """A setting that cannot be used: its name, what was found, and what is allowed."""

    def __init__(self, name: str, found: object, allowed: str) -> None:
        super().__init__(f"{name} is {str(found)!r}; allowed is {allowed}.")
