"""Writes small PDF files by hand, so that tests know every byte of them."""

from __future__ import annotations

INFO = (
    "<< /Title (A plan) /Author (Ada) /Producer (tests) /CreationDate (D:20240501120000+02'00') >>"
)


def pdf(*texts: str, info: str = INFO, catalog: str = "", extra: tuple[str, ...] = ()) -> bytes:
    """One page of A4 for each text; `catalog` adds to the root, `extra` are further objects.

    Object 1 is the root, 2 the list of pages, 3 the font, 4 the information; the pages and their
    contents follow from 5 on, then the extra ones.
    """
    pages = [5 + 2 * number for number in range(len(texts))]
    kids = " ".join(f"{page} 0 R" for page in pages)
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        f"<< /Type /Pages /Count {len(texts)} /Kids [{kids}] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        info,
    ]
    for page, text in zip(pages, texts, strict=True):
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {page + 1} 0 R >>"
        )
        content = f"BT /F1 24 Tf 60 700 Td ({text}) Tj ET" if text else ""
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    return written([*objects, *extra])


def written(objects: list[str], trailer: str = "/Info 4 0 R") -> bytes:
    """The objects, numbered from 1, with their table and trailer."""
    data = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table = len(data)
    data += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    data += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    end = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\n"
    return data + f"{end}startxref\n{table}\n%%EOF\n".encode()
