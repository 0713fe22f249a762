"""The back office's view of push devices: to look at, and to remove."""

from django.contrib import admin

from . import actions
from .models import PushAttempt, PushDevice


@admin.register(PushDevice)
class PushDeviceAdmin(admin.ModelAdmin):
    list_display = ("subscriber", "provider", "masked_token", "user_agent", "state", "last_push_at", "last_wake_ms")
    list_filter = ("provider", "state")
    search_fields = ("subscriber__username", "user_agent")
    list_select_related = ("subscriber",)

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def delete_model(self, request, obj):
        actions.remove_device(obj)

    def delete_queryset(self, request, queryset):
        for device in queryset:
            actions.remove_device(device)


@admin.register(PushAttempt)
class PushAttemptAdmin(admin.ModelAdmin):
    list_display = ("at", "device", "kind", "accepted", "status", "reason", "ms", "woke_ms")
    list_filter = ("kind", "accepted")
    list_select_related = ("device",)

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
