"""What the templates say often: icons, badges, clocks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

register = template.Library()

SPRITE = "vendor/tabler-icons-3.51.0/sprite.svg"

PRESENCE: Mapping[str, tuple[str, Any]] = {
    "in-call": ("azure", gettext_lazy("in call")),
    "ringing": ("orange", gettext_lazy("ringing")),
    "online": ("green", gettext_lazy("online")),
    "asleep": ("indigo", gettext_lazy("asleep")),
    "offline": ("secondary", gettext_lazy("offline")),
    "suspended": ("red", gettext_lazy("suspended")),
    "unknown": ("secondary", gettext_lazy("unknown")),
}

OUTCOMES: Mapping[str, tuple[str, Any]] = {
    "answered": ("green", gettext_lazy("answered")),
    "busy": ("orange", gettext_lazy("busy")),
    "declined": ("orange", gettext_lazy("declined")),
    "cancelled": ("secondary", gettext_lazy("caller hung up")),
    "no-answer": ("orange", gettext_lazy("no answer")),
    "unreachable": ("red", gettext_lazy("nobody reachable")),
    "failed": ("red", gettext_lazy("failed")),
    "lost": ("red", gettext_lazy("lost")),
}

BRANCHES: Mapping[str, tuple[str, Any]] = {
    "trying": ("secondary", gettext_lazy("trying")),
    "ringing": ("orange", gettext_lazy("ringing")),
    "answered": ("green", gettext_lazy("answered")),
    "cancelled": ("secondary", gettext_lazy("cancelled")),
    "failed": ("red", gettext_lazy("failed")),
}

SOURCES: Mapping[str, Any] = {
    "lookup": gettext_lazy("was registered"),
    "event": gettext_lazy("registered while it rang"),
    "msg": gettext_lazy("registered while it rang"),
    "script": gettext_lazy("added by the script"),
    "pickup": gettext_lazy("picked up"),
}

BINDINGS: Mapping[str, Any] = {
    "transaction": gettext_lazy("ends with the request"),
    "dialog": gettext_lazy("ends with the call"),
    "registration": gettext_lazy("ends with the registration"),
    "none": gettext_lazy("ends by its time alone"),
}
"What ends a subscription beside its time."

DEVICES: Mapping[str, tuple[str, Any]] = {
    "unknown": ("secondary", gettext_lazy("not tried yet")),
    "works": ("green", gettext_lazy("works")),
    "refused": ("red", gettext_lazy("refused")),
}

PROVIDERS: Mapping[str, tuple[str, Any]] = {
    "works": ("green", gettext_lazy("works")),
    "unknown": ("secondary", gettext_lazy("not tried yet")),
    "trouble": ("orange", gettext_lazy("in trouble")),
    "refused": ("red", gettext_lazy("credentials refused")),
    "down": ("red", gettext_lazy("down")),
}


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """An icon of the sprite; what it means is said by words beside it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>', classes, static(SPRITE), name
    )


def _badge(words: Mapping[str, tuple[str, Any]], value: str) -> SafeString:
    colour, word = words.get(value, ("secondary", value))
    return format_html('<span class="status status-{}"><span class="status-dot"></span>{}</span>', colour, word)


@register.simple_tag
def outcome(value: str) -> SafeString:
    """How a call ended: dot and word."""
    return _badge(OUTCOMES, value)


@register.simple_tag
def branch_state(value: str) -> SafeString:
    """How a branch stands: dot and word."""
    return _badge(BRANCHES, value)


@register.simple_tag
def device_state(value: str) -> SafeString:
    """Whether a device can be woken: dot and word."""
    return _badge(DEVICES, value)


@register.simple_tag
def provider_state(value: str) -> SafeString:
    """Whether a push provider works: dot and word."""
    return _badge(PROVIDERS, value)


@register.simple_tag
def presence(value: str, aor: str = "", wakeable: bool = False) -> SafeString:
    """Dot and word; with an address-of-record the page keeps it up to date (static/js/presence.js)."""
    colour, word = PRESENCE.get(value, PRESENCE["unknown"])
    kept = format_html(' data-presence="{}" data-aor="{}" data-wakeable="{}"', value, aor, str(bool(wakeable)).lower())
    return format_html(
        '<span class="status status-{} presence"{}><span class="status-dot"></span><span>{}</span></span>',
        colour,
        kept if aor else "",
        word,
    )


@register.filter
def source(value: str) -> str:
    """Why a phone was tried."""
    return SOURCES.get(value, value)


@register.simple_tag
def moment(value: datetime | None, absent: str = "–") -> SafeString:
    """A time in the server's zone; the browser says it again in its own (static/js/page.js)."""
    if value is None:
        return format_html('<span class="text-secondary">{}</span>', absent)
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}">{}</time>', value.isoformat(timespec="milliseconds"), local.strftime("%Y-%m-%d %H:%M:%S")
    )


@register.filter
def clock(value: timedelta | None) -> str:
    """A duration as `m:ss` or `h:mm:ss`."""
    if value is None:
        return "–"
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@register.filter
def user_part(aor: str) -> str:
    """What a person calls an address-of-record: its user part."""
    return aor.partition("@")[0].removeprefix("sip:")


@register.filter
def is_checkbox(bound_field: Any) -> bool:
    """Whether the field is ticked rather than filled in."""
    return getattr(bound_field.field.widget, "input_type", "") == "checkbox"


@register.filter
def starts_with(text: str, beginning: str) -> bool:
    """Whether a path lies below another."""
    return text.startswith(beginning)


@register.filter
def outcome_word(value: str) -> Any:
    """How a call ended, in words."""
    return OUTCOMES[value][1]


@register.filter
def seconds(milliseconds: int | None) -> str:
    """Milliseconds as `1.8 s`."""
    return "–" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


@register.filter
def minutes(duration: timedelta) -> int:
    """A duration in whole minutes."""
    return int(duration.total_seconds() // 60)


@register.filter
def binding_word(value: str) -> Any:
    """What ends a subscription beside its time, in words."""
    return BINDINGS.get(value, value)


@register.filter
def seconds_word(value: float) -> str:
    """Seconds as `3.2 s`, `41 s`, or from a minute on as a clock; static/js/subscriptions.js writes the same."""
    if value < 60:
        return _("%s s") % (f"{value:.1f}" if value < 10 else f"{value:.0f}")
    return clock(timedelta(seconds=value))


@register.filter
def from_epoch(value: float) -> datetime:
    """Epoch seconds as a moment."""
    return datetime.fromtimestamp(value, UTC)


@register.filter
def gist(attributes: Mapping[str, Any]) -> str:
    """The first few attributes of an event, on one line."""
    return ", ".join(f"{name}={value}" for name, value in list(attributes.items())[:4] if value not in ("", None))


@register.filter
def as_text(value: Any) -> str:
    """A plain JSON value for people: lists without brackets."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    return value if isinstance(value, str) else json.dumps(value)
