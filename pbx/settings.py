"""Django's settings, in the order of Django's own reference.

Everything an operator may set comes from the environment through `env.py`; what is wrong there is judged by the system
checks (`checks.py`) and never raises here. Protocol timers are not settings: they belong to the SIP side.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sipcore.contract import event_log
from sipcore.contract.broker import broker_beside

from . import env
from .logs import LOGGING  # noqa: F401 - a setting of its own file

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.DATA_DIR

# Core

DEBUG = env.flag("PBX_DEBUG")
SECRET_KEY = env.secret("SECRET_KEY") or env.kept_secret(DATA_DIR / "secret_key")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")

SIP_DOMAINS = [domain.lower() for domain in env.words("PBX_DOMAINS", "localhost")]
SIP_REALM = SIP_DOMAINS[0]  # the domain of new subscribers, and what their HA1 is made for

PICKUP_CODES = env.words("PBX_PICKUP_CODE", "33,*8")
PICKUP_DIRECTED = env.word("PBX_PICKUP_DIRECTED", "**")

# The names and addresses of this host, and what the operator adds. A page opened by any other name is refused, which
# keeps a hostile site from rebinding its own name to this address. "*" turns that off.
ALLOWED_HOSTS = [*env.own_hosts(), *SIP_DOMAINS, *env.words("PBX_ALLOWED_HOSTS")]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "axes",
    "pbx",
    "pbx.accounts",
    "pbx.subscribers",
    "pbx.push",
    "pbx.calls",
    "pbx.audit",
    "pbx.api",
    "pbx.dashboard",
    "pbx.supervisor",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "pbx.security.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "pbx.accounts.middleware.PasswordChangeRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it turns a locked-out sign-in into a 429
]

ROOT_URLCONF = "pbx.urls"
ASGI_APPLICATION = "pbx.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Databases

DATABASE_URL = env.secret("DATABASE_URL")
DATABASES = {"default": env.database(DATABASE_URL)}
DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 0, "max_size": 8, "timeout": 5}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.secret("REDIS_URL") or "redis://127.0.0.1:6379/0"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels.layers.InMemoryChannelLayer",
        "CONFIG": {"capacity": 5000, "expiry": 60, "group_expiry": 30 * 86400},
    }
}

# Signing in

AUTH_USER_MODEL = "accounts.Account"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # a NAT with many people is not locked out as one
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_LOCKOUT_TEMPLATE = "registration/locked_out.html"
AXES_VERBOSE = False

# Security

HTTPS = env.flag("PBX_HTTPS")  # the pages are reached through a TLS proxy that sets X-Forwarded-Proto
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 30 * 86400 if HTTPS else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 14 * 86400
SESSION_COOKIE_NAME = "pbx_session"  # cookies know no ports: another Django on this host must not sign us out
CSRF_COOKIE_NAME = "pbx_csrf"
CSRF_COOKIE_SAMESITE = SESSION_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Languages, times, files

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ko", "한국어")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.word("TZ", "UTC")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"] if (BASE_DIR / "static").is_dir() else []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "pbx.static_storage.HashedStaticFiles"},
}

# Celery: threads, late acknowledgement, and a sweep that brings a killed worker's job back within 60 s

CELERY_BROKER_URL = env.secret("PBX_BROKER_URL") or broker_beside(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "pbx:celery:",
    "visibility_timeout": 60,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 3,
}
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_ACKS_LATE = CELERY_TASK_REJECT_ON_WORKER_LOST = CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ROUTES = {"pbx.push.*": {"queue": "push"}}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "heartbeat": {"task": "pbx.heartbeat", "schedule": 10, "options": {"expires": 10}},
    "drain-call-records": {"task": "pbx.calls.drain_call_records", "schedule": 2, "options": {"expires": 2}},
    "keep-call-events": {"task": "pbx.calls.keep_call_events", "schedule": 5, "options": {"expires": 5}},
    "reconcile-directory": {"task": "pbx.subscribers.reconcile_directory", "schedule": 60, "options": {"expires": 60}},
    "forget-events": {"task": "pbx.forget_events", "schedule": 600, "options": {"expires": 600}},
    "forget-calls": {"task": "pbx.calls.forget_calls", "schedule": 86400, "options": {"expires": 86400}},
    "publish-push-key": {"task": "pbx.push.publish_key", "schedule": 60, "options": {"expires": 60}},
    "refresh-push-devices": {"task": "pbx.push.refresh_devices", "schedule": 10, "options": {"expires": 10}},
    "note-push-arrivals": {"task": "pbx.push.note_arrivals", "schedule": 10, "options": {"expires": 10}},
    "forget-silent-devices": {"task": "pbx.push.forget_silent_devices", "schedule": 3600, "options": {"expires": 3600}},
    "forget-push-attempts": {"task": "pbx.push.forget_attempts", "schedule": 3600, "options": {"expires": 3600}},
}

# Call records

KEEP_CALLS_DAYS = env.number("PBX_KEEP_CALLS_DAYS", 365, most=36500)  # 0: for ever

# The event log

EVENT_RETENTION = event_log.Retention(
    env.number(
        "PBX_KEEP_EVENTS",
        event_log.KEEP_ENTRIES,
        least=event_log.LEAST_AND_MOST_ENTRIES[0],
        most=event_log.LEAST_AND_MOST_ENTRIES[1],
    ),
    env.number(
        "PBX_KEEP_EVENTS_HOURS",
        event_log.KEEP_HOURS,
        least=event_log.LEAST_AND_MOST_HOURS[0],
        most=event_log.LEAST_AND_MOST_HOURS[1],
    ),
)

# Push

PUSH_HTTP_URL = env.word("PBX_PUSH_HTTP_URL")
PUSH_HTTP_SECRET = env.secret("PBX_PUSH_HTTP_SECRET")
FCM_CREDENTIALS = env.secret("PBX_FCM_CREDENTIALS")
FCM_URL = env.word("PBX_FCM_URL", "https://fcm.googleapis.com")
APNS_KEY = env.secret("PBX_APNS_KEY")
APNS_KEY_ID = env.word("PBX_APNS_KEY_ID")
APNS_TEAM_ID = env.word("PBX_APNS_TEAM_ID")
APNS_TOPIC = env.word("PBX_APNS_TOPIC")
APNS_URL = env.word("PBX_APNS_URL", "https://api.push.apple.com")
APNS_SANDBOX_URL = env.word("PBX_APNS_SANDBOX_URL", "https://api.sandbox.push.apple.com")
VAPID_KEY = env.secret("PBX_VAPID_KEY")
VAPID_SUBJECT = env.word("PBX_VAPID_SUBJECT")
WEBPUSH_HOSTS = [host.lower() for host in env.words("PBX_WEBPUSH_HOSTS")]
ACROBITS_URL = env.word("PBX_ACROBITS_URL")
PUSH_AFTER_EXPIRY_DAYS = env.number("PBX_PUSH_AFTER_EXPIRY_DAYS", 7, most=3650)
PUSH_CA = env.word("PBX_PUSH_CA")
