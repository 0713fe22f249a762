"""The form an administrator meets first: a password of his own instead of the one-time one."""

from __future__ import annotations

from django.contrib.auth.forms import PasswordChangeForm

from pbx.styled_forms import Styled

__all__ = ["ChangePasswordForm"]


class ChangePasswordForm(Styled, PasswordChangeForm):
    """Django's form, as the other pages show theirs."""
