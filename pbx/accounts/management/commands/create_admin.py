"""The first administrator of a new installation."""

from django.core.management.base import BaseCommand

from pbx import env
from pbx.accounts import actions


class Command(BaseCommand):
    help = "Create the administrator, unless there is one: password from PBX_ADMIN_PASSWORD, or a one-time password."

    def add_arguments(self, parser):
        parser.add_argument("--username", default="admin")

    def handle(self, *, username: str, **options) -> None:
        given = env.secret("PBX_ADMIN_PASSWORD")
        password = actions.create_first_administrator(username=username, password=given)
        if password is None:
            return
        shown = "(PBX_ADMIN_PASSWORD)" if given else f"{password}  (one-time: to be changed at the first sign-in)"
        self.stdout.write(f"Administrator: {username}\nPassword: {shown}")
