"""A look inside formats that many others are made of: zip, OLE, ISO media, TIFF, MPEG frames.

Everything works on bytes at hand, bounded, and never believes an offset without checking it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_OPEN = "application/vnd.oasis.opendocument."
_OOXML = "application/vnd.openxmlformats-officedocument."
_MIMETYPES = {
    b"application/epub+zip": "application/epub+zip",
    **{
        (_OPEN + name).encode(): _OPEN + name
        for name in ("text", "presentation", "spreadsheet", "graphics")
    },
}
_PARTS = (
    ("word/document", _OOXML + "wordprocessingml.document"),
    ("ppt/presentation", _OOXML + "presentationml.presentation"),
    ("xl/workbook.bin", "application/vnd.ms-excel.sheet.binary.macroenabled.12"),
    ("xl/workbook", _OOXML + "spreadsheetml.sheet"),
    ("AndroidManifest.xml", "application/vnd.android.package-archive"),
    ("META-INF/MANIFEST.MF", "application/java-archive"),
    ("META-INF/container.xml", "application/epub+zip"),
)


def zip_media_type(start: bytes, end: bytes, size: int) -> str:
    """What a zip file is for, from its first entry or the names in its directory."""
    if start[30:38] == b"mimetype":
        content = start[38 : 38 + 100]
        for words, media_type in sorted(_MIMETYPES.items(), key=lambda item: -len(item[0])):
            if content.startswith(words) or words in content[:80]:
                return media_type
    names = set(_local_names(start)) | set(_directory_names(end, size))
    for part, media_type in _PARTS:
        if any(name.startswith(part) for name in names):
            return media_type
    return "application/zip"


def ends_as_zip(end: bytes) -> bool:
    """Whether a zip's directory lies at the end of the file, whatever stands before its members: a
    program that unpacks them, say.
    """
    mark = end.rfind(b"PK\x05\x06")
    if mark < 0 or mark + 22 > len(end):
        return False
    length, _, comment = struct.unpack_from("<IIH", end, mark + 12)
    directory = end[max(mark - length, 0) : mark]
    return mark + 22 + comment == len(end) and directory[:4] == b"PK\x01\x02"


def _local_names(data: bytes) -> Iterator[str]:
    place = 0
    for _ in range(16):
        if data[place : place + 4] != b"PK\x03\x04" or place + 30 > len(data):
            return
        packed, _, name_size, extra = struct.unpack_from("<IIHH", data, place + 18)
        yield data[place + 30 : place + 30 + name_size].decode("utf-8", "replace")
        place += 30 + name_size + extra + packed


def _directory_names(end: bytes, size: int) -> Iterator[str]:
    """Names in the central directory, as far as it lies in the bytes at hand."""
    mark = end.rfind(b"PK\x05\x06")
    if mark < 0 or mark + 22 > len(end):
        return
    length, offset = struct.unpack_from("<II", end, mark + 12)
    place = max(offset - (size - len(end)), mark - length, 0)
    for _ in range(2000):
        if end[place : place + 4] != b"PK\x01\x02" or place + 46 > len(end):
            return
        name, extra, comment = struct.unpack_from("<HHH", end, place + 28)
        yield end[place + 46 : place + 46 + name].decode("utf-8", "replace")
        place += 46 + name + extra + comment


_STREAMS = (
    ("EncryptedPackage", "application/x-ooxml-protected"),
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
)


def ole_directory(start: bytes) -> int:
    """Where the directory of an OLE compound file begins ([MS-CFB] §2.2); 0 where it isn't said."""
    if len(start) < 76 or not start.startswith(OLE):
        return 0
    (shift,), (sector,) = struct.unpack_from("<H", start, 30), struct.unpack_from("<I", start, 48)
    return (sector + 1) << shift if shift in (9, 12) and sector < 1 << 28 else 0


def ole_media_type(*parts: bytes) -> str:
    """What an OLE compound file holds, from the names in its directory sectors.

    The directory may lie anywhere; its entries are 128 bytes, each beginning with a name in UTF-16,
    so the file's beginning and the directory's are searched for entries rather than following the
    chain of sectors.
    """
    for name, media_type in _STREAMS:
        if any(_has_entry(part, name) for part in parts):
            return media_type
    return "application/x-ole-storage"


def _has_entry(part: bytes, name: str) -> bool:
    coded = name.encode("utf-16-le") + b"\x00\x00"
    place = part.find(coded)
    while place >= 0:
        length = part[place + 64 : place + 66]
        if place % 128 == 0 and length == struct.pack("<H", len(coded)):
            return True
        place = part.find(coded, place + 1)
    return False


_AUDIO_BRANDS = {b"M4A ", b"M4B ", b"M4P ", b"F4A "}
_BRANDS = {
    brand.ljust(4).encode(): media_type
    for brands, media_type in (
        ("avif avis", "image/avif"),
        ("heic heix heim heis hevc hevx mif1 msf1", "image/heic"),
        ("crx", "image/x-canon-cr3"),
        ("qt", "video/quicktime"),
        ("3gp4 3gp5 3gp6 3gp7 3g2a", "video/3gpp"),
        ("jxl", "image/jxl"),
        ("jp2", "image/jp2"),
    )
    for brand in brands.split()
}


def iso_media_type(start: bytes) -> str:
    """MP4 and its relatives, told apart by the brands they declare."""
    if start[4:8] != b"ftyp":
        return "video/quicktime"
    (length,) = struct.unpack_from(">I", start, 0)
    brands = [start[8:12]] + [start[place : place + 4] for place in range(16, min(length, 128), 4)]
    if brands[0] in _AUDIO_BRANDS:
        return "audio/mp4"
    if brands[0] in (b"mif1", b"msf1") and (b"avif" in brands or b"avis" in brands):
        return "image/avif"
    return _BRANDS.get(brands[0], "video/mp4")


_DNG_VERSION, _MAKE = 50706, 271
_MAKERS = (
    (b"nikon", "image/x-nikon-nef"),
    (b"sony", "image/x-sony-arw"),
    (b"pentax", "image/x-pentax-pef"),
    (b"ricoh", "image/x-pentax-pef"),
)


def tiff_media_type(start: bytes) -> str:
    """A TIFF, or one of the raw photographs that are TIFF inside."""
    if start[8:10] == b"CR":
        return "image/x-canon-cr2"
    tags = dict(tiff_entries(start))
    if _DNG_VERSION in tags:
        return "image/x-adobe-dng"
    # A raw file's first directory is a small preview, with directories below it (tag 330).
    if 330 in tags or 0x2007 in tags:
        make = tags.get(_MAKE, b"").lower()
        return next(
            (media_type for word, media_type in _MAKERS if make.startswith(word)), "image/tiff"
        )
    return "image/tiff"


def tiff_entries(start: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, value as bytes where it is text or short) of the first directory of a classic TIFF."""
    order = "<" if start[:2] == b"II" else ">"
    if len(start) < 8 or start[2:4] not in (b"*\0", b"\0*"):
        return
    (place,) = struct.unpack_from(order + "I", start, 4)
    if place + 2 > len(start):
        return
    (count,) = struct.unpack_from(order + "H", start, place)
    for number in range(min(count, 200)):
        entry = place + 2 + 12 * number
        if entry + 12 > len(start):
            return
        tag, form, length, value = struct.unpack_from(order + "HHII", start, entry)
        text = (
            start[value : value + min(length, 64)]
            if form == 2 and length > 4
            else start[entry + 8 : entry + 12]
        )
        yield tag, text


_BITRATES = {  # kbit/s by (MPEG-1?, layer), ISO 11172-3 table 3-B.2 and ISO 13818-3
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def mpeg_frame_bytes(header: bytes) -> int:
    """The length of an MPEG audio frame from its four header bytes; 0 where they aren't one."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return 0
    kilobits = _BITRATES[version == 3, layer][bitrate - 1]
    hertz = _RATES[version][rate]
    if layer == 1:
        return (12 * kilobits * 1000 // hertz + padding) * 4
    samples = 72 if layer == 3 and version != 3 else 144
    return samples * kilobits * 1000 // hertz + padding
