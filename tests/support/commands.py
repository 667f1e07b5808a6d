"""`manage.py` again and again in one process: starting a new one costs most of a second each time.

A line of JSON comes in with the command's words; what the command prints goes out as another.
"""

import gc
import io
import json
import os
import sys
from contextlib import redirect_stdout

import django
from django.core.management import call_command
from django.db import connections


def main() -> None:
    """Until the input ends."""
    gc.disable()  # as manage.py does
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    for line in sys.stdin:
        printed = io.StringIO()
        with redirect_stdout(printed):  # what is run by `shell` prints there
            call_command(*json.loads(line), stdout=printed)
        connections.close_all()
        print(json.dumps(printed.getvalue()), flush=True)


if __name__ == "__main__":
    main()
