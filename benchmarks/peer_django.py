"""An async view of stock Django that stores a body and inserts a row: what one writes first.

Django's own ASGI handler, its default middleware for an API with sessions, SQLite in WAL mode.
Arguments: a port, the folder for database and files.
"""

import sys
import uuid
from pathlib import Path

import django
import uvicorn
from django.conf import settings
from django.http import HttpRequest, HttpResponse


def main(port: int, folder: Path) -> None:
    """Serve until killed."""
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="benchmark",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": folder / "db.sqlite3",
                "OPTIONS": {
                    "transaction_mode": "IMMEDIATE",
                    "timeout": 30,
                    "init_command": "PRAGMA journal_mode=WAL;",
                },
            }
        },
    )
    django.setup()  # what follows can be imported after it
    from django.contrib.auth.models import Group
    from django.core.asgi import get_asgi_application
    from django.core.management import call_command
    from django.urls import path

    call_command("migrate", verbosity=0)

    async def upload(request: HttpRequest) -> HttpResponse:
        name = uuid.uuid4().hex
        (folder / name).write_bytes(request.body)
        await Group.objects.acreate(name=name)
        return HttpResponse(status=201)

    globals()["urlpatterns"] = [path("upload/", upload)]
    application = get_asgi_application()
    uvicorn.run(application, host="127.0.0.1", port=port, log_level="error", loop="uvloop")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
