"""Django's settings, and ours. Each variable of the environment is read here, once, through
`project.env`.
"""

import hashlib
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from project import env

BASE_DIR = Path(__file__).resolve().parent.parent

# -- where things are ------------------------------------------------------------------------------

PORT = env.integer("PORT", 8000, "Port that `make run` serves on, on 127.0.0.1.", least=1)
DATA_DIR = env.path(
    "DATA_DIR", "var", "Folder for the database, the files and everything else that must be kept."
)
PROCESSORS_DIR: Path | None = None
if _processors := env.text(
    "PROCESSORS_DIR", "", "Folder with processors of your own, one Python file each."
):
    PROCESSORS_DIR = Path(_processors).expanduser().absolute()
DATABASE_URL = env.text(
    "DATABASE_URL", "", "postgres://user:password@host:port/name; SQLite in DATA_DIR when empty."
)
REDIS_URL = env.text(
    "REDIS_URL", "", "redis://host:port/0 for several processes; in-memory when empty."
)
ENGINE = env.choice(
    "ENGINE",
    "embedded",
    ["embedded", "procrastinate"],
    "Who runs the jobs: the server itself, or `manage.py worker` machines (Postgres only).",
)

if ENGINE == "procrastinate" and not (DATABASE_URL and REDIS_URL):
    raise env.BadValue("ENGINE: procrastinate needs DATABASE_URL (Postgres) and REDIS_URL")

# -- security --------------------------------------------------------------------------------------

DEBUG = env.boolean(
    "DEBUG", default=False, meaning="Django's debug pages; never on a server that others reach."
)


def _secret_key() -> str:
    """The configured key, or one made at the first start and kept in DATA_DIR."""
    if key := env.text(
        "SECRET_KEY", "", "Signs sessions and tickets; made in DATA_DIR when empty."
    ):
        return key
    path = DATA_DIR / "secret_key"
    if not path.exists():
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        draft = DATA_DIR / f"secret_key.{secrets.token_hex(8)}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50), encoding="ascii")
        try:
            path.hardlink_to(draft)  # two first starts at once agree on one key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii").strip()


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS", "localhost 127.0.0.1 [::1]", "Host names that the server answers to."
)
ORIGINS = env.words(
    "ORIGINS",
    f"http://localhost:{PORT} http://127.0.0.1:{PORT}",
    "Origins (scheme://host:port) of the pages; a session cookie from elsewhere is refused.",
)
CORS_ORIGINS = env.words(
    "CORS_ORIGINS", "", "Other sites' origins whose pages may use the API and tus with a token."
)
CSRF_TRUSTED_ORIGINS = ORIGINS
CSRF_FAILURE_VIEW = "uploads.reading.oops.bad_csrf"
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if all(o.startswith("https:") for o in ORIGINS) else None
)
SESSION_COOKIE_NAME = f"millrace_session_{PORT}"
CSRF_COOKIE_NAME = f"millrace_csrf_{PORT}"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = all(origin.startswith("https:") for origin in ORIGINS)
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
AUTH_USER_MODEL = "uploads.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "dashboard"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# -- limits: receiving -----------------------------------------------------------------------------

UPLOAD_MAX_BYTES = env.size("UPLOAD_MAX_BYTES", "20Gi", "Largest file that is taken.")
SPACE_QUOTA_BYTES = env.size(
    "SPACE_QUOTA_BYTES", "0", "Bytes that one space may hold; 0 for no limit."
)
BATCH_MAX_FILES = env.integer("BATCH_MAX_FILES", 100_000, "Most files in one batch.", least=1)
SPACE_OPEN_UPLOADS = env.integer(
    "SPACE_OPEN_UPLOADS", 10_000, "Most unfinished uploads in one space.", least=1
)
UPLOADS_PER_MINUTE = env.integer(
    "UPLOADS_PER_MINUTE",
    0,
    "Uploads that one user may create in a minute, at each web process; 0 for no limit.",
)
UPLOAD_BUFFER_BYTES = env.size(
    "UPLOAD_BUFFER_BYTES", "32Mi", "Memory for bytes on their way to disk, all uploads together."
)
UPLOAD_IDLE_SECONDS = env.number(
    "UPLOAD_IDLE_SECONDS", 60, "A body that is silent this long is ended; its bytes are kept."
)
UPLOAD_EXPIRES_SECONDS = env.number(
    "UPLOAD_EXPIRES_SECONDS",
    7 * 86_400,
    "An unfinished upload without a new byte for this long is removed.",
)
UPLOAD_FSYNC = env.boolean(
    "UPLOAD_FSYNC",
    default=True,
    meaning="Wait for the disk before a file counts as received: its bytes and SQLite's rows.",
)
RECEIVER_PROCESS = env.boolean(
    "RECEIVER_PROCESS",
    default=True,
    meaning="On SQLite, crowds of small files get a process of their own while they last (70 MB).",
)
FREE_DISK_BYTES = env.size(
    "FREE_DISK_BYTES", "256Mi", "Uploads are refused when the disk has less than this left."
)

# -- limits: processing ----------------------------------------------------------------------------

CONCURRENCY = env.integer("CONCURRENCY", 0, "Files processed at once; 0 for the number of cores.")
LEASE_SECONDS = env.number(
    "LEASE_SECONDS", 30, "A worker silent for this long loses its job to another.", least=3
)
PROCESSOR_CONCURRENCY = env.limits(
    "PROCESSOR_CONCURRENCY",
    "",
    "Most jobs that are in a processor of your own at once, on all machines: «ocr=2 translate=1».",
)
RETRY_SECONDS = env.number(
    "RETRY_SECONDS",
    5,
    "Pause before a job that crashed, or whose outside service was away, is tried again; four "
    "times as long after each further try.",
)
GRACE_SECONDS = env.number(
    "GRACE_SECONDS", 10, "Time that a stopping worker's jobs have before they are given back."
)
JOB_ATTEMPTS = env.integer(
    "JOB_ATTEMPTS", 3, "Times that a job whose worker died is tried before it fails.", least=1
)
STEP_SECONDS = env.number("STEP_SECONDS", 600, "Longest time of one step.", least=1)
STEP_MEMORY_BYTES = env.size("STEP_MEMORY_BYTES", "2Gi", "Most memory of one step.")
PROCESSOR_LIMITS = env.caps(
    "PROCESSOR_LIMITS",
    "",
    "Other caps for single processors, built in or your own, before what they ask for themselves: "
    "«image:seconds=30,memory=512M ocr:seconds=900».",
)
STEP_DISK_BYTES = env.size(
    "STEP_DISK_BYTES", "2Gi", "Most bytes of artifacts and temporary files of one job."
)
SEND_ON = env.words_of(
    "SEND_ON",
    "mail",
    ["mail", "mailbox", "archive"],
    "What is taken apart into files of their own without being asked: attachments of mails, "
    "messages of mailboxes, members of archives; «none» for nothing.",
)
CHILD_DEPTH = env.integer(
    "CHILD_DEPTH", 2, "Containers inside each other that are taken apart: 1 for the outermost."
)
CHILD_FILES = env.integer("CHILD_FILES", 100, "Most files that come out of one file.")
CHILD_BYTES = env.size("CHILD_BYTES", "1Gi", "Most bytes that come out of one file.")
OWN_PROCESSORS_ANYWAY = env.boolean(
    "OWN_PROCESSORS_ANYWAY",
    default=False,
    meaning="Run processors of your own even where the kernel lacks a layer of the sandbox.",
)
STALL_SECONDS = env.number(
    "STALL_SECONDS",
    30,
    "A running step without a sign of life for this long is shown as stalled.",
    least=1,
)

# -- limits: publishing ----------------------------------------------------------------------------

EVENTS_KEEP = env.integer(
    "EVENTS_KEEP", 200_000, "Newest events kept in each space's stream.", least=100
)
EVENTS_KEEP_DAYS = env.number("EVENTS_KEEP_DAYS", 7, "Days that events are kept.", least=0)
SOCKETS_PER_USER = env.integer(
    "SOCKETS_PER_USER", 100, "Most live connections of one user in one process.", least=1
)
OUTBOX_BYTES = env.size(
    "OUTBOX_BYTES", "2Mi", "A subscriber that has more than this waiting is closed as too slow."
)

# -- reading ---------------------------------------------------------------------------------------

ACCEL_REDIRECT = env.boolean(
    "ACCEL_REDIRECT",
    default=False,
    meaning="nginx stands in front and sends contents and artifacts itself (X-Accel-Redirect).",
)
METRICS_DIR = env.text(
    "PROMETHEUS_MULTIPROC_DIR",
    "",
    "Empty folder that all processes of a machine share for their metrics; with more than one.",
)
if METRICS_DIR:
    Path(METRICS_DIR).mkdir(parents=True, exist_ok=True)  # whichever process begins to count
WORKER_METRICS = env.address(
    "WORKER_METRICS",
    "",
    "host:port on which a worker answers Prometheus, where it shares that folder with no server.",
)

# -- mail ------------------------------------------------------------------------------------------

EMAIL_URL = env.text(
    "EMAIL_URL",
    "",
    "smtp://user:password@host:587, or smtps:// for TLS from the start; sends word of drops that "
    "ended, nothing when empty. STARTTLS is used where `?starttls=1` asks for it.",
)
DEFAULT_FROM_EMAIL = env.text(
    "EMAIL_FROM", "Millrace <millrace@localhost>", "Whom mails of this server come from."
)
_mail = urlsplit(EMAIL_URL)
if _mail.scheme not in {"", "smtp", "smtps"}:
    raise env.BadValue("EMAIL_URL: it begins with smtp:// or smtps://")
EMAIL_HOST, EMAIL_PORT = _mail.hostname or "", _mail.port or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.scheme == "smtps", "starttls=1" in _mail.query
EMAIL_TIMEOUT = 20

# -- logging ---------------------------------------------------------------------------------------

LOG_LEVEL = env.choice(
    "LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR"], "Least severity that is logged."
)
LOG_FORMAT = env.choice(
    "LOG_FORMAT", "console", ["console", "json"], "How log lines look on stderr."
)

# -- Django ----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    *(["daphne"] if "runserver" in sys.argv else []),  # first, so that the command is its own
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "servestatic",
    "project",
    "uploads",
]
if ENGINE == "procrastinate":
    INSTALLED_APPS.insert(INSTALLED_APPS.index("uploads"), "procrastinate.contrib.django")
MIDDLEWARE = [
    "project.statics.Files",
    "django.middleware.security.SecurityMiddleware",
    "project.policy.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "uploads.access.middleware.SignedIn",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# Upload, API and stream doors go through these few instead (see project/http.py); each is async
# from end to end.
LEAN_MIDDLEWARE = [
    "project.cors.Cors",
    "uploads.receiving.tus_views.TusHeaders",
    "uploads.refusals.AnswerErrors",
    "uploads.access.middleware.Identify",
]
LEAN_PREFIXES = ("/upload/", "/uploads/", "/api/", "/healthz/", "/readyz/", "/metrics/")
ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "asgi.application"
APPEND_SLASH = (
    False  # doors answer with and without their last slash, never by redirect: project/http.py
)
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "frontend" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = (
    1024 * 1024
)  # bodies of pages and admin; uploads never pass through Django's parsers
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "frontend" / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "frontend" / "static"]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "media"},
    },
    "staticfiles": {"BACKEND": "project.statics.Storage"},
}

DATABASES: dict[str, dict[str, Any]]
if DATABASE_URL:
    from psycopg.conninfo import conninfo_to_dict  # a tenth of a second that SQLite need not wait

    _conninfo = conninfo_to_dict(DATABASE_URL)
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _conninfo.pop("dbname", "millrace"),
            "USER": _conninfo.pop("user", ""),
            "PASSWORD": _conninfo.pop("password", ""),
            "HOST": _conninfo.pop("host", ""),
            "PORT": _conninfo.pop("port", ""),
            # a database host that vanished is noticed within half a minute, not within hours
            "OPTIONS": {
                "connect_timeout": 5,
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": 30_000,
                "application_name": "millrace",
            }
            | _conninfo,
            "CONN_HEALTH_CHECKS": True,
            # our few warm threads each keep one connection: project/database.py
            "CONN_MAX_AGE": None,
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "millrace.sqlite3",
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # a row needs to last no better than the bytes that it tells of
                "init_command": "PRAGMA journal_mode=WAL;"
                f"PRAGMA synchronous={'FULL' if UPLOAD_FSYNC else 'NORMAL'};"
                "PRAGMA cache_size=-16000;PRAGMA temp_store=MEMORY;PRAGMA mmap_size=268435456;"
                "PRAGMA journal_size_limit=67108864;PRAGMA wal_autocheckpoint=4000;",
            },
            "TEST": {"NAME": DATA_DIR / "test.sqlite3"},  # a file: several threads must see it
        }
    }

if REDIS_URL:  # counts of tries, shared by all processes
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": f"millrace-{hashlib.sha256(SECRET_KEY.encode()).hexdigest()[:16]}",
            "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
        }
    }

CHANNEL_LAYERS: dict[str, dict[str, Any]]
if REDIS_URL:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {
                # redis-py 8 ends idle reads after 5 s unless told otherwise
                "hosts": [{"address": REDIS_URL, "socket_timeout": None}],
                # several installations may share a Redis without hearing each other
                "prefix": f"millrace-{hashlib.sha256(SECRET_KEY.encode()).hexdigest()[:16]}-",
            },
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# TLS ends at nginx, which also sends HSTS and leads there from port 80: docs/deploy.md
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]
LOGGING_CONFIG = "project.logs.configure"
LOGGING = {"level": LOG_LEVEL, "format": LOG_FORMAT}
