"""What is shown of workbooks, Parquet, Arrow, JSON lines and SQLite: the same tables as
of a CSV.
"""

from __future__ import annotations

import datetime
import io
import json
import sqlite3
import struct
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.processors.books import ods, record, row_header, xlsb, xlsx, zipped
from uploads.processors import biff12, parquet_copy

SAMPLES = Path(__file__).parent / "samples"
CITIES: list[list[Any]] = [
    ["city", "people", "big"],
    ["Berlin", 3.5, True],
    ["Paris", 2, True],
    ["Rome", None, False],
]


def columns(table) -> dict[str, dict[str, Any]]:
    return {column["name"]: column for column in table["columns"]}


def test_an_xlsx_shows_its_sheets_as_tables(take):
    data = xlsx({"Cities": CITIES, "Secret": [["=A1+1", 2], [3, 4]]}, hidden=("Secret",))
    taken = take(data, "x.xlsx")
    found = taken["workbook"]
    assert (found["format"], found["sheets"], found["hidden"]) == ("xlsx", 2, ["Secret"])
    assert (found["macros"], found["formulas"], found["merged"], found["outside_links"]) == (
        False,
        1,
        0,
        0,
    )
    cities, secret = found["tables"]
    assert (cities["name"], cities["rows"], cities["header"]) == ("Cities", 3, True)
    assert cities["head"][0] == ["Berlin", 3.5, True]
    assert columns(cities)["people"]["type"] == "number"
    assert (columns(cities)["people"]["max"], columns(cities)["people"]["nulls"]) == (3.5, 1)
    assert columns(cities)["big"]["type"] == "boolean"
    assert columns(cities)["city"]["distinct"] == 3
    assert (secret["hidden"], secret["header"], secret["rows"]) == (True, False, 2)
    assert columns(secret)["column 2"]["mean"] == 3
    assert taken.reports["workbook"][-1] == (2, 2, "sheets")


def test_what_is_written_above_a_table_is_no_row_of_it(take):
    rows: list[list[Any]] = [["Report of 2024"], [None], *CITIES]
    (found,) = take(xlsx({"Cities": rows}), "x.xlsx")["workbook"]["tables"]
    assert (found["above"], found["header"], found["rows"]) == (["Report of 2024"], True, 3)
    assert list(columns(found)) == ["city", "people", "big"]
    (found,) = take(xlsx({"Cities": CITIES}), "x.xlsx")["workbook"]["tables"]
    assert (found["above"], found["rows"]) == ([], 3)
    numbers: list[list[Any]] = [["Sums"], [1, 2, 3], [4, 5, 6]]
    assert take(xlsx({"A": numbers}), "x.xlsx")["workbook"]["tables"][0]["above"] == []


def test_a_binary_workbook_shows_its_sheets_as_tables(take):
    merged = record(0xB0, bytes(16))
    data = xlsb(
        {"Cities": CITIES, "Secret": [["=A1+1", 2], [3, 4]]}, hidden=("Secret",), more=merged
    )
    taken = take(data, "x.xlsb")
    assert taken.media_type == "application/vnd.ms-excel.sheet.binary.macroenabled.12"
    found = taken["workbook"]
    assert (found["format"], found["sheets"], found["hidden"]) == ("xlsb", 2, ["Secret"])
    assert (found["macros"], found["formulas"], found["merged"], found["outside_links"]) == (
        *(False, 1, 1, 0),
    )
    cities, secret = found["tables"]
    assert (cities["name"], cities["rows"], cities["header"]) == ("Cities", 3, True)
    assert cities["head"][0] == ["Berlin", 3.5, True]
    assert (columns(cities)["people"]["max"], columns(cities)["people"]["nulls"]) == (3.5, 1)
    assert (secret["hidden"], columns(secret)["column 1"]["mean"]) == (True, 5)


def test_a_broken_binary_workbook_is_a_bad_file(take):
    whole = xlsb({"A": CITIES})
    assert "workbook" in take(whole[: len(whole) // 2] + whole[-400:], "x.xlsb").broken
    parts: dict[str, str | bytes] = dict.fromkeys(
        ("xl/workbook.bin", "xl/worksheets/sheet1.bin"), b"\xff" * 500
    )
    assert take(zipped(parts), "x.xlsb").broken["workbook"].endswith(".")


def test_binary_records_are_the_same_however_the_blocks_are_cut():
    data = record(0x00, b"12345678901234567") + record(0x9C, b"x" * 300) + record(0x02)
    expected = [(0x00, b"12345678"), (0x9C, b"x" * 8), (0x02, b"")]
    for size in (1, 2, 3, 7, 100, 1000):
        blocks = [data[place : place + size] for place in range(0, len(data), size)]
        assert list(biff12.records(blocks)) == expected
    assert list(biff12.records([data[:-1], b"\x80\x80"])) == expected[:2]


def test_macros_and_outside_links_are_flagged(take):
    data = xlsx(
        {"A": CITIES},
        more={"xl/vbaProject.bin": b"x", "xl/externalLinks/externalLink1.xml": "<a/>"},
    )
    found = take(data)["workbook"]
    assert (found["macros"], found["outside_links"]) == (True, 1)


def test_columns_of_mixed_cells_are_text_or_name_what_does_not_fit(take):
    rows: list[list[Any]] = [
        ["n", "m"],
        *([number, "word" if number % 2 else number] for number in range(50)),
    ]
    table = take(xlsx({"A": rows}))["workbook"]["tables"][0]
    assert columns(table)["n"]["type"] == "integer"
    assert columns(table)["m"]["type"] == "text"


@pytest.mark.parametrize("missing", [8, 100])
def test_an_old_xls_that_was_cut_is_a_bad_file(take, missing):
    """Its reader panics, which is no exception."""
    assert take((SAMPLES / "old.xls").read_bytes()[:-missing], "old.xls").broken["workbook"]


def test_an_ods_and_an_old_xls_are_read(take):
    table = take(ods("Städte", [["city", "people"], ["Köln", 1], ["Bonn", 2]]))["workbook"][
        "tables"
    ][0]
    assert (table["name"], table["rows"]) == ("Städte", 2)
    assert columns(table)["people"]["mean"] == 1.5
    taken = take(SAMPLES / "old.xls", "old.xls")
    assert taken.media_type == "application/vnd.ms-excel"
    table = taken["workbook"]["tables"][0]
    assert (table["name"], table["head"]) == ("Old", [["Berlin", 3], ["Paris", 2]])


def test_a_sheet_that_spans_the_world_is_not_laid_out(take):
    parts = (
        '<row r="1"><c r="XFD1"><v>1</v></c></row>'
        '<row r="1048576"><c r="A1048576"><v>1</v></c></row>'
    )
    data = xlsx(
        {"Wide": [["a"]], "Good": CITIES},
        more={
            "xl/worksheets/sheet1.xml": '<?xml version="1.0"?><worksheet xmlns="http://schemas.'
            f'openxmlformats.org/spreadsheetml/2006/main"><sheetData>{parts}</sheetData></worksheet>'
        },
    )
    cell = record(0x05, struct.pack("<IId", 16383, 0, 1.0))
    far = row_header(1048575) + cell
    for content in (data, xlsb({"Wide": [["a"]], "Good": CITIES}, more=far)):
        wide, good = take(content)["workbook"]["tables"]
        assert "17,179,869,184" in wide["errors"][0]["problem"]
        assert good["rows"] == 3


def test_broken_workbooks_are_bad_files(take):
    whole = xlsx({"A": CITIES})
    assert "workbook" in take(whole[: len(whole) // 2] + whole[-400:]).broken
    broken = zipped({"xl/workbook.xml": "<workbook"})
    assert take(broken).broken["workbook"].endswith(".")


FRAME = pl.DataFrame(
    {
        "id": range(1000),
        "word": ["a", "b", None, "d"] * 250,
        "day": [datetime.date(2024, 1, 1 + n % 28) for n in range(1000)],
        "price": [n / 4 for n in range(1000)],
        "tags": [["x", "y"]] * 1000,
    }
)


def written(form: str) -> bytes:
    buffer = io.BytesIO()
    if form == "parquet":
        FRAME.write_parquet(buffer, row_group_size=400, compression="zstd")
    elif form == "arrow":
        FRAME.write_ipc(buffer)
    else:
        FRAME.write_ipc_stream(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["parquet", "arrow", "arrow stream"])
def test_columnar_files_keep_their_types(take, form):
    taken = take(written(form))
    found = taken["columnar"]
    table = found["tables"][0]
    assert (found["format"], table["rows"], table["width"]) == (form, 1000, 5)
    assert found["schema"][1] == {"name": "word", "type": "String"}
    assert table["head"][0] == [0, "a", "2024-01-01", 0.0, "['x', 'y']"]
    shown = columns(table)
    assert (shown["id"]["min"], shown["id"]["max"], shown["id"]["distinct"]) == (0, 999, 1000)
    assert (shown["word"]["nulls"], shown["word"]["distinct"]) == (250, 3)
    assert (shown["day"]["type"], shown["day"]["min"], shown["day"]["max"]) == (
        "date",
        "2024-01-01",
        "2024-01-28",
    )
    assert shown["price"]["mean"] == 124.875
    assert shown["tags"]["type"] == "list"
    assert taken.reports["columnar"][-1] == (1000, 1000, "rows")


def test_parquet_tells_its_row_groups_and_codec(take):
    found = take(written("parquet"))["columnar"]
    assert (found["row_groups"], found["codecs"]) == (3, ["zstd"])
    assert "Polars" in found["created_by"]


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_broken_columnar_files_are_bad_files(take, form):
    data = written(form)
    assert take(data[: len(data) // 2]).broken["columnar"].startswith(f"The {form} file")
    assert take(data[:200] + b"\xff" * 400 + data[600:]).media_type


def test_json_lines_are_a_table_with_broken_lines_named(take):
    lines = [json.dumps({"id": n, "name": f"n{n}", "tags": [n]}) for n in range(30)]
    lines[10] = '{"id": 10, '
    lines.insert(5, "")
    taken = take("\n".join(lines), "x.jsonl")
    found = taken["json-lines"]
    table = found["tables"][0]
    assert (table["rows"], table["blank_lines"], table["errors_total"]) == (29, 1, 1)
    assert table["errors"][0]["line"] == 12
    shown = columns(table)
    assert (shown["id"]["type"], shown["id"]["max"]) == ("integer", 29)
    assert shown["tags"]["type"] == "text"
    assert table["head"][3] == [3, "n3", "[3]"]


def test_keys_that_come_late_are_counted(take, monkeypatch):
    from uploads.processors import json_lines

    monkeypatch.setattr(json_lines, "SNIFFED_ROWS", 5)
    lines = [json.dumps({"a": n} if n < 8 else {"a": n, "late": 1}) for n in range(10)]
    found = take("\n".join(lines), "x.ndjson")["json-lines"]
    assert (found["later_keys"], found["tables"][0]["rows"]) == (1, 10)


def test_lines_that_are_no_objects_have_one_column(take):
    table = take("[1]\n[2]\n3\n", "x.jsonl")["json-lines"]["tables"][0]
    assert list(columns(table)) == ["value"]
    assert table["rows"] == 3


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "x.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        CREATE TABLE cities (name TEXT, people REAL, photo BLOB);
        CREATE TABLE "odd ""name" (n INTEGER);
        CREATE VIEW endless AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)
        SELECT x FROM n;
        """
    )
    connection.executemany(
        "INSERT INTO cities VALUES (?, ?, ?)", [("Köln", 1.5, b"\0\1"), ("Bonn", None, None)]
    )
    connection.executemany('INSERT INTO "odd ""name" VALUES (?)', [(n,) for n in range(500)])
    connection.commit()
    connection.close()
    return path


def test_a_database_shows_its_tables_and_runs_no_view(take, database):
    taken = take(database, "x.db")
    found = taken["database"]
    assert [entry["name"] for entry in found["objects"]] == ["cities", 'odd "name', "endless"]
    cities, odd = found["tables"]
    assert (cities["name"], cities["rows"]) == ("cities", 2)
    assert cities["head"] == [["Köln", 1.5, "2 bytes"], ["Bonn", None, None]]
    assert columns(odd)["n"]["mean"] == 249.5
    assert taken.reports["database"][-1] == (502, 502, "rows")


def test_a_broken_database_is_a_bad_file(take, database):
    data = bytearray(database.read_bytes())
    data[100:4000] = b"\xee" * 3900
    assert "can't be read" in take(bytes(data)).broken["database"]
    assert "database" in take(b"SQLite format 3\0" + b"\1" * 3000).broken


def test_each_sheet_with_a_header_is_copied_to_parquet(take, monkeypatch):
    monkeypatch.setattr(parquet_copy, "WORTH", 10)
    rows: list[list[Any]] = [["id", "name", "share"]]
    rows += [[n, f"n{n}", n / 4] for n in range(600)]
    numbers: list[list[Any]] = [[1.5, 2], [3, 4]]
    taken = take(xlsx({"People": rows, "Numbers": numbers, "Empty": []}), "x.xlsx")
    found = taken["parquet-copy"]
    (copy,) = found["copies"]
    assert (copy["name"], copy["artifact"], copy["rows"]) == ("People", "table-1.parquet", 600)
    assert [one["type"] for one in copy["columns"]] == ["integer", "text", "number"]
    frame = pl.read_parquet(io.BytesIO(taken.artifact("parquet-copy", "table-1.parquet")))
    assert frame.row(7) == (7, "n7", 1.75)
    assert taken.reports["parquet-copy"][-1] == (600, 600, "rows")


def test_each_table_of_a_database_is_copied_without_a_loss(take, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_copy, "WORTH", 10)
    path = tmp_path / "x.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE large (id INTEGER, photo BLOB, either)")
        rows = [(2**60 + n, bytes([n % 256]), n if n % 2 else f"t{n}") for n in range(25_000)]
        connection.executemany("INSERT INTO large VALUES (?, ?, ?)", rows)
        connection.execute("CREATE TABLE none (a, b)")
    connection.close()
    taken = take(path.read_bytes(), "x.sqlite")
    assert [copy["name"] for copy in taken["parquet-copy"]["copies"]] == ["large"]
    frame = pl.read_parquet(io.BytesIO(taken.artifact("parquet-copy", "table-1.parquet")))
    assert frame.height == 25_000
    assert frame.row(24_999) == (2**60 + 24_999, "a7", "24999")
    assert frame.row(2) == (2**60 + 2, "02", "t2")


def test_a_workbook_without_a_header_has_no_copy(take, monkeypatch):
    assert "KiB" in take(xlsx({"A": [["a", "b"], [1, 2]]}), "x.xlsx")["parquet-copy"]["skipped"]
    monkeypatch.setattr(parquet_copy, "WORTH", 10)
    assert "header" in take(xlsx({"A": [[1, 2], [3, 4]]}), "x.xlsx")["parquet-copy"]["skipped"]
