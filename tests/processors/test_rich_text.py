"""Rich text: its headings, lists, tables, notes and letters, and what hides in it."""

from __future__ import annotations

import pytest


def text_of(taken) -> str:
    written: bytes = taken.artifact("office", "text.md")
    return written.decode()


def test_headings_lists_tables_and_notes_are_kept(take):
    data = (
        rb"{\rtf1\ansi{\stylesheet{\s0 Normal;}{\s1\b heading 1;}{\s7\outlinelevel1 Mine;}}"
        rb"{\header Page\par}\pard\s1 One\par"
        rb"\pard Plain {\b bold} end.{\footnote\pard\s0 Below}\par"
        rb"\pard\s7 Two\par\pard{\listtext 1.\tab}\ilvl0\ls3 first\par"
        rb"\pard\ls3\ilvl1 inner\par\pard{\pntext\'B7\tab}old\par"
        rb"\trowd\pard\intbl a\par b\cell c\cell\row\trowd\intbl 1\cell 2\cell\row"
        rb"\pard\outlinelevel2 Three\par}"
    )
    taken = take(data, "x.rtf")
    found = taken["office"]
    assert found["outline"] == [
        {"level": 1, "text": "One"},
        {"level": 2, "text": "Two"},
        {"level": 3, "text": "Three"},
    ]
    assert found["tables"] == 1
    assert text_of(taken).split("\n\n") == [
        "# One",
        "Plain bold end.[^1]",
        "## Two",
        "- first\n  - inner\n- old",
        "| a b | c |\n|---|---|\n| 1 | 2 |",
        "### Three",
        "[^1]: Below",
        "",
    ]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (rb"{\rtf1\ansi\ansicpg1252 M\'fchle \u8364\'80 \u8217?s}", "Mühle € ’s"),
        (rb"{\rtf1\uc2\u-10179 ??\u-8704 ??!\u20320 \'c4\'e3.}", "😀!你."),
        (rb"{\rtf1\mac\'8a}", "ä"),
        (rb"{\rtf1{\fonttbl{\f1\fcharset128 Gothic;}}\f1\'83A\'82\'a0}", "アあ"),
        (rb"{\rtf1{\fonttbl{\f0\fcharset204 Arial;}}{\f0\'cc\'e8\'f0} \'e9}", "Мир é"),
        (rb"{\rtf1 a\~b\_c\endash d\line e}", "a\xa0b\u2011c–d\ne"),
        (rb"{\rtf1\ansicpg99999 \'e4 {\upr{one}{\*\ud{two}}}}", "ä one"),
        (rb"{\rtf1 before\bin6 }}}}}}after}", "beforeafter"),
        (rb"{\rtf1 text} and what \par follows", "text"),
        (rb"{\rtf1 cut \'", "cut"),
    ],
)
def test_letters_are_those_that_were_written(take, source, text):
    assert text_of(take(source, "x.rtf")).strip() == text


def test_what_hides_in_it_is_told_and_not_shown(take):
    data = (
        rb"{\rtf1{\*\template http://evil.example/t.dot}{\*\generator Mill 2.1;}"
        rb"{\info{\author Ada}{\creatim\yr2024\mo3\dy9\hr7\min5}{\keywords a, b}}"
        rb"{\field{\*\fldinst HYPERLINK 'https://example.org/a'}{\fldrslt there}}"
        rb"{\field{\*\fldinst{ DDEAUTO cmd '/k calc'}}{\fldrslt}}"
        rb"{\field{\*\fldinst PAGE}{\fldrslt 3}}{\deleted gone}{\revised new}"
        rb"{\object\objemb{\*\objclass Package}{\*\objdata 0105}{\result{\pict 00}}}"
        rb"{\*\shppict{\pict 00}}{\nonshppict{\pict 00}}{\*\annotation why?}{\*\unknown x}.}"
    )
    taken = take(data, "x.rtf")
    found = taken["office"]
    assert found["outside_links"] == [
        "http://evil.example/t.dot",
        "https://example.org/a",
        "DDEAUTO cmd '/k calc'",
    ]
    assert found["metadata"] == {
        "application": "Mill 2.1",
        "author": "Ada",
        "created": "2024-03-09T07:05",
        "keywords": "a, b",
    }
    counted = (found["changes"], found["embedded"], found["pictures"], found["comments"])
    assert counted == (2, 1, 2, 1)
    assert text_of(taken).strip() == "there3new."


def test_groups_without_end_are_a_bad_file(take):
    broken = take(b"{\\rtf1 " + b"{" * 1000, "x.rtf").broken["office"]
    assert broken == "The rich text can't be read: its groups nest without end."
