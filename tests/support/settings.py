"""The project's settings as tests have them; everything is chosen before the first is read.

Tests never touch the data of a real installation. `TESTS_ON=production pytest …` runs them on a
Postgres and a Redis of their own instead of SQLite and the in-memory layer.
"""

import atexit
import os
import tempfile

from tests.support.services import Postgres, Redis

_data = tempfile.TemporaryDirectory(prefix="millrace-tests-", ignore_cleanup_errors=True)
_ours = ("DATABASE_URL", "REDIS_URL", "PROCESSORS_DIR", "ENGINE", "SECRET_KEY", "DEBUG", "PORT")
for _name in _ours:
    os.environ.pop(_name, None)
os.environ["DATA_DIR"] = _data.name

POSTGRES: Postgres | None = None
REDIS: Redis | None = None
if os.environ.pop("TESTS_ON", "") == "production":
    POSTGRES, REDIS = Postgres().start(), Redis().start()
    atexit.register(POSTGRES.remove)
    atexit.register(REDIS.remove)
    os.environ |= {
        "DATABASE_URL": POSTGRES.url("millrace"),
        "REDIS_URL": REDIS.url,
        "ENGINE": "procrastinate",
    }

from project.settings import *  # noqa: E402, F403
