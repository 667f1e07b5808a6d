"""The project's settings as tests have them; everything is chosen before the first is read.

Tests never touch the data of a real installation. `TESTS_ON=production pytest …` runs them on a
Postgres and a Redis of their own instead of SQLite and the in-memory layer; `TESTS_ON=postgres` and
`TESTS_ON=redis` change only the one.
"""

import atexit
import os
import tempfile

from tests.support.services import TABLES, Postgres, Redis

_data = tempfile.TemporaryDirectory(prefix="millrace-tests-", ignore_cleanup_errors=True)
_ours = ("DATABASE_URL", "REDIS_URL", "PROCESSORS_DIR", "ENGINE", "SECRET_KEY", "DEBUG", "PORT")
for _name in _ours:
    os.environ.pop(_name, None)
os.environ["DATA_DIR"] = _data.name

POSTGRES: Postgres | None = None
REDIS: Redis | None = None
_on = os.environ.pop("TESTS_ON", "")
if _on in {"production", "postgres"}:
    POSTGRES = Postgres().start()
    atexit.register(POSTGRES.remove)
    os.environ["DATABASE_URL"] = POSTGRES.url("millrace")
if _on in {"production", "redis"}:
    REDIS = Redis().start()
    atexit.register(REDIS.remove)
    os.environ["REDIS_URL"] = REDIS.url
if _on == "production":
    os.environ["ENGINE"] = "procrastinate"

from project.settings import *  # noqa: E402, F403

if POSTGRES is not None:
    DATABASES["default"]["TEST"] = {"TEMPLATE": TABLES}  # noqa: F405

RECEIVER_PROCESS = False  # it would write to the database of a server, not to that of a test
