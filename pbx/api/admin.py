"""API tokens in the back office: to look at and to revoke. They are made by `manage.py create_api_token`."""

from django.contrib import admin

from .models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    list_display = ("beginning", "name", "account", "scopes", "created_at", "expires_at", "used_at")
    list_filter = ("account",)
    search_fields = ("beginning", "name")

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False
