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
    # A page that is not there is the visitor's mistake and no warning of ours.
    "loggers": {"pbx": {"level": "INFO"}, "django.request": {"level": "ERROR"}},
}
