"""Signing in, signing out, changing one's password; the templates are `templates/registration/`."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import views
from django.utils.translation import gettext as _

from . import actions
from .forms import ChangePasswordForm


class SignIn(views.LoginView):
    redirect_authenticated_user = True


class SignOut(views.LogoutView):
    pass


class ChangePassword(views.PasswordChangeView):
    form_class = ChangePasswordForm
    success_url = "/"

    def form_valid(self, form):
        response = super().form_valid(form)
        actions.password_changed(form.user)
        messages.success(self.request, _("The password has been changed."))
        return response
