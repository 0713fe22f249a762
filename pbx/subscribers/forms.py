"""Forms for subscribers and pickup groups. What they accept is decided by the actions; their sentences are shown as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pbx.styled_forms import Styled

from . import actions
from .models import PickupGroup, Subscriber
from .passwords import validate_password

__all__ = ["GroupForm", "PasswordForm", "SubscriberForm"]


def password_field(*, required: bool, help_text: str = "") -> forms.CharField:
    """A SIP password: `static/js/page.js` adds the buttons that show and make one. It is never sent back to the page."""
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "data-password": "", "spellcheck": "false"})
    return forms.CharField(
        label=gettext_lazy("Password"), strip=False, required=required, widget=widget, help_text=help_text
    )


def paired(form: forms.Form, first: str, second: str) -> Iterator[tuple[Model, bool, bool]]:
    """The choices that two fields share, each with whether it is ticked in the one and in the other."""
    ticked = [{str(getattr(item, "pk", item)) for item in form[name].value() or ()} for name in (first, second)]
    for choice in form.fields[first].queryset:
        key = str(choice.pk)
        yield choice, key in ticked[0], key in ticked[1]


def several(queryset: QuerySet) -> forms.ModelMultipleChoiceField:
    """Any number of rows; the template draws the check boxes."""
    return forms.ModelMultipleChoiceField(queryset=queryset, required=False)


class SubscriberForm(Styled, forms.ModelForm):
    """Create a subscriber, or change one."""

    password = password_field(required=True)
    pickup_groups = several(PickupGroup.objects.all())
    may_pick = several(PickupGroup.objects.all())

    class Meta:
        model = Subscriber
        fields = ("username", "domain", "display_name", "email", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}
        domains = list(dict.fromkeys([*settings.SIP_DOMAINS, *filter(None, [self.instance.domain])]))
        if len(domains) > 1:
            label = self.fields["domain"].label
            self.fields["domain"] = forms.ChoiceField(label=label, choices=[(domain, domain) for domain in domains])
            self.fields["domain"].widget.attrs["class"] = "form-select"
        else:
            del self.fields["domain"]
        if self.instance.pk:
            self.fields["password"].required = False
            self.fields["password"].help_text = _("Leave empty to keep the password.")
            self.initial["pickup_groups"] = self.instance.pickup_groups.all()
            self.initial["may_pick"] = self.instance.may_pick.all()

    def memberships(self) -> Iterator[tuple[Model, bool, bool]]:
        """Each group, whether calls of this subscriber can be picked up there, and whether he may pick up there."""
        return paired(self, "pickup_groups", "may_pick")

    def clean(self) -> dict[str, Any]:
        # Not super().clean(): uniqueness is the action's to judge, which has the row locked.
        cleaned = self.cleaned_data
        username, password = cleaned.get("username", ""), cleaned.get("password")
        domain = cleaned.get("domain") or self.instance.domain or settings.SIP_REALM
        twin = Subscriber.objects.filter(username=username, domain=domain).exclude(pk=self.instance.pk).first()
        if twin is not None:
            self.add_error("username", _("There is already a subscriber %s.") % twin.aor)
        if password:
            try:
                validate_password(password, username)
            except ValidationError as error:
                self.add_error("password", error)
        elif self.instance.pk and username != self.initial["username"]:
            self.add_error(
                "password", _("A new user name needs the password again: what is kept of it has the name in it.")
            )
        return cleaned

    def save(self) -> Subscriber | None:
        """Carry it out; None when the actions refused, with their sentences among the form's errors."""
        values = dict(self.cleaned_data)
        groups, may_pick = values.pop("pickup_groups"), values.pop("may_pick")
        try:
            with transaction.atomic():
                if self.instance.pk is None:
                    row = actions.create_subscriber(**values)
                else:
                    password = values.pop("password") or None
                    row = actions.update_subscriber(self.instance, password=password, **values)
                return actions.set_pickup_groups(row, groups, may_pick=may_pick)
        except ValidationError as error:
            self.add_error(None, error)
            return None


class PasswordForm(Styled, forms.Form):
    """Give a subscriber another SIP password."""

    password = password_field(required=True)

    def __init__(self, *args: Any, subscriber: Subscriber, **kwargs: Any) -> None:
        self.subscriber = subscriber
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        validate_password(self.cleaned_data["password"], self.subscriber.username)
        return self.cleaned_data["password"]

    def save(self) -> Subscriber:
        """Carry it out."""
        return actions.change_password(self.subscriber, self.cleaned_data["password"])


class GroupForm(Styled, forms.ModelForm):
    """Create a pickup group, or change one."""

    members = several(Subscriber.objects.all())
    interceptors = several(Subscriber.objects.all())

    class Meta:
        model = PickupGroup
        fields = ("name", "code", "cancel_original")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["members"] = self.instance.members.all()
            self.initial["interceptors"] = self.instance.interceptors.all()

    def people(self) -> Iterator[tuple[Model, bool, bool]]:
        """Each subscriber, whether his calls can be picked up in this group, and whether he may pick up."""
        return paired(self, "members", "interceptors")

    def clean(self) -> dict[str, Any]:
        # Not super().clean(): uniqueness is the action's to judge, which has the row locked.
        return self.cleaned_data

    def save(self) -> PickupGroup | None:
        """Carry it out; None when the actions refused, with their sentences among the form's errors."""
        try:
            if self.instance.pk is None:
                return actions.create_group(**self.cleaned_data)
            return actions.update_group(self.instance, **self.cleaned_data)
        except ValidationError as error:
            self.add_error(None, error)
            return None
