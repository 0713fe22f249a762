"""The form that adds a push device by hand."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from pbx.styled_forms import Styled
from pbx.subscribers.models import Subscriber

from . import actions
from .models import PushDevice
from .providers import REGISTRY

__all__ = ["DeviceForm"]


class DeviceForm(Styled, forms.Form):
    """A device whose phone reports its token some other way than by REGISTER."""

    subscriber = forms.ModelChoiceField(label=_("Subscriber"), queryset=Subscriber.objects.all())
    provider = forms.ChoiceField(label=_("Provider"))
    param = forms.CharField(
        label=_("Application"),
        max_length=255,
        required=False,
        help_text=_("APNs: team and bundle id; FCM: the project id; Acrobits: the AppId; otherwise empty."),
    )
    token = forms.CharField(
        label=_("Push token"),
        max_length=4096,
        help_text=_(
            "Web Push: the subscription as JSON; Acrobits: selector and token, with a space between. It is stored encrypted"
            " and shown masked from now on."
        ),
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    instance_id = forms.CharField(
        label=_("Instance"),
        max_length=255,
        required=False,
        help_text=_(
            "The phone's +sip.instance, by which its registration is known; a test wake and statistics use it."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["provider"].choices = [(name, name) for name in sorted(REGISTRY)]

    def save(self) -> PushDevice | None:
        """Carry it out; None when the action refused, with its sentences among the form's errors."""
        try:
            return actions.add_device(**self.cleaned_data)
        except ValidationError as error:
            self.add_error(None, error)
            return None
