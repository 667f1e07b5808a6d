"""What docs/operations.md says of backups: database first, then content, then `restored`."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.server import Server
from tests.support.services import EMPTY, Postgres

NOT_KEPT = shutil.ignore_patterns("*.sqlite3*", "work", "static", "*.lock", "server.log")


def drop(client: httpx.Client, name: str) -> str:
    headers = {"Accept": "application/json"}
    answer = client.put(f"/upload/{name}", content=name * 1000, headers=headers)
    assert answer.status_code == 201, answer.text
    file_id: str = answer.json()["files"][0]["id"]
    return file_id


def cursor_of(client: httpx.Client) -> str:
    found: str = client.get("/api/events/").json()["cursor"]
    return found


def restored_server_goes_on(server: Server, token: str, kept: str, lost: str, old: str) -> None:
    with server.client(token) as client:
        assert client.get(f"/api/files/{kept}/content/").text == "kept.txt" * 1000
        assert client.get(f"/api/files/{kept}/").json()["results"]["text"]
        assert client.get(f"/api/files/{lost}/").status_code == 404
        gone = client.get("/api/events/", params={"after": old})
        assert gone.status_code == 410, "a cursor of the time before must not be honoured"
        assert gone.json()["error"]["code"] == "cursor_gone"
        assert server.wait_for(client, drop(client, "new.txt"))["status"] == "processed"


def test_a_backup_of_sqlite_taken_while_it_runs_can_be_put_back(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    first = make_server(DATABASE_URL="", REDIS_URL="").start()
    token = first.token("alice")
    copy = tmp_path / "backup"
    with first.client(token) as client:
        kept = drop(client, "kept.txt")
        first.wait_for(client, kept)
        copy.mkdir()
        with (
            closing(sqlite3.connect(first.data_dir / "millrace.sqlite3")) as source,
            closing(sqlite3.connect(copy / "millrace.sqlite3")) as target,
        ):
            source.backup(target)
        shutil.copytree(first.data_dir, copy, ignore=NOT_KEPT, dirs_exist_ok=True)
        lost = drop(client, "lost.txt")
        first.wait_for(client, lost)
        old = cursor_of(client)
    first.kill9()
    second = Server(copy, **first.environment)
    assert "streams begun anew" in second.manage("restored")
    second.start()
    try:
        restored_server_goes_on(second, token, kept, lost, old)
    finally:
        second.stop()


@pytest.mark.postgres
def test_a_dump_of_postgres_taken_while_it_runs_can_be_put_back(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    with Postgres() as postgres:
        url = postgres.database()
        first = make_server(DATABASE_URL=url, REDIS_URL="").start()
        token = first.token("alice")
        copy, dump = tmp_path / "backup", tmp_path / "dump"
        with first.client(token) as client:
            kept = drop(client, "kept.txt")
            first.wait_for(client, kept)
            _run(postgres.program("pg_dump"), "--format=custom", f"--file={dump}", url)
            shutil.copytree(first.data_dir, copy, ignore=NOT_KEPT)
            lost = drop(client, "lost.txt")
            first.wait_for(client, lost)
            old = cursor_of(client)
        first.kill9()
        new = postgres.database(EMPTY)
        _run(postgres.program("pg_restore"), "--no-owner", f"--dbname={new}", str(dump))
        second = Server(copy, DATABASE_URL=new)
        assert "streams begun anew" in second.manage("restored")
        second.start()
        try:
            restored_server_goes_on(second, token, kept, lost, old)
        finally:
            second.stop()


def _run(*command: str) -> None:
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
