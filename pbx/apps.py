"""The project as an app of its own: what every process of the web side needs loaded."""

from django.apps import AppConfig


class PbxConfig(AppConfig):
    name = "pbx"

    def ready(self) -> None:
        # Celery: so that a job handed over by a page goes to our broker, and not to the default application's.
        from . import celery, checks  # noqa: F401
