"""What is shown of a PDF, and of one that is locked, broken, or has more in it than paper."""

from __future__ import annotations

import io

from PIL import Image

from tests.processors.papers import INFO, pdf, written


def test_a_pdf_may_begin_behind_what_a_printer_was_told(take):
    content = b"\x1b%-12345X@PJL SET RESOLUTION=600\r\n\0" + pdf("Hello world")
    taken = take(content, "x.pdf")
    assert taken.media_type == "application/pdf"
    assert (taken["pdf"]["pages"], taken["pdf"]["words"]) == (1, 2)


def test_pages_text_metadata_and_pictures(take):
    found = take(pdf("Hello world", "Second page here"), "plan.pdf")
    shown = found["pdf"]
    assert (shown["pages"], shown["version"], shown["encrypted"], shown["locked"]) == (
        2,
        "1.7",
        False,
        False,
    )
    assert shown["page"] == {"width_mm": 210, "height_mm": 297, "paper": "A4", "pages": 2}
    assert shown["metadata"] == {
        "title": "A plan",
        "author": "Ada",
        "producer": "tests",
        "created": "2024-05-01T12:00:00+02:00",
    }
    assert shown["words"] == 5
    assert shown["head"].startswith("Hello world")
    assert shown["scanned"] is False
    assert shown["strip"] == ["page-1-small.webp", "page-2-small.webp"]
    assert b"--- 2 ---\nSecond page here" in found.artifact("pdf", "text.txt")
    for number in (1, 2):
        page = Image.open(io.BytesIO(found.artifact("pdf", f"page-{number}.webp")))
        assert (page.format, page.height, page.width) == ("WEBP", 1600, 1131)
        few = Image.open(io.BytesIO(found.artifact("pdf", f"page-{number}-small.webp")))
        assert (few.height, few.width) == (320, 226)
    small = Image.open(io.BytesIO(found.artifact("pdf", "thumbnail.webp"))).convert("L")
    assert small.height == 320
    shades = small.tobytes()
    assert min(shades) < 120 < 250 < max(shades)
    assert found.reports["pdf"] == [(1, 2, "pages"), (2, 2, "pages")]


def test_the_outline_names_pages(take):
    outline = (
        "<< /Type /Outlines /First 8 0 R /Last 8 0 R /Count 2 >>",
        "<< /Title (Part one) /Parent 7 0 R /Dest [5 0 R /Fit] /First 9 0 R /Last 9 0 R >>",
        "<< /Title (Inside) /Parent 8 0 R /Dest [5 0 R /Fit] >>",
    )
    shown = take(pdf("One", catalog="/Outlines 7 0 R", extra=outline))["pdf"]
    assert shown["outline"] == [
        {"level": 1, "title": "Part one", "page": 1},
        {"level": 2, "title": "Inside", "page": 1},
    ]


def test_an_outline_that_bites_its_tail_ends(take):
    outline = (
        "<< /Type /Outlines /First 8 0 R /Last 8 0 R /Count 2 >>",
        "<< /Title (Round) /Parent 7 0 R /Next 8 0 R /First 8 0 R >>",
    )
    shown = take(pdf("One", catalog="/Outlines 7 0 R", extra=outline))["pdf"]
    assert len(shown["outline"]) <= 8


def test_scripts_and_attachments_are_named(take):
    script = (
        "/Names << /JavaScript << /Names [(run) 7 0 R] >>"
        " /EmbeddedFiles << /Names [(a.txt) 8 0 R] >> >>"
    )
    extra = (
        "<< /S /JavaScript /JS (app.alert\\(1\\)) >>",
        "<< /Type /Filespec /F (a.txt) /EF << /F 9 0 R >> >>",
        "<< /Type /EmbeddedFile /Length 2 >>\nstream\nhi\nendstream",
    )
    shown = take(pdf("One", catalog=script, extra=extra))["pdf"]
    assert shown["javascript"] == 1
    assert shown["attachments"] == ["a.txt"]


def test_pages_without_text_look_scanned(take):
    shown = take(pdf("", ""))["pdf"]
    assert (shown["scanned"], shown["words"], shown["head"]) == (True, 0, "")


def test_a_locked_pdf_says_so_and_is_no_failure(take):
    word = "<" + "ab" * 32 + ">"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Count 0 /Kids [] >>",
        f"<< /Filter /Standard /V 1 /R 2 /O {word} /U {word} /P -4 >>",
        INFO,
    ]
    data = written(objects, f"/Encrypt 3 0 R /ID [{word} {word}]")
    assert take(data)["pdf"] == {"encrypted": True, "locked": True, "pages": None}


def test_a_broken_pdf_is_a_bad_file(take):
    found = take(b"%PDF-1.7\n" + b"nothing of the kind\n" * 50)
    assert found.broken["pdf"].startswith("The PDF can't be opened")
    assert found["checksum"]["sha256"]


def test_a_pdf_without_pages_is_a_bad_file(take):
    assert "pdf" in take(pdf()).broken


def test_a_damaged_table_is_repaired(take):
    data = pdf("Hello").replace(b"startxref\n", b"startxref\n9")
    assert take(data)["pdf"]["words"] == 1


def test_a_page_of_absurd_size_is_shown_small_or_not_at_all(take):
    for box in (b"[0 0 99999999 1]", b"[0 0 0 0]", b"[0 0 20000 3]"):
        shown = take(pdf("Wide").replace(b"[0 0 595 842]", box))["pdf"]
        assert shown["pages"] == 1


def test_many_pages_have_a_strip_of_the_first_twelve(take):
    found = take(pdf(*(f"Page {number}" for number in range(1, 21))))
    assert len(found["pdf"]["strip"]) == 12
    assert found.artifact("pdf", "page-12.webp")
    assert found["pdf"]["words"] == 40
    assert found.reports["pdf"][-1] == (20, 20, "pages")
