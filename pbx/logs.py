"""What is logged and how: a line to standard error, which whoever started the process prefixes and keeps.

INFO is one line for each push or reconciliation, WARNING needs somebody some day, ERROR now. Tokens, passwords and their
hashes are in no line.
"""

__all__ = ["LOGGING"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # The HTTP client logs the addresses that it calls, and Apple's and the browsers' have the token in them.
    # A page that is not there is the visitor's mistake and no warning of ours.
    "loggers": {
        "pbx": {"level": "INFO"},
        "httpx2": {"level": "WARNING"},
        "httpcore2": {"level": "WARNING"},
        "hpack": {"level": "WARNING"},
        "h2": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
    },
}
