"""Our own doors, hub and doorbell, with nothing behind them: `GET /ring` rings an event.

Arguments: a port, a folder for the database; a token is written to `token` in it.
"""

import os
import sys
from pathlib import Path
from typing import Any

import uvicorn


def main(port: int, folder: Path) -> None:
    """Serve until killed."""
    os.environ |= {
        "DATA_DIR": str(folder),
        "PORT": str(port),
        "SOCKETS_PER_USER": "5000",
        "LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "project.settings",
    }
    import django

    django.setup()
    from django.core.management import call_command

    from consumers import hub
    from project.server import UVICORN
    from uploads import people

    call_command("migrate", interactive=False, verbosity=0)
    user = people.person("alice")
    space = people.private_space(user)
    (folder / "token").write_text(people.make_token(user)[1])
    hub.TICK_SECONDS = 3600  # the database knows nothing of what is rung here
    options = UVICORN | {"log_level": "error"}
    uvicorn.run(_app(space.pk, space.epoch), host="127.0.0.1", port=port, **options)


def _app(space_id: int, epoch: str) -> Any:
    from benchmarks.peer_payload import COUNTS, event
    from consumers import hub, routing
    from project.lifespan import Lifespan
    from uploads.publishing import doorbell

    seq = 0

    async def ring(scope: Any, receive: Any, send: Any) -> None:
        nonlocal seq
        seq += 1
        change = {"space": space_id, "epoch": epoch, "seq": seq, "event": event(seq)}
        doorbell.ring(change | {"file": None, "batch": None, "counts": COUNTS})
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return Lifespan(routing.Router(http=ring), services=[doorbell.service, hub.service])


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
