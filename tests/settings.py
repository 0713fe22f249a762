"""The product's settings, as the tests run it."""

from pbx.settings import *  # noqa: F403
from pbx.settings import DATABASES, STORAGES

# A pool keeps connections open, and the test database could not be dropped.
DATABASES["default"]["OPTIONS"].pop("pool", None)

# Argon2 is slow on purpose; that is its upstream's to test.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Hashed names would need a collectstatic before each run.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
