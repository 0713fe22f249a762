"""Forms as the pages show them."""

from __future__ import annotations

from typing import Any

__all__ = ["Styled"]

_CLASSES = {"checkbox": "form-check-input", "select": "form-select"}


class Styled:
    """A form whose widgets carry Bootstrap's classes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            kind = getattr(field.widget, "input_type", "")
            field.widget.attrs.setdefault("class", _CLASSES.get(kind, "form-control"))

    def full_clean(self) -> None:
        """Mark what was refused."""
        super().full_clean()
        for name in self.errors if self.is_bound else ():
            if name in self.fields:
                self.fields[name].widget.attrs["class"] += " is-invalid"
