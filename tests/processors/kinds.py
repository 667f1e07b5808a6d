"""One small whole file of each kind, made here: what the mutations start from."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import tempfile
from pathlib import Path

import polars as pl
import zstandard
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image

from tests.processors.books import ods, xlsb, xlsx, zipped
from tests.processors.certificates import certificate, open_key, signed_mail
from tests.processors.compounds import outlook_message
from tests.processors.films import encoded, film, wav
from tests.processors.papers import pdf
from tests.processors.rars import rar4, rar5
from tests.processors.test_font import built
from tests.processors.test_image import SVG, photographed, photoshop, raw_photograph, saved
from tests.processors.test_mail import message
from tests.processors.test_office import BODY, docx, epub, opendocument, pptx
from tests.processors.test_office_programs import NOTED
from tests.processors.test_small_kinds import CALENDAR, CONTACTS, HEADERS, SUBTITLES, notebook
from tests.processors.test_word97 import document

SAMPLES = Path(__file__).parent / "samples"


def every_kind() -> dict[str, bytes]:
    """{a name with its extension: content}"""
    picture = Image.effect_mandelbrot((160, 120), (-2, -1, 1, 1), 60).convert("RGB")
    return {
        **_pictures(picture),
        **_tables(),
        **_texts(),
        **_archives(),
        **_small_kinds(),
        "a.pdf": pdf("Hello world", "Second"),
        "a.docx": docx(BODY),
        "a.odt": opendocument("text", f"<text:h>H</text:h>{NOTED}"),
        "a.pptx": pptx(),
        "a.doc": document("Ein Müh", b"lrad\rdreht ", "sich – 水\r"),
        "a.epub": epub(),
        "a.rtf": rb"{\rtf1\ansi\b Hello\b0  world\par Second line\par}",
        "a.eml": bytes(message()),
        "signed.eml": signed_mail(),
        "a.mbox": b"From x\n" + bytes(message()),
        "a.msg": outlook_message("Plans", "Hello", "a@example.org", ("a.txt", b"x")),
        "a.ttf": built(),
        "a.woff": built("woff"),
        "a.woff2": built("woff2"),
        "a.wav": wav(seconds=0.3),
        "a.mp3": encoded("mp3", "libmp3lame"),
        "a.flac": encoded("flac", "flac"),
        "a.m4a": encoded("ipod", "aac"),
        "a.mp4": film(seconds=1),
        "a.webm": film("webm", "libvpx", seconds=1),
        "a.bin": bytes(range(256)) * 8,
        "a.elf": Path("/bin/true").read_bytes()[:4096],
    }


def _pictures(picture: Image.Image) -> dict[str, bytes]:
    jpeg = saved(picture, "JPEG", exif=photographed())
    forms = ("PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "ICO", "JPEG2000", "QOI", "TGA", "DDS")
    return {
        "a.jpg": jpeg,
        "a.heic": (SAMPLES / "halves.heic").read_bytes(),
        "field.tif": saved(picture.convert("F"), "TIFF"),
        "moving.png": saved(picture, "PNG", save_all=True, append_images=[picture.rotate(9)]),
        "a.svg": SVG.format("").encode(),
        "a.nef": raw_photograph(jpeg),
        "a.psd": photoshop(),
        **{f"a.{form.lower()}": saved(picture, form) for form in forms},
    }


def _tables() -> dict[str, bytes]:
    frame = pl.DataFrame({"a": range(50), "b": ["x", None] * 25})
    parquet, arrow = io.BytesIO(), io.BytesIO()
    frame.write_parquet(parquet)
    frame.write_ipc(arrow)
    return {
        "a.csv": b'a,b,c\n1,2,"x, y"\n3,4,z\n' * 40,
        "money.csv": "a;b\n1.234,50 €;00:01:02\n12,00 €;10:00:00\n".encode() * 20,
        "a.tsv": b"a\tb\n1\t2024-01-01\n" * 40,
        "a.ndjson": b'{"a": 1, "b": [2]}\n' * 40,
        "a.xlsx": xlsx({"A": [["a", "b"], [1, "x"], [2, "y"]]}),
        "a.xlsb": xlsb({"A": [["a", "b"], [1, "x"], [2, "y"]]}),
        "a.ods": ods("A", [["a", "b"], [1, "x"]]),
        "a.xls": (SAMPLES / "old.xls").read_bytes(),
        "a.parquet": parquet.getvalue(),
        "a.arrow": arrow.getvalue(),
        "a.sqlite": _database(),
    }


def _database() -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".sqlite") as file:
        connection = sqlite3.connect(file.name)
        connection.execute("CREATE TABLE t (a INTEGER, b TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(n, f"row {n}") for n in range(50)])
        connection.commit()
        connection.close()
        return Path(file.name).read_bytes()


def _texts() -> dict[str, bytes]:
    return {
        "a.txt": b"Some words in a text.\nAnd some more of them.\n" * 20,
        "a.py": b"def f(x):\n    return x + 1  # TODO\n" * 20,
        "a.html": b"<!DOCTYPE html><html><body><p>Hi</p></body></html>",
        "a.log": b"2024-05-01T12:00:00 INFO started\n" * 20,
        "a.json": json.dumps({"a": [1, {"b": None}], "c": "x"}).encode(),
        "a.xml": b"<?xml version='1.0'?><a x='1'><b>2</b><!-- c --></a>",
        "a.yaml": b"a: [1, 2]\nb: {c: d}\n",
        "a.toml": b"[a]\nb = 1\nc = [1, 2]\n",
        "utf16.txt": "Some words in a text.\n".encode("utf-16") * 5,
    }


def _small_kinds() -> dict[str, bytes]:
    extensions = ("torrent", "npy", "bin", "shp", "dbf", "dcm")
    return {
        "a.ics": CALENDAR.encode(),
        "a.vcf": CONTACTS.encode(),
        "a.srt": SUBTITLES.encode(),
        "a.ipynb": notebook().encode(),
        "a.pem": certificate().public_bytes(Encoding.PEM) + open_key(),
        "a.der": certificate().public_bytes(Encoding.DER),
        **{
            f"header.{extension}": content
            for extension, (content, _) in zip(extensions, HEADERS.values(), strict=True)
        },
    }


def _archives() -> dict[str, bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("a/b.txt")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"hello"))
    tar = buffer.getvalue()
    return {
        "a.zip": zipped({"a/b.txt": "hello" * 50, "c.bin": b"\0" * 90}),
        "a.tar": tar,
        "a.tar.gz": gzip.compress(tar),
        "a.tar.bz2": bz2.compress(tar),
        "a.tar.xz": lzma.compress(tar),
        "a.7z": (SAMPLES / "two.7z").read_bytes(),
        "a.rar": rar5({"a.txt": b"hello", "b/c.txt": b"x" * 300}),
        "old.rar": rar4({"a.txt": b"hello", "b/c.txt": b"x" * 300}),
        "a.tar.zst": zstandard.compress(tar),
    }
