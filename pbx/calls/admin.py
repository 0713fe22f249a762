"""The back office's view of call records: to look at."""

from django.contrib import admin

from .models import CallBranchRecord, CallRecord


class BranchInline(admin.TabularInline):
    model = CallBranchRecord
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False


@admin.register(CallRecord)
class CallRecordAdmin(admin.ModelAdmin):
    list_display = ("started_at", "caller", "dialled", "callee", "answered_by", "picked_by", "code", "reason")
    list_filter = ("reason",)
    search_fields = ("caller", "callee", "answered_by", "call_id")
    date_hierarchy = "started_at"
    inlines = (BranchInline,)

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
