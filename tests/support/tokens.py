"""`manage.py token`, again and again in one process: starting a new one costs a second each time.

A line of JSON comes in with the command's arguments; what the command prints goes out as another.
"""

import io
import json
import os
import sys

import django
from django.core.management import call_command
from django.db import connections


def main() -> None:
    """Until the input ends."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    for line in sys.stdin:
        printed = io.StringIO()
        call_command("token", *json.loads(line), stdout=printed)
        connections.close_all()
        print(json.dumps(printed.getvalue()), flush=True)


if __name__ == "__main__":
    main()
