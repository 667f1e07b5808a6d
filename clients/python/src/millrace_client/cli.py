"""The command line: `millrace put | watch | get | retry`.

MILLRACE_URL and MILLRACE_TOKEN (or MILLRACE_TOKEN_FILE, a file that holds it) say where and who. A
token is no argument, since others on the machine can read those. Exit codes: 0 all processed, 3
something cancelled or deleted, 4 something failed, 5 something was not sent; 1 an error, 2 wrong
use, 130 interrupted.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from pathlib import Path

from millrace_client.client import AsyncClient
from millrace_client.errors import MillraceError, NotFound, Refused
from millrace_client.memory import usual_folder
from millrace_client.putting import CANCELLED, NOT_SENT, PROCESSED, WORST, Put, find
from millrace_client.shapes import ENDED, Event
from millrace_client.showing import Lines, Show, Terminal
from millrace_client.world import World

ERROR, WRONG_USE, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    options = _parser().parse_args(arguments)
    # a bar goes to stderr, so that a program which reads stdout gets lines all the same
    show: Show = Terminal() if sys.stderr.isatty() and sys.stdout.isatty() else Lines()
    try:
        return asyncio.run(_run(options, show))
    except KeyboardInterrupt:
        show.end()
        return INTERRUPTED
    except (MillraceError, OSError) as error:
        show.end()
        code = error.code if isinstance(error, Refused) else type(error).__name__.lower()
        show.tell("error", error={"code": code, "message": str(error)})
        return ERROR
    except ExceptionGroup as group:
        show.end()
        show.tell("error", error={"code": "error", "message": str(group.exceptions[0])})
        return ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="millrace", description=__doc__)
    parser.add_argument("--url", default=os.environ.get("MILLRACE_URL") or "http://127.0.0.1:8000")
    parser.add_argument("--space", help="slug of the space; by default the token's own")
    parser.add_argument("--patience", type=float, default=300, help="seconds to try again for")
    commands = parser.add_subparsers(dest="command", required=True)

    put = commands.add_parser("put", help="send files and folders, wait for the results")
    put.add_argument("names", nargs="+", metavar="FILE", help="files; of folders, all in them")
    put.add_argument("--batch", default="", help="add to this batch, instead of one of their own")
    put.add_argument("--no-wait", action="store_true", help="end when all have been sent")
    put.add_argument("--verify", action="store_true", help="have the server compare sha-256")
    put.add_argument("--at-once", type=int, default=4, help="files on their way at once (4)")

    watch = commands.add_parser("watch", help="follow what happens")
    watch.add_argument("--batch", help="only this batch, to its end")
    watch.add_argument("--file", help="only this file, to its end")
    watch.add_argument("--after", help="begin after this cursor, or «oldest»")

    get = commands.add_parser("get", help="save a file's original, or what was made of it")
    get.add_argument("id")
    get.add_argument("-o", "--output", type=Path, help="where to; by default its name, here")
    get.add_argument("--artifact", metavar="STEP/NAME", help="save this instead of the original")
    get.add_argument("--json", action="store_true", help="print the file with all its results")

    retry = commands.add_parser("retry", help="process files again")
    retry.add_argument("ids", nargs="*", metavar="ID")
    retry.add_argument("--failed", action="store_true", help="all that have failed")
    retry.add_argument("--batch", help="with --failed: only those of this batch")
    retry.add_argument("--no-wait", action="store_true", help="do not wait for their ends")
    return parser


async def _run(options: argparse.Namespace, show: Show) -> int:
    token = _token()
    if not token:
        message = "set MILLRACE_TOKEN, or MILLRACE_TOKEN_FILE"
        show.tell("error", error={"code": "no_token", "message": message})
        return WRONG_USE
    commands = {"put": _put, "watch": _watch, "get": _get, "retry": _retry}
    async with AsyncClient(
        options.url,
        token,
        space=options.space,
        patience=options.patience,
        memory=usual_folder(),
    ) as client:
        return await commands[options.command](client, show, options)


def _token() -> str:
    if path := os.environ.get("MILLRACE_TOKEN_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    return os.environ.get("MILLRACE_TOKEN", "").strip()


async def _put(client: AsyncClient, show: Show, options: argparse.Namespace) -> int:
    entries = list(find(options.names))
    put = Put(client, show, entries, options.batch)
    return await put.run(
        at_once=max(1, options.at_once), verify=options.verify, wait=not options.no_wait
    )


async def _watch(client: AsyncClient, show: Show, options: argparse.Namespace) -> int:
    after = options.after
    if after == "oldest":
        async for page in client.pages(batch=options.batch, file=options.file):
            after = page["cursor"]
            _tell_events(show, page["events"])
    world = World()
    following = client.follow(after=after, batch=options.batch, file=options.file)
    async with aclosing(following) as frames:
        async for frame in frames:
            world.apply(frame)
            if frame["type"] == "snapshot" and frame["last"] and frame["reason"] != "first":
                show.tell("gap", reason=frame["reason"], cursor=frame["cursor"])
            _tell_events(show, frame.get("events", ()))
            moving = any(file["status"] not in ENDED for file in world.files.values())
            if world.ready and not moving:
                worst = await _outcome(client, options)
                if worst is not None:
                    return worst
    return ERROR


def _tell_events(show: Show, events: Iterable[Event]) -> None:
    for event in events:
        show.tell(event["type"], **{key: event[key] for key in event if key != "type"})  # type: ignore[literal-required]


async def _outcome(client: AsyncClient, options: argparse.Namespace) -> int | None:
    """The worst result of what is watched, None while it has not come to its end."""
    statuses: list[str] = []
    try:
        if options.file:
            statuses.append((await client.file(options.file))["status"])
        elif options.batch and (await client.batch(options.batch))["ended"]:
            statuses += [file["status"] async for file in client.files(batch=options.batch)]
    except NotFound:
        return CANCELLED if options.file else None
    if not statuses or not ENDED.issuperset(statuses):
        return None
    return max(WORST[status] for status in statuses)


async def _get(client: AsyncClient, show: Show, options: argparse.Namespace) -> int:
    file = await client.file(options.id)
    if options.json:
        sys.stdout.write(json.dumps(file, ensure_ascii=False, indent=2) + "\n")
        return PROCESSED
    name = options.artifact.rpartition("/")[2] if options.artifact else file["name"]
    to = options.output or Path(Path(name).name)
    if options.output is None and to.exists():
        message = f"{to} is there already; say another place with -o"
        show.tell("error", error={"code": "exists", "message": message})
        return ERROR
    saved = await client.download(options.id, to, artifact=options.artifact)
    show.tell("saved", id=options.id, to=str(saved))
    return PROCESSED


async def _retry(client: AsyncClient, show: Show, options: argparse.Namespace) -> int:
    ids = list(options.ids)
    if options.failed:
        filters = {"batch": options.batch} if options.batch else {}
        ids += [file["id"] async for file in client.files(status="failed", **filters)]
    worst, queued = PROCESSED, []
    for file_id in ids:
        try:
            await client.retry(file_id)
        except Refused as error:
            show.tell("refused", id=file_id, error={"code": error.code, "message": error.message})
            worst = NOT_SENT
        else:
            queued.append(file_id)
            show.tell("queued", id=file_id)
    if options.no_wait or not queued:
        return worst
    for file in await client.wait(*queued):
        show.tell("ended", file={k: file[k] for k in file if k not in {"steps", "results"}})  # type: ignore[literal-required]
        worst = max(worst, WORST[file["status"]])
    return worst


if __name__ == "__main__":
    sys.exit(main())
