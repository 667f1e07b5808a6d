"""What Writer and its relatives put into documents: notes, frames, merged cells, locks."""

from __future__ import annotations

import struct

from tests.processors.books import ods, zipped
from tests.processors.compounds import compound
from tests.processors.test_office import O, W, docx, opendocument, paragraph

NOTED = (
    '<text:p>Oak<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation>'
    "<text:note-body><text:p>Of the south.</text:p></text:note-body></text:note> and"
    '<text:s text:c="2"/>elm</text:p>'
)


def test_what_stands_behind_a_note_of_an_odt_is_read_too(take):
    head = take(opendocument("text", NOTED), "x.odt")["office"]["head"]
    assert head == "Oak[^1] and  elm\n\n[^1]: Of the south."


def test_text_in_a_frame_interrupts_no_paragraph(take):
    body = (
        "<text:p>before <draw:frame><draw:text-box><text:p>framed</text:p></draw:text-box>"
        "</draw:frame>after</text:p>"
    )
    head = take(opendocument("text", body), "x.odt")["office"]["head"]
    assert head.split("\n\n") == ["framed", "before after"]


def test_merged_cells_keep_columns_apart(take):
    cells = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    wide = cells.format("wide") + "<table:covered-table-cell/>" + cells.format("c")
    rows = (wide, cells.format(1) + cells.format(2) + cells.format(3))
    table = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    found = take(opendocument("text", f"<table:table>{table}</table:table>"), "x.odt")["office"]
    assert found["head"].splitlines() == ["| wide |  | c |", "|---|---|---|", "| 1 | 2 | 3 |"]
    merged = '<w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr>' + paragraph("wide") + "</w:tc>"
    plain = "".join(f"<w:tc>{paragraph(word)}</w:tc>" for word in "123")
    body = f"<w:tbl><w:tr>{merged}<w:tc>{paragraph('c')}</w:tc></w:tr><w:tr>{plain}</w:tr></w:tbl>"
    assert take(docx(body), "x.docx")["office"]["head"] == found["head"]


def test_an_odt_names_its_author_and_where_it_links_to(take):
    flat = (
        f'<?xml version="1.0"?><office:document xmlns:office="{O}:office:1.0" '
        f'xmlns:text="{O}:text:1.0" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'xmlns:meta="{O}:meta:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'office:mimetype="application/vnd.oasis.opendocument.text"><office:meta>'
        "<meta:initial-creator>Ada</meta:initial-creator><dc:creator>Bob</dc:creator>"
        "</office:meta><office:master-styles><text:p>a header</text:p></office:master-styles>"
        '<office:body><office:text><text:p>See <text:a xlink:href="https://example.org/x">this'
        "</text:a> and <text:a xlink:href='#here'>that</text:a>.</text:p></office:text>"
        "</office:body></office:document>"
    )
    taken = take(flat, "x.fodt")
    assert taken.media_type == "application/vnd.oasis.opendocument.text-flat-xml"
    found = taken["office"]
    assert (found["format"], found["head"]) == ("fodt", "See this and that.")
    assert found["metadata"] == {"author": "Ada", "last_modified_by": "Bob"}
    assert found["outside_links"] == ["https://example.org/x"]


def test_a_flat_document_that_is_cut_is_a_bad_file(take):
    start = f'<office:document xmlns:office="{O}:office:1.0" office:mimetype="application/vnd.oasis'
    taken = take(f'{start}.opendocument.text"><office:body>', "x.fodt")
    assert "inside is broken" in taken.broken["office"]


def test_slides_go_by_their_titles(take):
    body = (
        f'<draw:page draw:name="page1" xmlns:pres="{O}:presentation:1.0">'
        '<draw:frame pres:class="title"><draw:text-box><text:p>The wheel</text:p></draw:text-box>'
        "</draw:frame><pres:notes><draw:frame><text:p>Speak up.</text:p></draw:frame></pres:notes>"
        "</draw:page>"
    )
    found = take(opendocument("presentation", body), "x.odp")["office"]
    assert [row["text"] for row in found["outline"]] == ["Slide 1: The wheel", "Notes"]
    assert "Speak up." in found["head"]


def test_notes_and_depths_of_a_docx_are_read(take):
    listed = "".join(
        paragraph(word, extra=f'<w:numPr><w:ilvl w:val="{depth}"/></w:numPr>')
        for word, depth in (("outer", 0), ("inner", 1))
    )
    body = f'<w:p><w:r><w:t>Oak</w:t><w:footnoteReference w:id="2"/></w:r></w:p>{listed}'
    notes = (
        f'<w:footnotes xmlns:w="{W}"><w:footnote w:id="0"/><w:footnote w:id="2">'
        f"{paragraph('Of the south.')}</w:footnote></w:footnotes>"
    )
    found = take(docx(body, word__footnotes_DOT_xml=notes), "x.docx")["office"]
    assert found["head"] == "Oak[^1]\n\n- outer\n  - inner\n\n[^1]: Of the south."


def test_documents_with_a_password_are_called_locked(take):
    locked = zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": bytes(range(256)),
            "META-INF/manifest.xml": "<manifest><encryption-data/></manifest>",
        }
    )
    assert take(locked, "x.odt")["office"]["locked"] is True
    taken = take(compound({"EncryptedPackage": bytes(5000), "EncryptionInfo": b"x"}), "x.docx")
    assert taken.media_type == "application/x-ooxml-protected"
    assert taken["identify"]["extension_matches"] is True
    assert taken["office"]["locked"] is True


def test_a_compound_file_is_known_by_a_directory_in_its_middle(take):
    """As Impress writes it: behind the streams."""
    whole = compound({"PowerPoint Document": b"x" * 5000})
    (sector,) = struct.unpack_from("<I", whole, 48)
    directory = whole[(sector + 1) * 512 : (sector + 1) * 512 + 512]
    apart = bytearray(whole[:512] + bytes(600 * 1024) + directory + bytes(600 * 1024))
    struct.pack_into("<I", apart, 48, 1200)
    assert take(bytes(apart), "x.ppt").media_type == "application/vnd.ms-powerpoint"


def test_titles_of_rich_text_have_all_their_letters(take):
    data = rb"{\rtf1\ansi\ansicpg1252{\info{\title M\'fchle \u8364\'80}{\operator Bob}}Hi\par}"
    found = take(data, "x.rtf")["office"]
    assert found["metadata"] == {"title": "Mühle €", "last_modified_by": "Bob"}


def test_a_time_of_more_than_a_day_is_a_time(take):
    found = take(ods("Laps", [["lap"], ["PT30H00M05S"], ["PT00H59M00S"]]), "x.ods")
    (table,) = found["workbook"]["tables"]
    column = table["columns"][0]
    assert (column["type"], column["min"], column["max"]) == ("time", "00:59:00", "30:00:05")
