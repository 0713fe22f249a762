"""The back office's view of subscribers and groups. Every write goes through the actions."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from . import actions, dial_codes
from .models import PickupGroup, Subscriber
from .passwords import validate_password


class SubscriberForm(forms.ModelForm):
    password = forms.CharField(
        label=_("password"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Leave empty to keep it. A new user name needs the password again."),
    )

    class Meta:
        model = Subscriber
        fields = ("username", "domain", "display_name", "email", "enabled")

    def clean(self):
        cleaned = super().clean()
        username = cleaned.get("username", "")
        if not self.instance.pk or "username" in self.changed_data or cleaned.get("password"):
            try:
                validate_password(cleaned.get("password", ""), username)
            except ValidationError as error:
                self.add_error("password", error)
        if "username" in self.changed_data:
            dial_codes.validate_username(username)
        return cleaned


@admin.register(Subscriber)
class SubscriberAdmin(admin.ModelAdmin):
    form = SubscriberForm
    list_display = ("username", "domain", "display_name", "enabled", "published")
    list_filter = ("enabled", "domain")
    search_fields = ("username", "display_name", "email")
    readonly_fields = ("created_at", "updated_at", "published_at")

    @admin.display(boolean=True, description=_("published"))
    def published(self, subscriber: Subscriber) -> bool:
        return not subscriber.is_pending

    def save_model(self, request, obj, form, change):
        profile = {name: form.cleaned_data[name] for name in SubscriberForm.Meta.fields}
        password = form.cleaned_data["password"]
        if change:
            row = actions.update_subscriber(obj, password=password or None, **profile)
        else:
            row = actions.create_subscriber(password=password, **profile)
        _become(obj, row)

    def delete_model(self, request, obj):
        actions.delete_subscriber(obj)

    def delete_queryset(self, request, queryset):
        for subscriber in queryset:
            actions.delete_subscriber(subscriber)


class PickupGroupForm(forms.ModelForm):
    class Meta:
        model = PickupGroup
        fields = ("name", "code", "cancel_original", "members", "interceptors")

    def clean(self):
        cleaned = super().clean()
        if "code" in self.changed_data and cleaned.get("code"):
            dial_codes.validate_group_code(cleaned["code"])
        return cleaned


@admin.register(PickupGroup)
class PickupGroupAdmin(admin.ModelAdmin):
    form = PickupGroupForm
    list_display = ("name", "code", "cancel_original")
    search_fields = ("name", "code")
    filter_horizontal = ("members", "interceptors")

    def save_model(self, request, obj, form, change):
        if change:
            row = actions.update_group(obj, **form.cleaned_data)
        else:
            row = actions.create_group(**form.cleaned_data)
        _become(obj, row)

    def save_related(self, request, form, formsets, change):
        """Members and interceptors were saved with the group, in one transaction."""

    def delete_model(self, request, obj):
        actions.delete_group(obj)

    def delete_queryset(self, request, queryset):
        for group in queryset:
            actions.delete_group(group)


def _become(obj, row) -> None:
    """Let the object that the admin goes on with be the row that was written."""
    obj.pk = row.pk
    obj.refresh_from_db()
