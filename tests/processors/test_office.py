"""What is shown of documents, presentations and books: their text as Markdown, and what
hides in them.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.processors.books import zipped

SAMPLES = Path(__file__).parent / "samples"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
R = "http://schemas.openxmlformats.org/package/2006/relationships"
O = "urn:oasis:names:tc:opendocument:xmlns"  # noqa: E741 - as the other prefixes

CORE = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">'
    "<dc:title>A plan</dc:title><dc:creator>Ada</dc:creator>"
    "<dcterms:created>2024-05-01T12:00:00Z</dcterms:created></cp:coreProperties>"
)


def paragraph(text: str, style: str = "", extra: str = "") -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/>{extra}</w:pPr>' if style or extra else ""
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"


def docx(body: str, **more: str | bytes) -> bytes:
    parts = {name.replace("__", "/").replace("_DOT_", "."): part for name, part in more.items()}
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "word/document.xml": f'<?xml version="1.0"?><w:document xmlns:w="{W}">'
            f"<w:body>{body}</w:body></w:document>",
            "docProps/core.xml": CORE,
            **parts,
        }
    )


BODY = (
    paragraph("Plans", "Heading1")
    + paragraph("We will build it.")
    + paragraph("first", extra="<w:numPr/>")
    + paragraph("second", extra="<w:numPr/>")
    + paragraph("Details", "Heading2")
    + "<w:tbl><w:tr><w:tc>"
    + paragraph("a")
    + "</w:tc><w:tc>"
    + paragraph("b | c")
    + "</w:tc></w:tr><w:tr><w:tc><w:p/></w:tc><w:tc>"
    + paragraph("d")
    + "</w:tc></w:tr></w:tbl>"
    + "<w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
    + "<w:del><w:r><w:delText>old</w:delText></w:r></w:del>"
    + "<w:r><w:drawing/><w:commentReference/></w:r></w:p>"
)


def test_a_docx_becomes_markdown(take):
    picture = io.BytesIO()
    Image.new("RGB", (400, 500), "red").save(picture, "JPEG")
    links = f'<Relationships xmlns="{R}"><Relationship TargetMode="External" Target="http://example.org/t"/></Relationships>'
    taken = take(
        docx(
            BODY,
            word___rels__document_DOT_xml_DOT_rels=links,
            word__vbaProject_DOT_bin=b"x",
            docProps__thumbnail_DOT_jpeg=picture.getvalue(),
        ),
        "plan.docx",
    )
    found = taken["office"]
    assert (found["format"], found["words"], found["paragraphs"], found["tables"]) == (
        "docx",
        14,
        4,
        1,
    )
    assert found["outline"] == [{"level": 1, "text": "Plans"}, {"level": 2, "text": "Details"}]
    assert (found["pictures"], found["comments"], found["changes"]) == (1, 1, 2)
    assert found["metadata"] == {
        "title": "A plan",
        "author": "Ada",
        "created": "2024-05-01T12:00:00Z",
    }
    assert found["macros"] is True
    assert found["outside_links"] == ["http://example.org/t"]
    assert taken.artifact("office", "text.md").decode() == (
        "# Plans\n\nWe will build it.\n\n- first\n- second\n\n## Details\n\n"
        "\n| a | b \\| c |\n|---|---|\n|  | d |\n\nnew\n\n"
    )
    assert Image.open(io.BytesIO(taken.artifact("office", "thumbnail.webp"))).size == (256, 320)


def test_lists_by_style_are_lists_too(take):
    styles = ("ListBullet", "ListNumber2", "Aufzhlungszeichen", "ListParagraph")
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{style}</w:t></w:r></w:p>'
        for style in styles
    )
    text = take(docx(body), "a.docx").artifact("office", "text.md").decode()
    assert text == "- ListBullet\n- ListNumber2\n- Aufzhlungszeichen\n\nListParagraph\n\n"


def shape(text: str, kind: str = "") -> str:
    place = f'<p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr>' if kind else ""
    return f"<p:sp>{place}<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"


def slide(*shapes: str) -> str:
    return f'<?xml version="1.0"?><p:sld xmlns:p="{P}" xmlns:a="{A}">{"".join(shapes)}</p:sld>'


def pptx() -> bytes:
    """Two slides, the first with notes."""
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "ppt/presentation.xml": "<p/>",
            "ppt/slides/slide1.xml": slide(
                shape("Hello", "title"), shape("point one"), shape("7", "sldNum")
            ),
            "ppt/slides/slide2.xml": slide(shape("untitled point")),
            "ppt/notesSlides/notesSlide1.xml": slide(shape("say this")),
        }
    )


def test_a_pptx_is_read_slide_by_slide_with_its_notes(take):
    taken = take(pptx(), "talk.pptx")
    assert taken["office"]["slides"] == 2
    assert [row["text"] for row in taken["office"]["outline"]] == [
        "Slide 1: Hello",
        "Notes",
        "Slide 2",
    ]
    text = taken.artifact("office", "text.md").decode()
    assert "- point one" in text
    assert "- say this" in text
    assert "- 7" not in text


def opendocument(kind: str, body: str) -> bytes:
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f'<?xml version="1.0"?><o:document-content xmlns:o="{O}:office:1.0" '
            f'xmlns:text="{O}:text:1.0" xmlns:table="{O}:table:1.0" xmlns:draw="{O}:drawing:1.0">'
            f"<o:body>{body}</o:body></o:document-content>",
            "meta.xml": '<m xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>T</dc:title></m>',
            "Basic/Standard/Module1.xml": "<x/>",
        }
    )


def test_an_odt_becomes_markdown(take):
    body = (
        '<text:h text:outline-level="2">Head</text:h><text:p>One<text:tab/>two<o:annotation>'
        "<text:p>a comment</text:p></o:annotation></text:p><text:list><text:list-item>"
        "<text:p>x</text:p>"
        "</text:list-item></text:list><table:table><table:table-row><table:table-cell><text:p>c</text:p>"
        "</table:table-cell></table:table-row></table:table>"
    )
    taken = take(opendocument("text", body), "x.odt")
    found = taken["office"]
    assert (found["format"], found["words"], found["comments"], found["macros"]) == (
        "odt",
        5,
        1,
        True,
    )
    assert found["metadata"] == {"title": "T"}
    assert found["outline"] == [{"level": 2, "text": "Head"}]
    assert "a comment" not in found["head"]
    assert "- x\n" in found["head"]


def test_an_odp_has_slides(take):
    body = (
        '<draw:page draw:name="First"><text:p>hi</text:p></draw:page>'
        "<draw:page><text:p>ho</text:p></draw:page>"
    )
    found = take(opendocument("presentation", body))["office"]
    assert (found["format"], found["slides"]) == ("odp", 2)
    assert [row["text"] for row in found["outline"]] == ["First", "Slide 2"]


def epub() -> bytes:
    cover = io.BytesIO()
    Image.new("RGB", (100, 160), "blue").save(cover, "PNG")
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": "<container>"
            '<rootfile full-path="OEBPS/book.opf"/></container>',
            "OEBPS/book.opf": '<package xmlns:dc="http://purl.org/dc/elements/1.1/">'
            "<dc:title>Tale</dc:title><dc:creator>Ada</dc:creator>"
            '<manifest><item id="two" href="b%20c.xhtml"/><item id="one" href="a.xhtml"/>'
            '<item id="c" href="c.png" media-type="image/png" properties="cover-image"/></manifest>'
            '<spine><itemref idref="one"/><itemref idref="two"/></spine></package>',
            "OEBPS/a.xhtml": "<body><h1>Chapter one</h1><p>It was <i>dark</i>.</p></body>",
            "OEBPS/b c.xhtml": "<body><h1>Chapter two</h1><div><p>The end.</p></div></body>",
            "OEBPS/c.png": cover.getvalue(),
        }
    )


def test_an_epub_is_read_in_its_order_and_shows_its_cover(take):
    taken = take(epub(), "tale.epub")
    found = taken["office"]
    assert (found["format"], found["chapters"], found["pictures"], found["words"]) == (
        "epub",
        2,
        1,
        9,
    )
    assert [row["text"] for row in found["outline"]] == ["Chapter one", "Chapter two"]
    assert found["metadata"]["title"] == "Tale"
    assert found["metadata"]["author"] == "Ada"
    assert "It was dark." in found["head"]
    assert Image.open(io.BytesIO(taken.artifact("office", "thumbnail.webp"))).height == 160


def test_rich_text_is_read(take):
    data = rb"{\rtf1\ansi{\info{\title Memo}}\b Hello\b0  world\par Second line {\pict x}\par}"
    found = take(data, "x.rtf")["office"]
    assert found["format"] == "rtf"
    assert found["metadata"] == {"title": "Memo"}
    assert found["pictures"] == 1
    assert found["head"].startswith("Hello world")


def test_a_compound_file_tells_its_properties_and_streams(take):
    """An old workbook under the name of an old document: both are compound files inside."""
    from uploads.processors import Context
    from uploads.processors.office import office

    path = SAMPLES / "old.xls"
    folder = take(b"x").folder
    ctx = Context(
        path=path,
        name="old.doc",
        media_type="application/msword",
        kind="office",
        size=5632,
        folder=folder,
    )
    found = office(ctx)
    assert (found["format"], found["text_read"]) == ("doc", False)
    assert "Workbook" in found["streams"]


@pytest.mark.parametrize(
    "content",
    [
        docx("<w:p><w:r>"),
        opendocument("text", "<text:p>"),
        zipped({"mimetype": "application/epub+zip", "META-INF/container.xml": "<container/>"}),
        zipped({"[Content_Types].xml": "<T/>", "word/document.bin": "x"}),
        zipped(
            {
                "[Content_Types].xml": "<T/>",
                "ppt/presentation.xml": "<p/>",
                "ppt/slides/slide1.xml": "<p:sld",
            }
        ),
        opendocument("presentation", "<draw:page>"),
        rb"{\rtf1 \u-99999999999999 }}}}}",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xee" * 2000,
    ],
    ids=["docx", "odt", "epub", "empty", "pptx", "odp", "rtf", "ole"],
)
def test_broken_documents_are_bad_files(take, content):
    assert take(content).broken["office"].endswith(".")


def test_a_part_that_unpacks_without_end_is_a_bad_file(take, monkeypatch):
    from uploads.processors import office

    monkeypatch.setattr(office, "PART", 1 << 20)
    data = docx(paragraph("x" * (4 << 20)))
    assert "unpacks to more than 1 MiB" in take(data).broken["office"]


def test_laughing_and_endless_documents_end(take):
    laughs = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    text = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]><x><t>&a9;</t></x>'
    data = zipped({"[Content_Types].xml": "<T/>", "word/document.xml": text})
    taken = take(data)
    assert "office" in taken.broken or taken["office"]["words"] < 10
    assert "without end" in take(docx("<w:p>" * 5000)).broken["office"]
