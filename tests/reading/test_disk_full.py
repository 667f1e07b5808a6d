"""A database without room is no database that can't be reached: the answer says what to do."""

import asyncio
import json
import sqlite3

import pytest
from django.db import OperationalError
from django.http import HttpRequest, HttpResponseBase
from psycopg.errors import DiskFull as PostgresDiskFull

from uploads.refusals import AnswerErrors


def full() -> Exception:
    """What SQLite says when its file can't grow."""
    with sqlite3.connect(":memory:") as connection:
        connection.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.OperationalError) as said:
            connection.execute("CREATE TABLE one AS SELECT zeroblob(100000)")
    return said.value


@pytest.mark.parametrize("told", [full(), PostgresDiskFull("could not extend file")])
def test_a_database_whose_disk_is_full_says_so(told: Exception) -> None:
    async def respond(_request: HttpRequest) -> HttpResponseBase:
        raise OperationalError("database or disk is full") from told

    answer = asyncio.run(AnswerErrors(respond)(HttpRequest()))
    said = json.loads(getattr(answer, "content", b""))
    assert (answer.status_code, said["error"]["code"]) == (507, "disk_full")


def test_any_other_trouble_of_its_is_for_a_moment() -> None:
    async def respond(_request: HttpRequest) -> HttpResponseBase:
        raise OperationalError("database is locked")

    answer = asyncio.run(AnswerErrors(respond)(HttpRequest()))
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
