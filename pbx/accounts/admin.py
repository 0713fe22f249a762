from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.utils.translation import gettext_lazy as _

from .models import Account


@admin.register(Account)
class AccountAdmin(UserAdmin):
    list_display = ("username", "email", "is_staff", "is_active", "must_change_password", "last_login")
    fieldsets = (*UserAdmin.fieldsets, (_("Sign-in"), {"fields": ("must_change_password",)}))
