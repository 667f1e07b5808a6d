"""What the first bytes of a binary file say it is: signatures, and a look inside containers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from uploads.processors import containers


class Head(NamedTuple):
    """The beginning and the end of a file, how long it is, and where its directory lies in its
    middle, the beginning of that.
    """

    start: bytes
    end: bytes
    size: int
    directory: bytes = b""


Refine = Callable[[Head], str | None]

# (place, bytes, media type); the first that fits wins, so longer ones stand before shorter ones.
SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"8BPS\x00\x01", "image/vnd.adobe.photoshop"),
    (0, b"8BPS\x00\x02", "image/vnd.adobe.photoshop"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"\xff\x4f\xff\x51\x00", "image/jp2"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"\xff\x0a", "image/jxl"),
    (0, b"qoif", "image/qoi"),
    (0, b"DDS |\x00\x00\x00", "image/vnd-ms.dds"),
    (0, b"icns\x00", "image/x-icns"),
    (0, b"FUJIFILMCCD-RAW ", "image/x-fuji-raf"),
    (0, b"IIRO", "image/x-olympus-orf"),
    (0, b"IIRS", "image/x-olympus-orf"),
    (0, b"IIU\x00", "image/x-panasonic-rw2"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"\xef\xbb\xbf%PDF-", "application/pdf"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"ARROW1\x00\x00", "application/vnd.apache.arrow.file"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"MThd\x00\x00\x00\x06", "audio/midi"),
    (0, b"#!AMR", "audio/amr"),
    (0, b".snd\x00\x00", "audio/basic"),
    (0, b"caff\x00\x01", "audio/x-caf"),
    (0, b"wvpk", "audio/x-wavpack"),
    (0, b"MAC ", "audio/x-ape"),
    (0, b"\x0b\x77", "audio/ac3"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"\x00\x00\x01\xb3", "video/mpeg"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"\x5d\x00\x00\x80\x00", "application/x-lzma"),
    (0, b"\x5d\x00\x00\x00\x04", "application/x-lzma"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"\x04\x22\x4d\x18", "application/x-lz4"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"!<arch>\ndebian-binary", "application/vnd.debian.binary-package"),
    (0, b"!<arch>\n", "application/x-archive"),
    (0, b"\xed\xab\xee\xdb", "application/x-rpm"),
    (0, b"070701", "application/x-cpio"),
    (0, b"070702", "application/x-cpio"),
    (0, b"070707", "application/x-cpio"),
    (0, b"\xc7\x71", "application/x-cpio"),
    (0, b"MSCF\x00\x00\x00\x00", "application/vnd.ms-cab-compressed"),
    (2, b"-lh", "application/x-lha"),
    (0, b"xar!\x00", "application/x-xar"),
    (0x8001, b"CD001", "application/x-iso9660-image"),
    (0, b"OTTO", "font/otf"),
    (0, b"ttcf\x00", "font/collection"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\x00asm", "application/wasm"),
    (0, b"\xfe\xed\xfa\xce", "application/x-mach-binary"),
    (0, b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (0, b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\xd4\xc3\xb2\xa1", "application/vnd.tcpdump.pcap"),
    (0, b"\xa1\xb2\xc3\xd4", "application/vnd.tcpdump.pcap"),
    (0, b"\x4d\x3c\xb2\xa1", "application/vnd.tcpdump.pcap"),
    (0, b"\x0a\x0d\x0d\x0a", "application/vnd.tcpdump.pcap"),
    (0, b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (0, b"CDF\x01", "application/x-netcdf"),
    (0, b"CDF\x02", "application/x-netcdf"),
    (0, b"SIMPLE  =", "application/fits"),
    (0, b"MATLAB 5.0 MAT-file", "application/x-matlab-data"),
    (40, b" EMF\x00\x00\x01\x00", "application/x-emf"),
    (0, b"Obj\x01", "application/avro"),
    (0, b"ORC", "application/x-orc"),
    (0, b"\x93NUMPY", "application/x-numpy-data"),
    (34, b"LP", "application/vnd.ms-fontobject"),
    (0, b"FWS", "application/x-shockwave-flash"),
    (0, b"CWS", "application/x-shockwave-flash"),
    (0, b"bplist00", "application/x-bplist"),
    (128, b"DICM", "application/dicom"),
    (0, b"d8:announce", "application/x-bittorrent"),
    (0, b"d13:announce-list", "application/x-bittorrent"),
    (0, b"d7:comment", "application/x-bittorrent"),
    (0, b"d10:created by", "application/x-bittorrent"),
    (0, b"d13:creation date", "application/x-bittorrent"),
    (0, b"d4:infod", "application/x-bittorrent"),
    (0, b"QFI\xfb", "application/x-qemu-disk"),
    (0, b"ITSF\x03\x00\x00\x00", "application/vnd.ms-htmlhelp"),
    (0, b"L\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"),
    (0, b"\xde\x12\x04\x95", "application/x-mo"),
    (0, b"\x95\x04\x12\xde", "application/x-mo"),
    (0, b"glTF\x02\x00\x00\x00", "model/gltf-binary"),
    (0, b"AT&TFORM", "application/vnd.djvu"),
    (257, b"ustar", "application/x-tar"),
)

# Two-byte signatures are too weak for short or textual files: they must be confirmed by these.
WEAK = {
    "image/jxl": 12,
    "audio/ac3": 128,
    "application/x-cpio": 26,
    "application/vnd.ms-fontobject": 82,
}

SNIFFED = max(place + len(pattern) for place, pattern, _ in SIGNATURES)


def media_type_of(head: Head) -> str | None:
    """The media type of a binary file, or None where no signature fits."""
    for refine in _CONTAINERS:
        if found := refine(head):
            return found
    for place, pattern, media_type in SIGNATURES:
        if head.start.startswith(pattern, place) and head.size >= WEAK.get(media_type, 0):
            return media_type
    return next((found for rule in _STRUCTURES if (found := rule(head))), None)


def _riff(head: Head) -> str | None:
    if head.start[:4] not in (b"RIFF", b"RF64", b"RIFX"):
        return None
    return {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}.get(
        head.start[8:12]
    )


def _iff(head: Head) -> str | None:
    return (
        "audio/aiff"
        if head.start[:4] == b"FORM" and head.start[8:12] in (b"AIFF", b"AIFC")
        else None
    )


def _zip(head: Head) -> str | None:
    if head.start[:4] not in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"):
        return None
    return containers.zip_media_type(head.start, head.end, head.size)


def _ole(head: Head) -> str | None:
    if not head.start.startswith(containers.OLE):
        return None
    return containers.ole_media_type(head.start, head.directory)


def _iso_media(head: Head) -> str | None:
    return (
        containers.iso_media_type(head.start)
        if head.start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide")
        else None
    )


def _matroska(head: Head) -> str | None:
    if not head.start.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    return "video/webm" if b"\x42\x82\x84webm" in head.start[:64] else "video/x-matroska"


def _ogg(head: Head) -> str | None:
    if not head.start.startswith(b"OggS"):
        return None
    pages = head.start[:4096]
    return "video/ogg" if b"\x80theora" in pages or b"BBCD\x00" in pages else "audio/ogg"


def _asf(head: Head) -> str | None:
    if not head.start.startswith(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"):
        return None
    video_stream = b"\xc0\xef\x19\xbc\x4d\x5b\xcf\x11"
    return "video/x-ms-wmv" if video_stream in head.start else "audio/x-ms-wma"


def _tiff(head: Head) -> str | None:
    if head.start[:4] not in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return None
    return containers.tiff_media_type(head.start)


def _portable_executable(head: Head) -> str | None:
    if not head.start.startswith(b"MZ") or len(head.start) < 64:
        return None
    (place,) = struct.unpack_from("<I", head.start, 60)
    is_pe = head.start.startswith(b"PE\x00\x00", place) or head.size > place > len(head.start)
    return "application/vnd.microsoft.portable-executable" if is_pe else None


def _gzip(head: Head) -> str | None:
    return "application/gzip" if head.start.startswith(b"\x1f\x8b\x08") else None


def _fat_binary(head: Head) -> str | None:
    if not head.start.startswith(b"\xca\xfe\xba\xbe") or len(head.start) < 8:
        return None
    # A Java class has its version (45 and more) where a universal binary counts its machines.
    return "application/java-vm" if head.start[7] >= 45 else "application/x-mach-binary"


_CONTAINERS: tuple[Refine, ...] = (
    _zip,
    _ole,
    _iso_media,
    _riff,
    _iff,
    _tiff,
    _matroska,
    _ogg,
    _asf,
    _gzip,
    _portable_executable,
    _fat_binary,
)


def _truetype(head: Head) -> str | None:
    if head.start[:4] not in (b"\x00\x01\x00\x00", b"true") or len(head.start) < 12:
        return None
    (tables,) = struct.unpack_from(">H", head.start, 4)
    tags = head.start[12 : 12 + 16 * tables : 16]
    return "font/ttf" if 0 < tables < 64 and tags.isascii() and tags else None


def _icon(head: Head) -> str | None:
    if head.start[:4] not in (b"\x00\x00\x01\x00", b"\x00\x00\x02\x00") or len(head.start) < 22:
        return None
    count, reserved = head.start[4] | head.start[5] << 8, head.start[9]
    return "image/x-icon" if 0 < count < 256 and reserved == 0 else None


def _bitmap(head: Head) -> str | None:
    if not head.start.startswith(b"BM") or len(head.start) < 26:
        return None
    (header,) = struct.unpack_from("<I", head.start, 14)
    return "image/bmp" if header in (12, 40, 52, 56, 64, 108, 124) else None


def _mpeg_audio(head: Head) -> str | None:
    """Two frames in a row, since one frame's 11 set bits are found in anything."""
    data = head.start
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    if data[1] & 0xF6 == 0xF0:
        return "audio/aac"
    length = containers.mpeg_frame_bytes(data[:4])
    if not length:
        return None
    following = data[length : length + 4]
    ended = head.size <= length + 4
    return "audio/mpeg" if ended or containers.mpeg_frame_bytes(following) else None


def _transport_stream(head: Head) -> str | None:
    for place, packet in ((0, 188), (4, 192)):
        marks = head.start[place : place + 5 * packet : packet]
        if len(marks) >= 3 and set(marks) == {0x47}:
            return "video/mp2t"
    return None


def _old_tar(head: Head) -> str | None:
    block = head.start[:512]
    if len(block) < 512 or not block[0]:
        return None
    try:
        expected = int(block[148:156].split(b"\0")[0].strip() or b"x", 8)
    except ValueError:
        return None
    return "application/x-tar" if sum(block[:148]) + 256 + sum(block[156:]) == expected else None


def _anymap(head: Head) -> str | None:
    magic = head.start[:3]
    if len(magic) < 3 or magic[:1] != b"P" or magic[1] not in b"1234567Ff":
        return None
    return "image/x-portable-anymap" if magic[2] in b" \n\r\t" else None


def _targa(head: Head) -> str | None:
    return "image/x-tga" if head.end.endswith(b"TRUEVISION-XFILE.\x00") else None


def _arrow_stream(head: Head) -> str | None:
    if head.start[:4] != b"\xff\xff\xff\xff" or len(head.start) < 16:
        return None
    (length,) = struct.unpack_from("<I", head.start, 4)
    return (
        "application/vnd.apache.arrow.stream" if 0 < length < 1 << 24 and length % 8 == 0 else None
    )


def _python_bytecode(head: Head) -> str | None:
    known = (
        head.start[2:4] == b"\r\n"
        and len(head.start) > 16
        and b"\xe3\x00\x00\x00\x00" in head.start[8:24]
    )
    return "application/x-python-bytecode" if known else None


def _der(head: Head) -> str | None:
    """A certificate (RFC 5280 §4.1) or keys with a password (RFC 7292 §4), by their lengths."""
    start = head.start[:32]
    if start[:2] not in (b"\x30\x82", b"\x30\x80") or len(start) < 16:
        return None
    if start[4:7] == b"\x02\x01\x03" or start[2:5] == b"\x02\x01\x03":
        return "application/x-pkcs12"
    whole = struct.unpack_from(">H", start, 2)[0] == head.size - 4
    versioned = start[4:6] == b"\x30\x82" and start[8:13] == b"\xa0\x03\x02\x01\x02"
    return "application/pkix-cert" if whole and versioned else None


def _stl(head: Head) -> str | None:
    if len(head.start) < 134:
        return None
    (triangles,) = struct.unpack_from("<I", head.start, 80)
    return "model/stl" if triangles and head.size == 84 + 50 * triangles else None


def _shapefile(head: Head) -> str | None:
    known = head.start[:4] == b"\x00\x00\x27\x0a" and head.start[28:32] == b"\xe8\x03\x00\x00"
    return "application/x-shapefile" if known and head.size >= 100 else None


def _dbase(head: Head) -> str | None:
    if len(head.start) < 66 or head.start[0] not in (3, 0x30, 0x31, 0x43, 0x83, 0x8B, 0xF5):
        return None
    rows, header, row = struct.unpack_from("<IHH", head.start, 4)
    dated = 1 <= head.start[2] <= 12 and 1 <= head.start[3] <= 31
    fits = header % 32 in (1, 8) and abs(head.size - header - rows * row) <= 1
    return "application/x-dbf" if dated and fits and row else None


_STRUCTURES: tuple[Refine, ...] = (
    _truetype,
    _icon,
    _bitmap,
    _mpeg_audio,
    _transport_stream,
    _old_tar,
    _targa,
    _arrow_stream,
    _python_bytecode,
    _der,
    _stl,
    _shapefile,
    _dbase,
)

# Signatures that are letters only: the file may as well be text, which is asked first.
TEXTUAL: tuple[Refine, ...] = (_anymap,)
