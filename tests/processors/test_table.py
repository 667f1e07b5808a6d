"""What is shown of a delimited text: its dialect, first rows, broken rows, and the
profile of each column.
"""

from __future__ import annotations

import csv
import datetime
import io
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from uploads.processors import columns as columns_module
from uploads.processors import parquet_copy, profile, records, small_columns, table
from uploads.processors.columns import Column
from uploads.processors.dialect import sniff
from uploads.processors.profile import mixed_series

PEOPLE = """name,born,height,active,joined,note
Ada,1815,1.65,yes,2024-01-02,first
Grace,1906,1.70,no,2024-02-03,
Alan,1912,,yes,2024-03-04,"with, comma"
Ada,1815,1.80,no,2024-04-05,"two
lines"
"""


def shown(take, content, name="x.csv"):
    taken = take(content, name)
    found = taken["table"]
    (only,) = found["tables"]
    return found, only, {column["name"]: column for column in only["columns"]}


def test_a_small_table_is_profiled_with_exact_values(take):
    found, table, columns = shown(take, PEOPLE)
    assert (found["format"], found["delimiter"], found["header"]) == ("csv", ",", True)
    assert (table["rows"], table["width"], table["errors_total"]) == (4, 6, 0)
    assert table["head"][0] == ["Ada", "1815", "1.65", "yes", "2024-01-02", "first"]
    assert table["head"][3][5] == "two\nlines"
    assert {name: column["type"] for name, column in columns.items()} == {
        "name": "text",
        "born": "integer",
        "height": "number",
        "active": "boolean",
        "joined": "date",
        "note": "text",
    }
    born = columns["born"]
    assert (born["min"], born["max"], born["mean"], born["distinct"]) == (1815, 1912, 1862.0, 3)
    assert born["quantiles"]["p50"] == 1860.5
    assert born["top"][0] == {"value": "1815", "count": 2}
    assert sum(part["count"] for part in born["histogram"]) == 4
    height = columns["height"]
    assert (height["nulls"], height["min"], height["max"]) == (1, 1.65, 1.8)
    assert height["std"] == pytest.approx(0.0763762616)
    assert (columns["joined"]["min"], columns["joined"]["max"]) == ("2024-01-02", "2024-04-05")
    assert columns["note"]["nulls"] == 1
    assert columns["name"]["length"] == {"min": 3, "max": 5, "mean": 3.75}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(take, delimiter):
    content = "\n".join(
        delimiter.join(row) for row in (["a", "b", "c"], ["1", "x y", "3"], ["4", "z", "6"])
    )
    found, table, _ = shown(take, content)
    assert found["delimiter"] == delimiter
    assert table["rows"] == 2


def test_a_table_without_names_gets_numbered_columns(take):
    found, table, columns = shown(take, "1,2\n3,4\n5,6\n")
    assert found["header"] is False
    assert table["rows"] == 3
    assert list(columns) == ["column 1", "column 2"]


def test_repeated_and_missing_names_are_told_apart(take):
    _, _, columns = shown(take, "a,a,,b\n1,2,3,4\n5,6,7,8\n")
    found, _, _ = shown(take, "a,b,,c\n1,2,3,4\n5,6,7,8\n")
    assert found["header"] is True
    assert list(columns) == ["a", "a (2)", "column 3", "b"]


def test_one_column_is_a_table_too(take):
    found, table, columns = shown(take, "city\nBerlin\nParis\nBerlin\n")
    assert found["delimiter"] is None
    assert (table["rows"], table["width"]) == (3, 1)
    assert columns["city"]["top"][0] == {"value": "Berlin", "count": 2}


def test_broken_rows_are_named_by_their_line(take):
    content = 'a,b\n1,2\n3\n\n4,5,6\n"7\n7",8\n9,"open\n10,11\n'
    _, table, columns = shown(take, content)
    assert table["errors"] == [
        {"line": 3, "problem": "1 fields instead of 2"},
        {"line": 5, "problem": "3 fields instead of 2"},
        {"line": 8, "problem": "a quote is never closed"},
    ]
    assert table["blank_lines"] == 1
    assert table["rows"] == 6
    assert columns["b"]["nulls"] == 1


def test_a_tsv_with_broken_rows_names_them(take):
    taken = take("n\tword\n1\ta, b\n2\n3\tc\td\n4\te\n", "x.tsv")
    assert taken.media_type == "text/tab-separated-values"
    table = taken["table"]["tables"][0]
    assert (taken["table"]["format"], taken["table"]["delimiter"], table["rows"]) == (
        "tsv",
        "\t",
        4,
    )
    assert table["head"][0] == ["1", "a, b"]
    assert [(row["line"], row["problem"][:1]) for row in table["errors"]] == [(3, "1"), (4, "3")]


def test_values_of_another_type_are_counted_and_named(take):
    content = "n\n" + "".join(f"{n}\n" for n in range(99)) + "many\nNA\n"
    _, _, columns = shown(take, content)
    assert columns["n"]["type"] == "integer"
    assert columns["n"]["invalid"] == 1
    assert columns["n"]["invalid_shown"] == [{"line": 101, "value": "many"}]
    assert columns["n"]["nulls"] == 1
    assert columns["n"]["max"] == 98


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["00123", "00456"], "text"),
        (["+49 30", "+49 40"], "text"),
        (["+493012345", "+493012346"], "text"),
        (["+1.5", "-0.3", "+12.0"], "number"),
        (["+3", "-2", "\\N", "..", "NaT"], "integer"),
        (["1,5", "2,25"], "number"),
        (["1.234,5", "2,25"], "number"),
        (["1e3", "2.5"], "number"),
        (["31.12.2024", "01.02.2024"], "date"),
        (["12/31/2024", "01/02/2024"], "date"),
        (["2024-05-01T10:00:00", "2024-05-01T11:30:00"], "datetime"),
        (["2024-05-01 10:00:00.5", "2024-05-01 11:30:00"], "datetime"),
        (["true", "FALSE"], "boolean"),
        (["", ""], "empty"),
        (["99999999999999999999", "1"], "number"),
        (["1", "x"], "text"),
    ],
)
def test_types_are_told_by_the_values(take, values, kind):
    content = "a;b\n" + "".join(f"{value};word\n" for value in values * 20)
    _, _, columns = shown(take, content)
    assert columns["a"]["type"] == kind


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "cp1252"])
def test_old_encodings_are_read(take, coding):
    content = "stadt;größe\nKöln;1\nMünchen;2\nGöttingen;3\n".encode(coding)
    found, table, columns = shown(take, content)
    assert table["head"][0] == ["Köln", "1"]
    assert list(columns) == ["stadt", "größe"]
    assert found["bom"] is (coding != "cp1252")


@pytest.mark.parametrize("eol", ["\r\n", "\r"])
def test_other_line_ends_are_read(take, eol):
    _, table, columns = shown(take, PEOPLE.replace("\n", eol))
    assert table["rows"] == 4
    assert columns["note"]["top"][0] == {"value": "first", "count": 1}
    assert table["errors_total"] == 0


def test_quotes_inside_fields_do_not_swallow_the_rest(take):
    content = 'size,name\n5" disk,a\n3" disk,b\n8" disk,c\n9 disk,d\n'
    _, table, _ = shown(take, content)
    assert [row[0] for row in table["head"]] == ['5" disk', '3" disk', '8" disk', "9 disk"]


def test_quotes_that_stay_open_cost_no_quadratic_time(take):
    line = '""' * 400 + "b,1\n"
    content = "a,b\n" + ('"x,1\n' + line * 999) * 6
    _, table, _ = shown(take, content)
    assert table["rows"] > 0


def test_an_empty_table_and_one_with_names_only(take):
    _, table, columns = shown(take, "a,b,c\n")
    assert (table["rows"], list(columns)) == (0, ["a", "b", "c"])
    assert all(column["type"] == "empty" for column in columns.values())
    _, table, _ = shown(take, "\n\n\n")
    assert table["rows"] == 0


def test_a_line_of_50_megabytes_is_left_out_with_a_word(take, tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n1,2\n" + b"x" * (50 << 20) + b"\n3,4\n")
    _, table, _ = shown(take, path)
    assert table["rows"] == 2
    assert table["errors"] == [{"line": 3, "problem": "longer than 1024 KiB, left out"}]
    path.write_bytes(b"word, " * ((50 << 20) // 6))
    _, table, _ = shown(take, path)
    assert table["rows"] == 0


def test_thousands_of_columns_stay_bounded(take):
    wide = ",".join(f"c{n}" for n in range(5000)) + "\n" + ",".join("1" * 5000) + "\n"
    _, table, columns = shown(take, wide)
    assert table["width"] == 5000
    assert len(columns) <= 256
    assert table["rows"] == 1


def test_the_rows_are_those_of_the_standard_library(take, monkeypatch):
    """Blocks of any size give what Python's own parser gives."""
    random.seed(5)
    words = ["plain", "", "with, comma", 'with "quotes"', "two\nlines", "ünï", " spaced "]
    rows = [["a", "b", "c"], *([random.choice(words) for _ in range(3)] for _ in range(300))]
    rows = [row for row in rows if any(row)]
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    for size in (7, 64, 1000, 1 << 20):
        monkeypatch.setattr(records, "BLOCK", size)
        _, table, _ = shown(take, buffer.getvalue())
        assert table["errors_total"] == 0
        assert table["rows"] == len(rows) - 1
        assert [[cell or "" for cell in row] for row in table["head"]] == rows[1:101]


def test_many_rows_give_close_estimates(take):
    random.seed(1)
    values = [random.gauss(100, 15) for _ in range(250_000)]
    content = "id,value,word\n" + "".join(
        f"{n},{v:.6f},w{n % 50_000}\n" for n, v in enumerate(values)
    )
    _, table, columns = shown(take, content)
    values.sort()
    assert table["rows"] == 250_000
    assert columns["value"]["mean"] == pytest.approx(sum(values) / len(values))
    assert columns["value"]["quantiles"]["p50"] == pytest.approx(values[125_000], rel=0.01)
    assert columns["word"]["distinct"] == pytest.approx(50_000, rel=0.08)
    assert columns["word"]["distinct_exact"] is False
    assert columns["id"]["distinct"] == pytest.approx(250_000, rel=0.08)


def test_no_more_values_differ_than_there_are(take, monkeypatch):
    monkeypatch.setattr(columns_module, "SKETCH", 64)  # which guesses too high in every other case
    rows = (",".join(f"{n * factor}" for factor in range(1, 11)) for n in range(30_000))
    _, table, columns = shown(take, "a,b,c,d,e,f,g,h,i,j\n" + "\n".join(rows) + "\n")
    assert max(column["distinct"] for column in columns.values()) == table["rows"] == 30_000
    assert not any(column["distinct_exact"] for column in columns.values())


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("rows", [3, 60_000])
def test_a_first_line_for_excel_says_the_delimiter_and_is_no_row(take, coding, rows):
    lines = ["sep=;", "city;people, in all", *(f"Bern;{n},5" for n in range(rows))]
    found, table, columns = shown(take, ("\r\n".join(lines) + "\r\nx;1;2\r\n").encode(coding))
    assert (found["delimiter"], found["bom"]) == (";", coding != "utf-8")
    assert list(columns) == ["city", "people, in all"]
    assert table["rows"] == rows + 1
    assert table["errors"] == [{"line": rows + 3, "problem": "3 fields instead of 2"}]


def test_progress_counts_the_bytes(take):
    taken = take(PEOPLE, "x.csv")
    assert taken.reports["table"][-1] == (len(PEOPLE), len(PEOPLE), "bytes")


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("Country,Lat,1/22/20,1/23/20\nA,33.9,0,0\nB,41.1,0,1\n", None),
        ("Land,2019,2020\nDE,1.5,2.5\nFR,3,4\n", None),
        (",0,1,2\n0,0.5,1.5,2.5\n1,1,2,3\n", ["column 1", "0", "1", "2"]),
    ],
)
def test_names_may_be_repeated_or_days_years_and_numbers_in_turn(take, content, names):
    found, table, columns = shown(take, content)
    assert (found["header"], table["rows"]) == (True, 2)
    assert list(columns) == (names or content.partition("\n")[0].split(","))
    assert {column["type"] for column in columns.values()} <= {"text", "integer", "number"}


@pytest.mark.parametrize(
    "content", ["DE,2019,2020\nFR,2021,2022\n", "x,2001\ny,15\n", "2019,2020\n1,2\n", "a,a\na,b\n"]
)
def test_a_first_row_of_values_is_no_row_of_names(take, content):
    assert shown(take, content)[0]["header"] is False


STATEMENT = (
    "Kontonummer:;DE12 3456\r\nStand:;1.234,56 EUR\r\n\r\n"
    "Tag;Text;Empfänger;Zweck;Betrag\r\n" + "01.02.2024;Kauf;Möller;Buch;-12,50\r\n" * 30
)


@pytest.mark.parametrize("coding", ["cp1252", "utf-8-sig", "utf-16"])
def test_what_is_written_over_a_table_is_no_row_of_it(take, coding):
    _, table, columns = shown(take, (STATEMENT + "1;2\r\n").encode(coding))
    assert table["above"] == ["Kontonummer: DE12 3456", "Stand: 1.234,56 EUR"]
    assert (table["rows"], list(columns)) == (31, ["Tag", "Text", "Empfänger", "Zweck", "Betrag"])
    assert columns["Betrag"]["type"] == "number"
    assert table["errors"] == [{"line": 35, "problem": "2 fields instead of 5"}]


def test_remarks_over_a_table_are_no_rows_and_may_end_with_its_names(take):
    _, table, columns = shown(take, "# measured\n# in 2024\nday,mm\n1,2.5\n2,3.5\n")
    assert (table["above"], list(columns)) == (["# measured", "# in 2024"], ["day", "mm"])
    _, table, columns = shown(take, "##version=4\n#CHROM\tPOS\tID\n1\t2\trs1\n1\t3\trs2\n", "a.tsv")
    assert (table["above"], table["rows"]) == (["##version=4"], 2)
    assert list(columns) == ["#CHROM", "POS", "ID"]


def test_short_rows_at_the_beginning_are_rows_where_no_names_come_below(take):
    _, table, _ = shown(take, "apple\nbanana,yellow,fruit\ncherry,red,fruit\nplum,blue,fruit\n")
    assert table["above"] == []


def test_a_tsv_with_commas_is_cut_at_tabs():
    found = sniff("a\tb\n1,2,3\t4,5,6\n", whole=True, tabs=True)
    assert (found.delimiter, found.names) == ("\t", ("a", "b"))


def test_a_parquet_copy_has_the_same_rows_with_their_types(take, monkeypatch):
    monkeypatch.setattr(parquet_copy, "WORTH", 10)
    taken = take(PEOPLE, "x.csv")
    assert taken["parquet-copy"]["rows"] == 4
    copy = pl.read_parquet(io.BytesIO(taken.artifact("parquet-copy", "table.parquet")))
    assert copy.columns == ["name", "born", "height", "active", "joined", "note"]
    assert copy.row(0) == ("Ada", 1815, 1.65, True, datetime.date(2024, 1, 2), "first")
    assert copy["note"].to_list()[3] == "two\nlines"
    assert taken.reports["parquet-copy"][-1] == (4, 4, "rows")


def test_a_copy_keeps_values_that_do_not_fit_their_column(take, monkeypatch):
    monkeypatch.setattr(parquet_copy, "WORTH", 10)
    content = "n,m\n" + "".join(f"{n},{n}\n" for n in range(99)) + "many,5\n"
    taken = take(content, "x.csv")
    copy = pl.read_parquet(io.BytesIO(taken.artifact("parquet-copy", "table.parquet")))
    assert copy["n"].to_list()[-1] == "many"
    assert copy.schema["m"] == pl.Int64


def test_json_lines_are_copied_with_their_types_too(take, monkeypatch):
    monkeypatch.setattr(parquet_copy, "WORTH", 10)
    lines = [
        f'{{"n": {n}, "day": "2024-01-{n % 28 + 1:02}", "in": {{"a": [{n}]}}}}' for n in range(3000)
    ]
    lines += ["broken", '{"n": 0.5, "later": 1}', '{"n": null, "day": "some day"}']
    taken = take("\n".join(lines), "x.ndjson")
    assert taken["parquet-copy"]["rows"] == 3002
    copy = pl.read_parquet(io.BytesIO(taken.artifact("parquet-copy", "table.parquet")))
    assert copy.schema == {"n": pl.Float64, "day": pl.String, "in": pl.String}
    assert copy.row(1) == (1.0, "2024-01-02", '{"a":[1]}')
    assert copy["n"].to_list()[-2:] == [0.5, None]
    assert copy["day"].to_list()[-2:] == [None, "some day"]
    size = len("\n".join(lines))
    assert taken.reports["parquet-copy"][-1] == (size, size, "bytes")


def test_json_lines_without_a_key_are_not_copied(take, monkeypatch):
    monkeypatch.setattr(parquet_copy, "WORTH", 10)
    taken = take("{}\n" * 2000, "x.ndjson")
    assert "no rows" in taken["parquet-copy"]["skipped"]


def test_no_copy_is_made_of_little_or_of_too_many_columns(take, monkeypatch):
    assert "KiB" in take(PEOPLE, "x.csv")["parquet-copy"]["skipped"]
    monkeypatch.setattr(parquet_copy, "WORTH", 1)
    assert "skipped" in take("a,b\n", "x.csv")["parquet-copy"]
    wide = ",".join(f"c{n}" for n in range(300)) + "\n" + ",".join("1" * 300) + "\n"
    assert "skipped" in take(wide, "x.csv")["parquet-copy"]


COLUMNS = {
    "integer": [str(n * 7 % 50) for n in range(60)],
    "number": [f"{n / 8}" for n in range(60)],
    "comma": [f"{n},5" for n in range(60)],
    "sparse": ["", "NA", "3", "4", "-"] * 12,
    "mostly": [*(str(n) for n in range(58)), "many", "?"],
    "date": [f"2024-03-{n % 28 + 1:02}" for n in range(60)],
    "german": [f"{n % 28 + 1:02}.03.2024" for n in range(60)],
    "moment": [f"2024-03-01T12:00:{n:02}.25" for n in range(60)],
    "zoned": [f"2024-03-01T12:00:{n:02}+02:00" for n in range(60)],
    "boolean": ["yes", "No", "TRUE"] * 20,
    "code": [f"00{n}" for n in range(60)],
    "word": ["plain", "with space", "ünï"] * 20,
    "empty": [""] * 60,
    "one": ["5"] * 60,
    "huge": ["99999999999999999999", "1"] * 30,
    "euro": ["1.234,50 €", "-0,5 €", "− 3 €", "12", "€ 7,00"] * 12,
    "pounds": ["£1,234.50", "(£12.00)", "£-3", "-"] * 15,
    "francs": ["CHF 1'234.50", "Fr. 3"] + ["CHF 12.00"] * 58,
    "percent": [f"{n}.5 %" for n in range(59)] + ["1 %"],
    "brackets": ["(12.00)", "15.00", "1,234,567"] * 20,
    "spaces": ["1\u202f234,5", "12,25"] * 30,
    "time": [f"{n}:{n % 60:02}:07.25" for n in range(60)],
    "words": ["3 May 2024", "12 Jun 2023"] * 30,
    "american": ["May 3, 2024", "June 12, 2023"] * 30,
    "short": ["03.05.24", "31.12.99"] * 30,
    "slashes": ["5/3/24", "12/31/99"] * 30,
    "afternoon": ["3/5/2024 1:05 PM", "12/31/2024 11:59 AM"] * 30,
    "seconds": ["03.05.2024 10:00:01", "31.12.2024 23:59:59"] * 30,
}


@pytest.mark.parametrize(
    ("values", "form", "unit", "low", "high"),
    [
        (["1.234,50 €", "12,00 €", "3.400 €"], "comma", "€", 12, 3400),
        (["1,234.50 €", "-5.00 €"], "grouped", "€", -5, 1234.5),
        (["$ 12", "$1,300.50", "($7)"], "grouped", "$", -7, 1300.5),
        (["(12.00)", "15.00", "3,000.00"], "grouped", None, -12, 3000),
        (["12 %", "3.5%", "100%"], "grouped", "%", 3.5, 100),
        (["12,5 %", "+3 %"], "comma", "%", 3, 12.5),
        (["CHF 1'234.50", "CHF 12.00"], "grouped", "CHF", 12, 1234.5),
        (["Rs. 1,23.5", "Rs. 12.50", *["Rs. 1,000.00"] * 40], "grouped", "Rs.", 12.5, 1000),
        (["1,234,567", "12,345"], "grouped", None, 12345, 1234567),
        (["1.234.567,5", "12"], "comma", None, 12, 1234567.5),
    ],
    ids=str,
)
def test_amounts_are_numbers_with_their_unit(values, form, unit, low, high):
    found = small_columns.profile("x", values)
    assert (found["type"], found["form"], found["unit"]) == ("number", form, unit)
    assert (found["min"], found["max"]) == (low, high)


@pytest.mark.parametrize(
    "values",
    [
        ["1,234", "5,678"],
        ["1.234 €", "5.678 €"],
        ["1,234.50", "1.234,50"],
        ["12 €", "12 $"],
        ["12 €", "12"],
        ["(1)", "(2)", "(3)"],
        ["732 829 320", "123 456 789"],
        ["192.168.100.101", "192.168.100.102"],
        ["1.2.3", "1.10.4"],
        ["1:02", "3:45"],
        ["12 apples", "3 apples"],
        ["5%off", "3%off"],
    ],
    ids=str,
)
def test_what_may_be_read_two_ways_stays_text(values):
    assert small_columns.profile("x", values)["type"] == "text"
    large = Column("x")
    large.add(pl.Series(values))
    assert large.result()["type"] == "text"


def test_times_are_said_as_times():
    found = small_columns.profile("x", ["00:10:00", "25:00:30.5"])
    assert (found["type"], found["min"], found["max"]) == ("time", "00:10:00", "25:00:30.5")


def test_a_copy_keeps_the_units_that_its_profile_sets_apart(take, monkeypatch):
    monkeypatch.setattr(parquet_copy, "WORTH", 10)
    taken = take("price,lap\n" + '"1.234,50 €",00:01:02\n' * 3, "x.csv")
    copy = pl.read_parquet(io.BytesIO(taken.artifact("parquet-copy", "table.parquet")))
    assert copy.row(0) == ("1.234,50 €", "00:01:02")


@pytest.mark.parametrize("name", COLUMNS)
def test_small_and_large_tables_are_profiled_alike(name):
    """The plain way for small tables and the fast way for large ones give the same figures."""
    values = [value or None for value in COLUMNS[name]]
    lines = range(2, 62)
    large = Column(name)
    large.add(pl.Series(values, dtype=pl.String), lines)
    small = small_columns.profile(name, list(values), lines)
    expected = large.result()
    assert sorted(small.pop("top"), key=str) == sorted(expected.pop("top"), key=str)
    assert small == expected


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, None, 4],
        [1.0, 2.5, None, 4],
        [1.0, 2.0, 3.0],
        [True, False, None, True],
        [datetime.date(2024, 1, 1), datetime.date(2024, 2, 1), None],
        [datetime.datetime.fromisoformat(f"2024-0{n}-01T12:00") for n in (1, 2)],
        [None, None],
        ["a", 1, None],
        ["1", 2, 3.5],
    ],
    ids=str,
)
def test_typed_values_are_profiled_alike(values):
    large = Column("x")
    large.add(mixed_series(list(values)))
    small = small_columns.profile("x", list(values))
    expected = large.result()
    assert len(small.pop("top")) == len(expected.pop("top"))
    assert small == expected


def test_a_table_that_grows_large_gives_what_it_would_have_given(take, monkeypatch):
    content = "a,b\n" + "".join(f"{n},w{n % 7}\n" for n in range(500))
    _, small, _ = shown(take, content)
    monkeypatch.setattr(profile, "SMALL_CELLS", 10)
    _, grown, _ = shown(take, content)
    monkeypatch.setattr(table, "SMALL", 10)
    _, large, _ = shown(take, content)
    for found in (small, grown, large):
        for column in found["columns"]:
            column["top"].sort(key=str)
    assert small == grown == large


def test_small_tables_do_not_load_the_library_for_large_ones(tmp_path):
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from tests.processors.conftest import take_apart\n"
        "taken = take_apart(Path(sys.argv[1]), 'x.csv', Path(sys.argv[2]))\n"
        "assert taken['table']['tables'][0]['rows'] == 4\n"
        "assert 'polars' not in sys.modules\n"
    )
    (tmp_path / "x").write_text(PEOPLE)
    command = [sys.executable, "-c", program, str(tmp_path / "x"), str(tmp_path / "out")]
    subprocess.run(command, check=True, timeout=60, cwd=Path(__file__).parents[2])
