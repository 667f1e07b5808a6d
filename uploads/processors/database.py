"""The database step: the tables of an SQLite file, read without trusting its schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any

from uploads.processors.bounds import clip, within
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.profile import CHUNK_ROWS, PROFILED, TABLES, Profile
from uploads.processors.registry import processor

ROWS = 2_000_000  # read of one table
VALUE_BYTES = 16 * 1024 * 1024  # of one value
SCHEMA_BUDGET = 32 * 1024  # bytes of JSON


@processor(
    name="database",
    accepts=["application/vnd.sqlite3"],
    version=2,
    after=["identify", "checksum"],
)
def database(ctx: Context) -> dict[str, Any]:
    """{format, page_size, encoding, user_version, application_id, objects [{type, name, sql}],
    tables [as of the table step, with `name`, and `rows_read`]}

    Views and virtual tables are named and not run: they may compute without end. Raises BadFile.
    """
    if ctx.size == 0:
        return {"empty": True, "objects": [], "tables": []}
    try:
        with closing(opened(ctx)) as connection:
            objects = _objects(connection)
            names = [entry["name"] for entry in objects if _is_plain(entry)]
            return {
                "format": "sqlite",
                **_header(connection),
                "objects": within(
                    ({**entry, "sql": clip(entry["sql"] or "", 1000)} for entry in objects),
                    SCHEMA_BUDGET,
                ),
                "tables": list(_tables(ctx, connection, names)),
            }
    except (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError, OverflowError) as error:
        raise BadFile(f"The database can't be read: {str(error).rstrip('. ')[:200]}.") from error


def opened(ctx: Context) -> sqlite3.Connection:
    """For reading, without trust. Raises sqlite3.Error."""
    place = f"{ctx.path.absolute().as_uri()}?mode=ro&immutable=1"
    # one thread at a time, but not always the same: a writer of copies asks from one of its own
    connection = sqlite3.connect(place, uri=True, check_same_thread=False)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for pragma in (
        "trusted_schema = OFF",
        "cell_size_check = ON",
        "query_only = ON",
        "mmap_size = 0",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _header(connection: sqlite3.Connection) -> dict[str, Any]:
    return {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "encoding", "user_version", "application_id")
    }


def _objects(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    found = connection.execute("SELECT type, name, sql FROM sqlite_master LIMIT 2000")
    return [{"type": kind, "name": clip(name or "", 200), "sql": sql} for kind, name, sql in found]


def _is_plain(entry: dict[str, Any]) -> bool:
    made = (entry["sql"] or "").lstrip().upper()
    return entry["type"] == "table" and not made.startswith("CREATE VIRTUAL")


def _tables(
    ctx: Context, connection: sqlite3.Connection, names: list[str]
) -> Iterator[dict[str, Any]]:
    counts = {name: _count(connection, name) for name in names[:TABLES]}
    total = sum(min(count, ROWS) for count in counts.values())
    done = 0
    for name, count in counts.items():
        names, cursor = named_rows(connection, name)
        profile = Profile(names)
        while rows := list(islice(cursor, CHUNK_ROWS)):
            profile.add_rows([row[:PROFILED] for row in rows])
            done += len(rows)
            ctx.progress(done, max(total, done), "rows")
        found = profile.result(1 / len(counts))
        nothing = {"errors": [], "errors_total": 0, "blank_lines": 0}
        yield {"name": name, **found, "rows_read": profile.rows, "rows": count, **nothing}
    ctx.progress(done, done, "rows")


def named_rows(connection: sqlite3.Connection, name: str) -> tuple[list[str], Iterator[Any]]:
    """The columns' names and the first rows of a table. Raises sqlite3.Error."""
    cursor = connection.execute(f"SELECT * FROM {_quoted(name)} LIMIT {ROWS}")  # noqa: S608
    return [clip(column[0], 100) for column in cursor.description], cursor


def _count(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0])  # noqa: S608


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
