"""The peer of `benchmarks.processing`: the same processors on the same files, as Celery tasks.

`process` does the work and no more. `process_and_tell` also does what makes a service of it: rows
that outlive the worker, and word of each change for whoever watches.
"""

import json
import os
import sqlite3
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from celery import Celery
from redis import Redis

from uploads.processors import REGISTRY, Context, load_builtin, plan

load_builtin()
DONE = "done"  # the key that counts what is done
app = Celery("peer", broker=os.environ.get("PEER_BROKER"))
app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)
counter = Redis.from_url(os.environ.get("PEER_REDIS", "redis://127.0.0.1:1/0"))


def take_apart(path: str) -> dict[str, Any]:
    """Every step that the file's type asks for, in this process, without any isolation."""
    results: dict[str, Any] = {}
    file = Path(path)
    kind: dict[str, str] = {"media_type": "application/octet-stream", "kind": "other"}
    with tempfile.TemporaryDirectory() as folder:
        for step in ["identify", *(p.name for p in _following(file, results, kind, folder))]:
            if step not in results:
                results[step] = _step(file, step, results, kind, folder)
    return results


def _following(file: Path, results: dict[str, Any], kind: dict[str, str], folder: str) -> list[Any]:
    found = results["identify"] = _step(file, "identify", results, kind, folder)
    kind.update(media_type=found["media_type"], kind=found["kind"])
    return plan(found["media_type"], REGISTRY)


def _step(
    file: Path, name: str, results: dict[str, Any], kind: dict[str, str], folder: str
) -> dict[str, Any]:
    made = Path(folder) / name
    made.mkdir(exist_ok=True)
    context = Context(
        path=file,
        name=file.name,
        media_type=kind["media_type"],
        kind=kind["kind"],
        size=file.stat().st_size,
        results=dict(results),
        folder=made,
        report=lambda _done, _total, _unit: None,
    )
    return REGISTRY[name].run(context)


@app.task(ignore_result=True)
def process(path: str) -> None:
    """One file; its result is kept in Redis."""
    counter.set(path, json.dumps(take_apart(path)))
    counter.incr(DONE)


@app.task(ignore_result=True)
def process_and_tell(path: str) -> None:
    """One file; its status and its steps' results are rows of a database, committed as ours are,
    and each change is published.
    """
    with _rows() as rows:
        rows.execute("INSERT OR REPLACE INTO file VALUES (?, 'processing')", [path])
    counter.publish("changes", json.dumps({"file": path, "status": "processing"}))
    results = take_apart(path)
    with _rows() as rows:
        steps = [(path, step, json.dumps(result)) for step, result in results.items()]
        rows.executemany("INSERT OR REPLACE INTO step VALUES (?, ?, ?)", steps)
        rows.execute("UPDATE file SET status = 'processed' WHERE path = ?", [path])
    counter.publish("changes", json.dumps({"file": path, "status": "processed"}))
    counter.incr(DONE)


@cache
def _rows() -> sqlite3.Connection:
    """One for each process; entered, it is a transaction."""
    rows = sqlite3.connect(os.environ["PEER_ROWS"], timeout=60)
    rows.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE IF NOT EXISTS file (path PRIMARY KEY, status);"
        "CREATE TABLE IF NOT EXISTS step (path, name, result, PRIMARY KEY (path, name));"
    )
    return rows
