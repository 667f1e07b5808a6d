"""What is shown of source code and of logs."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from uploads.processors import code, deadline
from uploads.processors.code import LANGUAGES
from uploads.processors.media_types import MEDIA_TYPES

PROGRAM = '''"""A module."""
import os

# TODO: more of it
class Cat:
    def meow(self, times=3):
        return "meow" * times

API_KEY = "abcdef0123456789"
'''


def test_python_is_coloured_outlined_and_searched(take):
    taken = take(PROGRAM, "cat.py")
    found = taken["code"]
    assert (found["language"], found["lines"], found["coloured"]) == ("Python", 9, True)
    assert (found["comment_lines"], found["blank_lines"], found["code_lines"]) == (2, 2, 5)
    assert found["outline"] == [
        {"line": 5, "kind": "type", "name": "Cat"},
        {"line": 6, "kind": "function", "name": "meow"},
    ]
    assert found["to_do"] == [{"line": 4, "text": "# TODO: more of it"}]
    assert found["secrets"] == [{"line": 9, "kind": "password or key"}]
    assert found["tokens"][4][0] == ["keyword", "class"]
    assert len(found["tokens"]) == 9
    assert "".join(text for _, text in found["tokens"][6]) == '        return "meow" * times'
    assert taken["text"]["lines"] == 9


def test_markdown_headings_are_its_outline(take):
    found = take("# One\n\ntext\n\n## Two\n", "a.md")["code"]
    assert [(row["line"], row["name"]) for row in found["outline"]] == [(1, "# One"), (5, "## Two")]


@pytest.mark.parametrize("media_type", LANGUAGES)
def test_every_language_is_known_and_takes_anything(take, media_type):
    from uploads.processors.code import Source, _lexer

    source = Source(PROGRAM)
    source.colour(_lexer(LANGUAGES[media_type]))
    shown = source.result()["tokens"]
    assert "\n".join("".join(text for _, text in line) for line in shown) == PROGRAM.rstrip("\n")
    assert MEDIA_TYPES[media_type].kind in ("code", "text")


def test_programs_written_by_programs_are_not_coloured(take):
    found = take("x=1;" * 10_000, "a.min.js")["code"]
    assert found["coloured"] is False
    assert found["lines"] == 1


def test_a_text_that_stalls_a_languages_expressions_is_shown_without_colours(take, monkeypatch):
    monkeypatch.setattr(code, "SECONDS", 0.3)
    before = signal.getsignal(signal.SIGPROF)
    found = take("<?php // TODO\n" + "<<<A\n" * 100_000, "a.php")["code"]
    assert (found["coloured"], found["lines"]) == (False, 100_001)
    assert found["to_do"][0]["line"] == 1
    assert found["tokens"][1] == [["", "<<<A"]]
    assert signal.getsignal(signal.SIGPROF) is before


def test_only_what_it_computes_counts_and_not_how_long_it_waits_for_its_turn():
    with deadline.within(0.05):
        time.sleep(0.1)
    with pytest.raises(deadline.Overdue), deadline.within(0.05):
        compute_for_ever()


def compute_for_ever() -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----", "private key"),
        ("aws = AKIAIOSFODNN7EXAMPLE", "AWS access key"),
        ("url = 'postgres://me:hunter22@db/x'", "password in an address"),
    ],
)
def test_secrets_are_named_and_not_shown(take, line, kind):
    found = take(f"a = 1\n{line}\n", "a.py")["code"]
    assert found["secrets"] == [{"line": 2, "kind": kind}]


def test_settings_for_the_environment_are_searched_too(take):
    lines = ["DB_PASSWORD=hunter2hunter2", "export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG"]
    harmless = ["API_KEY=${API_KEY}", "SECRET=", "PASSWORD_MIN=8", "TOKEN_FILE='/run/secrets/x'"]
    found = take("\n".join(lines + harmless), "prod.env")["code"]
    assert [row["line"] for row in found["secrets"]] == [1, 2]


def test_a_log_has_levels_and_a_time_range(take):
    lines = [f"2024-05-01T12:{minute:02}:00 INFO started {minute}" for minute in range(50)]
    lines += ["2024-05-01T12:59:30 ERROR it broke", "    at line 3"]
    found = take("\n".join(lines) + "\n", "app.log")["log"]
    assert (found["lines"], found["timed"]) == (52, 51)
    assert found["levels"] == {"info": 50, "error": 1}
    assert (found["first"], found["last"]) == ("2024-05-01T12:00:00", "2024-05-01T12:59:30")
    assert sum(part["count"] for part in found["histogram"]) == 51
    assert found["histogram"][0] == {
        "from": "2024-05-01T12:00:00",
        "to": "2024-05-01T12:01:00",
        "count": 1,
        "levels": {"info": 1},
    }
    assert found["histogram"][-1]["levels"] == {"error": 1}
    assert found["errors"] == [{"line": 51, "text": "2024-05-01T12:59:30 ERROR it broke"}]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ('1.2.3.4 - - [01/May/2024:12:00:00 +0000] "GET / HTTP/1.1" 404 12', None),
        ("2024/05/01 12:00:00 [error] 7#7: *1 connect() failed", "error"),
        ("[Wed May 01 12:00:00.123456 2024] [core:error] [pid 1:tid 2] AH00124: x", "error"),
        ("[Wed May  1 12:00:00 2024] [notice] caught SIGTERM", "info"),
        ("01-May-2024 12:00:00.123 SEVERE [main] org.apache.catalina.X.y z", "error"),
        ("\x1b[2m2024-05-01 12:00:00\x1b[0m \x1b[31mERROR\x1b[0m x", "error"),
    ],
)
def test_logs_of_other_makes_are_read(take, line, level):
    found = take(f"{line}\n" * 5)["log"]
    assert (found["first"], found["timed"]) == ("2024-05-01T12:00:00", 5)
    assert found["statuses"] == ({"4xx": 5} if "404" in line else {})
    assert found["levels"] == ({level: 5} if level else {})
    assert "\x1b" not in str(found["errors"])


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("01 May 2024 12:00:00,000 [main] FATAL com.example.Y - z", "critical"),
        ("01.05.2024 12:00:00 WARN x", "warning"),
        ("1714564800.123    77 10.0.0.1 TCP_MISS/200 error", "error"),
        ("[01/May/2024 12:00:00] INFO x", "info"),
    ],
)
def test_times_in_the_ways_of_many_programs_are_found_in_what_is_named_a_log(take, line, level):
    found = take(f"{line}\n" * 5, "x.log")["log"]
    assert (found["first"], found["timed"]) == ("2024-05-01T12:00:00", 5)
    assert (found["levels"], found["year_guessed"]) == ({level: 5}, False)


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("E0501 12:00:00.000000     123 main.go:12] bad", "error"),
        ("05-01 12:00:00.123  1000  1001 W ActivityManager: slow", "warning"),
    ],
)
def test_a_level_may_be_one_letter_beside_a_time_without_a_year(take, line, level):
    found = take(f"{line}\n" * 5, "x.log")["log"]
    assert (found["first"][4:], found["timed"]) == ("-05-01T12:00:00", 5)
    assert (found["levels"], found["year_guessed"]) == ({level: 5}, True)


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-32"])
def test_a_log_in_wide_characters_is_read_as_any_other(take, coding):
    text = "2024-05-01 12:00:00 ERROR Größe\r\n" * 50 + "x" * 10_000 + "\r\nINFO end\r\n"
    found = take(text.encode(coding), "errorlog.log")["log"]
    assert (found["lines"], found["timed"]) == (52, 50)
    assert found["levels"] == {"error": 50, "info": 1}
    assert found["errors"][0] == {"line": 1, "text": "2024-05-01 12:00:00 ERROR Größe"}


def test_what_is_asked_of_a_web_server_is_no_level(take):
    asked = '1.2.3.4 - - [01/May/2024:12:00:00 +0000] "GET /error HTTP/1.1" 200 12 "-" "info"\n'
    assert take(asked * 5, "access.log")["log"]["levels"] == {}
    served = '2024-05-01 12:00:00 INFO - "GET /error HTTP/1.1" 200 OK\n'
    assert take(served * 5, "app.log")["log"]["levels"] == {"info": 5}


@pytest.mark.parametrize("days", [0, 3, 200, 300])
def test_a_log_that_says_no_year_is_of_the_last_one_in_which_that_is_past(take, days):
    then = datetime.now(UTC).replace(microsecond=0, tzinfo=None) - timedelta(days=days)
    if (then.month, then.day) == (2, 29):
        then -= timedelta(days=1)
    found = take(f"{then:%b %e %H:%M:%S} host kernel: error here\n" * 5)["log"]
    assert (found["first"], found["timed"]) == (then.isoformat(), 5)
    assert found["year_guessed"] is True
    assert found["levels"] == {"error": 5}


def test_a_level_is_a_word_of_its_own(take):
    line = "2024-05-01 12:00:00 status installed libgpg-error0:amd64 shared-mime-info\n"
    found = take(line.replace("error0", "error-dev") * 5, "dpkg.log")["log"]
    assert (found["levels"], found["errors"]) == ({}, [])
    assert take("2024-05-01 12:00:00 -ERROR- x\n" * 5)["log"]["levels"] == {"error": 5}


def test_a_log_of_one_endless_line_and_of_impossible_times(take):
    found = take(b"2024-99-99T99:99:99 INFO x\n" * 5 + b"y" * 100_000, "a.log")["log"]
    assert (found["lines"], found["timed"], found["histogram"]) == (6, 0, [])
