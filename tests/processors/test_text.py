"""What the text step counts, in blocks cut anywhere, however long a line is."""

from __future__ import annotations

import tracemalloc

import pytest

from uploads.processors import text
from uploads.processors.text import Counts


def test_a_note_is_counted(take):
    found = take("The cat sat on the mat.\n\nIt is the end of the story\n", "a.txt")["text"]
    assert (found["lines"], found["blank_lines"], found["words"]) == (3, 1, 13)
    assert (found["characters"], found["bytes"]) == (52, 52)
    assert (found["eol"], found["encoding"], found["bom"]) == ("lf", "ascii", False)
    assert (found["longest_line"], found["longest_line_number"]) == (26, 3)
    assert found["ends_with_newline"] is True
    assert found["head"].startswith("The cat")
    assert found["head_truncated"] is False


@pytest.mark.parametrize(
    ("content", "encoding", "bom"),
    [
        ("häuser\n".encode(), "utf-8", False),
        ("häuser\n".encode("utf-8-sig"), "utf-8", True),
        ("häuser und bäume\n".encode("utf-16"), "utf-16-le", True),
        (b"\xfe\xff" + "häuser".encode("utf-16-be"), "utf-16-be", True),
        ("Häuser und Bäume stehen überall.\n".encode("cp1252"), "cp1252", False),
        ("Привет, как дела сегодня?\n".encode("cp1251") * 4, "cp1251", False),
    ],
)
def test_the_encoding_is_found(take, content, encoding, bom):
    found = take(content, "a.txt")["text"]
    assert (found["encoding"], found["bom"]) == (encoding, bom)
    assert found["invalid"] == 0
    assert "\ufeff" not in found["head"]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("“Schöne” Grüße – 5 €\n", "cp1252"),
        ("grüne Bäume, déjà vu, señor\n", "cp1252"),
        ("Þetta er íslenska og það\n", "cp1252"),
        ("Café déjà vu, naïve\n", "mac-roman"),
        ("Grüße aus Köln\n", "cp850"),
        ("Příliš žluťoučký kůň\n", "cp1250"),
        ("Příliš žluťoučký kůň\n", "iso8859-2"),
        ("Zażółć gęślą jaźń, a dziś jest środa\n", "cp1250"),
        ("Árvíztűrő tükörfúrógép\n", "cp1250"),
        ("Şimdi güneşli bir gün, ağaçlar yeşil\n", "cp1254"),
        ("Это русский текст\n", "cp1251"),
        ("Это русский текст\n", "koi8-r"),
        ("Это русский текст\n", "cp866"),
        ("int a; // привет мир\n", "cp1251"),
        ("η γρήγορη καφετιά αλεπού\n", "iso8859-7"),
        ("שלום עולם\n", "cp1255"),
        ("これは日本語の文章です。改行もあります。\n" * 8, "cp932"),
        ("这是一个中文文本文件,用于测试编码。\n", "gb18030"),
    ],
)
def test_old_encodings_are_told_apart_by_the_letters_of_a_language(take, content, encoding):
    found = take(content.encode(encoding), "a.txt")["text"]
    assert found["head"] == content
    assert found["encoding_certain"] is False


def test_what_no_language_explains_is_not_taken_for_wide_characters(take):
    found = take("Größe\r\n▒░ █ ä\r\n".encode("cp437"), "a.txt")["text"]
    assert not found["encoding"].startswith("utf")
    assert (found["lines"], found["eol"], found["head"][:2]) == (2, "crlf", "Gr")


def test_a_mark_inside_does_not_make_text_binary(take):
    found = take("Zeile\r\n".encode("utf-16") * 20, "a.txt")["text"]
    assert (found["encoding"], found["lines"]) == ("utf-16-le", 20)


def test_a_late_foreign_byte_is_noticed(take):
    found = take(b"plain ascii\n" * 20_000 + "schön und grün\n".encode("cp1252"), "a.txt")["text"]
    assert found["encoding"] == "cp1252"


@pytest.mark.parametrize(
    ("content", "eol", "lines"),
    [
        ("a\nb\n", "lf", 2),
        ("a\r\nb", "crlf", 2),
        ("a\rb\r", "cr", 2),
        ("a\nb\r\n", "mixed", 2),
        ("a", "none", 1),
    ],
)
def test_line_ends_are_told_apart(take, content, eol, lines):
    found = take(content, "a.txt")["text"]
    assert (found["eol"], found["lines"]) == (eol, lines)


def test_counts_do_not_depend_on_where_the_blocks_are_cut():
    whole = "one two\r\nthree\rfour\n\n  \nfive six seven\r\n\r\nlast"
    expected = Counts()
    expected.add(whole)
    expected.end()
    for size in range(1, 12):
        cut = Counts()
        for place in range(0, len(whole), size):
            cut.add(whole[place : place + size])
        cut.end()
        assert cut.result() == expected.result()


def test_a_line_of_50_megabytes_is_counted(take, tmp_path):
    path = tmp_path / "long.txt"
    path.write_bytes(b"word " * 10 * 1024 * 1024)
    found = take(path, "long.txt")["text"]
    assert found["lines"] == 1
    assert found["longest_line"] == 50 * 1024 * 1024
    assert found["words"] == 10 * 1024 * 1024
    assert len(found["head"]) <= text.HEAD_LINE_CHARACTERS
    assert found["head_truncated"] is True


def test_a_long_line_is_never_held_as_a_whole():
    counts = Counts()
    block = "x" * text.BLOCK
    tracemalloc.start()
    for _ in range(40):
        counts.add(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counts.lines == 1
    assert peak < 4 * text.BLOCK


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (
            "It was the best of times, it was the worst of times, and that is how it was for us.",
            "en",
        ),
        (
            "Das ist der Anfang von dem Buch, und es wird nicht das Ende für sie sein.",
            "de",
        ),
        (
            "C'est la vie, et les jours passent dans le calme pour ceux qui ne sont pas là.",
            "fr",
        ),
        ("Съешь ещё этих мягких французских булок, да выпей чаю.", "ru"),
        ("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。", "ja"),
    ],
)
def test_the_language_is_guessed(take, content, code):
    assert take(content, "a.txt")["text"]["language"]["code"] == code


def test_no_language_is_guessed_for_what_is_no_prose(take):
    line = '10.0.0.1 - - [01/May/2024:10:00:00 +0000] "GET /a?v=1 HTTP/1.1" 200 1\n'
    assert take(line * 50, "access.log")["text"]["language"] is None
    assert take("x1 y2 z3\n" * 50, "a.txt")["text"]["language"] is None
    english = "A tool, a queue, a page. Drop a file, see a bar, get a result. Made with a plan.\n"
    found = take(english, "a.txt")["text"]["language"]
    assert found is None, "one word that Czech has, too, makes no Czech"
