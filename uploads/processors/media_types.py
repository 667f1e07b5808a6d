"""The one table of media types: its kind, what people call it, the extensions it goes by."""

from __future__ import annotations

from typing import NamedTuple

EMPTY = "application/x-empty"
BINARY = "application/octet-stream"
TEXT = "text/plain"

KINDS = (
    "image",
    "pdf",
    "table",
    "data",
    "audio",
    "video",
    "archive",
    "office",
    "mail",
    "text",
    "code",
    "font",
    "other",
)


class MediaType(NamedTuple):
    kind: str
    description: str
    extensions: tuple[str, ...]


def _row(kind: str, description: str, extensions: str = "") -> MediaType:
    return MediaType(kind, description, tuple(extensions.split()))


# The first extension is the usual one.
MEDIA_TYPES: dict[str, MediaType] = {
    EMPTY: _row("other", "Empty file"),
    BINARY: _row("other", "Binary data of an unknown kind"),
    # images
    "image/jpeg": _row("image", "JPEG image", "jpg jpeg jpe jfif"),
    "image/png": _row("image", "PNG image", "png apng"),
    "image/webp": _row("image", "WebP image", "webp"),
    "image/avif": _row("image", "AVIF image", "avif avifs"),
    "image/heic": _row("image", "HEIC image", "heic heif heics hif"),
    "image/tiff": _row("image", "TIFF image", "tif tiff"),
    "image/gif": _row("image", "GIF image", "gif"),
    "image/svg+xml": _row("image", "SVG drawing", "svg"),
    "image/bmp": _row("image", "BMP image", "bmp dib"),
    "image/x-icon": _row("image", "Icon", "ico cur"),
    "image/vnd.adobe.photoshop": _row("image", "Photoshop document", "psd psb"),
    "image/jp2": _row("image", "JPEG 2000 image", "jp2 j2k jpf jpx jpm j2c"),
    "image/jxl": _row("image", "JPEG XL image", "jxl"),
    "image/qoi": _row("image", "QOI image", "qoi"),
    "image/x-portable-anymap": _row("image", "Portable anymap image", "pnm pbm pgm ppm pam pfm"),
    "image/vnd-ms.dds": _row("image", "DirectDraw surface", "dds"),
    "image/x-icns": _row("image", "Apple icon", "icns"),
    "image/x-tga": _row("image", "Targa image", "tga"),
    "image/x-canon-cr2": _row("image", "Canon raw photograph", "cr2"),
    "image/x-canon-cr3": _row("image", "Canon raw photograph", "cr3"),
    "image/x-adobe-dng": _row("image", "Digital negative (DNG)", "dng"),
    "image/x-nikon-nef": _row("image", "Nikon raw photograph", "nef nrw"),
    "image/x-sony-arw": _row("image", "Sony raw photograph", "arw sr2 srf"),
    "image/x-fuji-raf": _row("image", "Fujifilm raw photograph", "raf"),
    "image/x-olympus-orf": _row("image", "Olympus raw photograph", "orf"),
    "image/x-panasonic-rw2": _row("image", "Panasonic raw photograph", "rw2"),
    "image/x-pentax-pef": _row("image", "Pentax raw photograph", "pef"),
    # documents
    "application/pdf": _row("pdf", "PDF document", "pdf"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _row(
        "office", "Word document", "docx docm dotx dotm"
    ),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": _row(
        "office", "PowerPoint presentation", "pptx pptm ppsx potx"
    ),
    "application/vnd.oasis.opendocument.text": _row("office", "OpenDocument text", "odt ott"),
    "application/vnd.oasis.opendocument.presentation": _row(
        "office", "OpenDocument presentation", "odp otp"
    ),
    "application/vnd.oasis.opendocument.graphics": _row(
        "office", "OpenDocument drawing", "odg otg"
    ),
    "application/vnd.oasis.opendocument.text-flat-xml": _row(
        "office", "Flat OpenDocument text", "fodt"
    ),
    "application/vnd.oasis.opendocument.presentation-flat-xml": _row(
        "office", "Flat OpenDocument presentation", "fodp"
    ),
    "application/vnd.oasis.opendocument.graphics-flat-xml": _row(
        "office", "Flat OpenDocument drawing", "fodg"
    ),
    "application/vnd.oasis.opendocument.spreadsheet-flat-xml": _row(
        "data", "Flat OpenDocument spreadsheet", "fods"
    ),
    "application/x-ooxml-protected": _row(
        "office", "Document locked with a password", "docx xlsx pptx docm xlsm pptm xlsb"
    ),
    "application/epub+zip": _row("office", "EPUB book", "epub"),
    "application/rtf": _row("office", "Rich text", "rtf"),
    "application/msword": _row("office", "Word document of 97–2003", "doc dot"),
    "application/vnd.ms-powerpoint": _row(
        "office", "PowerPoint presentation of 97–2003", "ppt pps pot"
    ),
    "application/x-ole-storage": _row("office", "OLE compound file", "msi"),
    # tables
    "text/csv": _row("table", "Comma-separated table", "csv"),
    "text/tab-separated-values": _row("table", "Tab-separated table", "tsv tab"),
    "application/x-ndjson": _row("table", "JSON lines", "ndjson jsonl ldjson"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _row(
        "table", "Excel workbook", "xlsx xlsm xltx xltm"
    ),
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": _row(
        "table", "Excel binary workbook", "xlsb"
    ),
    "application/vnd.ms-excel": _row("table", "Excel workbook of 97–2003", "xls xlt xla"),
    "application/vnd.oasis.opendocument.spreadsheet": _row(
        "table", "OpenDocument spreadsheet", "ods ots"
    ),
    "application/vnd.apache.parquet": _row("table", "Parquet table", "parquet pq"),
    "application/vnd.apache.arrow.file": _row("table", "Arrow file", "arrow feather ipc"),
    "application/vnd.apache.arrow.stream": _row("table", "Arrow stream", "arrows"),
    "application/vnd.sqlite3": _row(
        "table", "SQLite database", "sqlite sqlite3 db db3 gpkg mbtiles"
    ),
    # data
    "application/json": _row("data", "JSON document", "json geojson har webmanifest map"),
    "application/x-ipynb+json": _row("data", "Jupyter notebook", "ipynb"),
    "application/xml": _row(
        "data",
        "XML document",
        "xml xsd xsl xslt rss atom gpx kml plist wsdl xhtml tei fb2 musicxml",
    ),
    "application/yaml": _row("data", "YAML document", "yaml yml"),
    "application/toml": _row("data", "TOML document", "toml"),
    # sound and moving pictures
    "audio/mpeg": _row("audio", "MP3 audio", "mp3 mp2 mpga"),
    "audio/wav": _row("audio", "WAVE audio", "wav wave"),
    "audio/flac": _row("audio", "FLAC audio", "flac"),
    "audio/ogg": _row("audio", "Ogg audio", "ogg oga opus spx"),
    "audio/mp4": _row("audio", "MPEG-4 audio", "m4a m4b m4r"),
    "audio/aac": _row("audio", "AAC audio", "aac"),
    "audio/aiff": _row("audio", "AIFF audio", "aiff aif aifc"),
    "audio/x-ms-wma": _row("audio", "Windows Media audio", "wma"),
    "audio/amr": _row("audio", "AMR audio", "amr"),
    "audio/midi": _row("audio", "MIDI music", "mid midi"),
    "audio/basic": _row("audio", "AU audio", "au snd"),
    "audio/x-caf": _row("audio", "Core Audio file", "caf"),
    "audio/ac3": _row("audio", "AC-3 audio", "ac3"),
    "audio/x-wavpack": _row("audio", "WavPack audio", "wv"),
    "audio/x-ape": _row("audio", "Monkey's Audio", "ape"),
    "video/mp4": _row("video", "MPEG-4 video", "mp4 m4v mp4v f4v"),
    "video/quicktime": _row("video", "QuickTime video", "mov qt"),
    "video/3gpp": _row("video", "3GPP video", "3gp 3g2"),
    "video/webm": _row("video", "WebM video", "webm"),
    "video/x-matroska": _row("video", "Matroska video", "mkv mka mks mk3d"),
    "video/x-msvideo": _row("video", "AVI video", "avi"),
    "video/x-ms-wmv": _row("video", "Windows Media video", "wmv asf"),
    "video/x-flv": _row("video", "Flash video", "flv"),
    "video/mpeg": _row("video", "MPEG video", "mpg mpeg mpe vob m2v"),
    "video/mp2t": _row("video", "MPEG transport stream", "ts mts m2ts"),
    "video/ogg": _row("video", "Ogg video", "ogv ogg ogx"),
    # archives
    "application/zip": _row("archive", "ZIP archive", "zip"),
    "application/java-archive": _row("archive", "Java archive", "jar war ear aar"),
    "application/vnd.android.package-archive": _row("archive", "Android package", "apk"),
    "application/x-tar": _row("archive", "tar archive", "tar"),
    "application/gzip": _row("archive", "gzip-compressed file", "gz tgz taz svgz"),
    "application/x-bzip2": _row("archive", "bzip2-compressed file", "bz2 tbz2 tbz"),
    "application/x-xz": _row("archive", "xz-compressed file", "xz txz"),
    "application/x-lzma": _row("archive", "LZMA-compressed file", "lzma"),
    "application/zstd": _row("archive", "Zstandard-compressed file", "zst tzst"),
    "application/x-lz4": _row("archive", "LZ4-compressed file", "lz4"),
    "application/x-7z-compressed": _row("archive", "7-Zip archive", "7z"),
    "application/vnd.rar": _row("archive", "RAR archive", "rar cbr"),
    "application/x-archive": _row("archive", "ar archive", "a ar lib"),
    "application/vnd.debian.binary-package": _row("archive", "Debian package", "deb udeb"),
    "application/x-rpm": _row("archive", "RPM package", "rpm"),
    "application/x-cpio": _row("archive", "cpio archive", "cpio"),
    "application/x-iso9660-image": _row("archive", "ISO 9660 disc image", "iso"),
    "application/vnd.ms-cab-compressed": _row("archive", "Cabinet archive", "cab"),
    "application/x-lha": _row("archive", "LHA archive", "lzh lha"),
    "application/x-xar": _row("archive", "xar archive", "xar pkg"),
    # mail
    "message/rfc822": _row("mail", "E-mail message", "eml mht mhtml nws"),
    "application/mbox": _row("mail", "Mailbox", "mbox mbx"),
    "application/vnd.ms-outlook": _row("mail", "Outlook message", "msg"),
    # fonts
    "font/ttf": _row("font", "TrueType font", "ttf tte"),
    "font/otf": _row("font", "OpenType font", "otf"),
    "font/collection": _row("font", "Font collection", "ttc otc"),
    "font/woff": _row("font", "Web font (WOFF)", "woff"),
    "font/woff2": _row("font", "Web font (WOFF2)", "woff2"),
    # text
    TEXT: _row("text", "Plain text", "txt text asc me readme lst nfo"),
    "text/markdown": _row("text", "Markdown text", "md markdown mdown mkd"),
    "text/x-rst": _row("text", "reStructuredText", "rst rest"),
    "text/x-log": _row("text", "Log", "log"),
    "text/vtt": _row("text", "WebVTT subtitles", "vtt"),
    "application/x-subrip": _row("text", "SubRip subtitles", "srt"),
    "text/calendar": _row("text", "Calendar", "ics ical ifb"),
    "text/vcard": _row("text", "Contact card", "vcf vcard"),
    "application/x-pem-file": _row("text", "PEM certificate or key", "pem crt cer key csr pub"),
    "application/pkix-cert": _row("other", "Certificate (DER)", "der cer crt"),
    "application/x-pkcs12": _row("other", "Keys locked with a password (PKCS #12)", "p12 pfx"),
    "application/vnd.apple.mpegurl": _row("text", "Playlist", "m3u8 m3u"),
    "application/x-bibtex": _row("text", "BibTeX references", "bib"),
    # programs and other binary data that no step opens
    "application/x-executable": _row("other", "ELF program", "elf so o ko"),
    "application/vnd.microsoft.portable-executable": _row(
        "other", "Windows program", "exe dll sys scr ocx cpl"
    ),
    "application/x-mach-binary": _row("other", "macOS program", "dylib bundle"),
    "application/wasm": _row("other", "WebAssembly module", "wasm"),
    "application/java-vm": _row("other", "Java class", "class"),
    "application/x-python-bytecode": _row("other", "Python bytecode", "pyc pyo"),
    "application/vnd.tcpdump.pcap": _row("other", "Network capture", "pcap cap pcapng dmp"),
    "application/x-hdf5": _row("other", "HDF5 data", "h5 hdf5 hdf he5"),
    "application/x-netcdf": _row("other", "NetCDF data", "nc cdf"),
    "application/fits": _row("other", "FITS data", "fits fit fts"),
    "application/x-matlab-data": _row("other", "MATLAB data", "mat"),
    "application/x-emf": _row("other", "Enhanced metafile", "emf"),
    "application/avro": _row("other", "Avro data", "avro"),
    "application/x-orc": _row("other", "ORC table", "orc"),
    # as text its name is no mistake
    "model/stl": _row("other", "STL model"),
    "application/x-shapefile": _row("other", "Shapefile", "shp shx"),
    "application/x-dbf": _row("other", "dBase table", "dbf"),
    "application/x-numpy-data": _row("other", "NumPy array", "npy"),
    "application/vnd.ms-fontobject": _row("other", "Embedded OpenType font", "eot"),
    "application/x-shockwave-flash": _row("other", "Flash animation", "swf"),
    "application/pgp-encrypted": _row("other", "PGP message", "pgp gpg"),
    "application/x-bplist": _row("other", "Binary property list", "bplist plist"),
    "application/x-bittorrent": _row("other", "BitTorrent file", "torrent"),
    "application/postscript": _row("text", "PostScript document", "ps eps ai"),
    "application/dicom": _row("other", "DICOM image", "dcm dicom"),
    "application/x-qemu-disk": _row("other", "QEMU disk image", "qcow2 qcow"),
    "application/vnd.ms-htmlhelp": _row("other", "Compiled HTML help", "chm"),
    "application/x-ms-shortcut": _row("other", "Windows shortcut", "lnk"),
    "application/x-mo": _row("other", "Translation catalogue", "mo gmo"),
    "model/gltf-binary": _row("other", "glTF model", "glb"),
    "application/vnd.djvu": _row("other", "DjVu document", "djvu djv"),
    # code
    "text/html": _row("code", "HTML page", "html htm shtml"),
    "text/css": _row("code", "CSS style sheet", "css"),
    "text/javascript": _row("code", "JavaScript", "js mjs cjs jsx"),
    "text/x-typescript": _row("code", "TypeScript", "ts tsx mts cts"),
    "text/x-python": _row("code", "Python", "py pyw pyi"),
    "text/x-shellscript": _row("code", "Shell script", "sh bash zsh ksh fish"),
    "text/x-c": _row("code", "C", "c h"),
    "text/x-c++": _row("code", "C++", "cpp cc cxx hpp hh hxx ino"),
    "text/x-csharp": _row("code", "C#", "cs"),
    "text/x-java": _row("code", "Java", "java"),
    "text/x-kotlin": _row("code", "Kotlin", "kt kts"),
    "text/x-swift": _row("code", "Swift", "swift"),
    "text/x-go": _row("code", "Go", "go"),
    "text/x-rust": _row("code", "Rust", "rs"),
    "text/x-ruby": _row("code", "Ruby", "rb erb rake gemspec"),
    "text/x-php": _row("code", "PHP", "php phtml php5"),
    "text/x-perl": _row("code", "Perl", "pl pm"),
    "text/x-lua": _row("code", "Lua", "lua"),
    "text/x-r": _row("code", "R", "r rmd"),
    "text/x-julia": _row("code", "Julia", "jl"),
    "text/x-scala": _row("code", "Scala", "scala sc"),
    "text/x-haskell": _row("code", "Haskell", "hs lhs"),
    "text/x-elixir": _row("code", "Elixir", "ex exs"),
    "text/x-erlang": _row("code", "Erlang", "erl hrl"),
    "text/x-clojure": _row("code", "Clojure", "clj cljs edn"),
    "text/x-dart": _row("code", "Dart", "dart"),
    "text/x-objective-c": _row("code", "Objective-C", "mm"),
    "text/x-powershell": _row("code", "PowerShell", "ps1 psm1 psd1"),
    "text/x-batch": _row("code", "Batch file", "bat cmd"),
    "text/x-makefile": _row("code", "Makefile", "mk mak"),
    "text/x-dockerfile": _row("code", "Dockerfile", "dockerfile"),
    "text/x-cmake": _row("code", "CMake", "cmake"),
    "text/x-asm": _row("code", "Assembly", "asm s"),
    "text/x-sql": _row("code", "SQL", "sql"),
    "text/x-graphql": _row("code", "GraphQL", "graphql gql"),
    "text/x-protobuf": _row("code", "Protocol buffers", "proto"),
    "text/x-scss": _row("code", "SCSS style sheet", "scss sass less"),
    "text/x-vue": _row("code", "Vue component", "vue svelte astro"),
    "text/x-tex": _row("code", "TeX document", "tex sty cls ltx"),
    "text/x-diff": _row("code", "Patch", "diff patch"),
    "text/x-ini": _row(
        "code", "Configuration", "ini cfg conf properties env desktop service editorconfig"
    ),
    "text/x-hcl": _row("code", "Terraform", "tf tfvars hcl"),
    "text/x-nix": _row("code", "Nix", "nix"),
    "text/x-zig": _row("code", "Zig", "zig"),
    "text/x-vb": _row("code", "Visual Basic", "vb vbs bas"),
    "text/x-pascal": _row("code", "Pascal", "pas dpr"),
    "text/x-fortran": _row("code", "Fortran", "f90 f95 f03 for f77"),
}

# Zip by construction: a .zip name isn't wrong for them (nor .xml for SVG, and so on).
CONTAINERS = {
    "zip": "application/zip",
    "xml": "application/xml",
    "gz": "application/gzip",
    "txt": TEXT,
    "tar": "application/x-tar",
    "json": "application/json",
}


def _by_extension() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for media_type, row in MEDIA_TYPES.items():
        for extension in row.extensions:
            found[extension] = (*found.get(extension, ()), media_type)
    return found


BY_EXTENSION = _by_extension()


def describe(media_type: str) -> MediaType:
    """The table's row; for a media type that isn't in it, one of kind `other`."""
    return MEDIA_TYPES.get(media_type) or MediaType("other", media_type, ())


def extension_of(name: str) -> str:
    """The extension in lower case without its dot, "" for none; a bare Dockerfile counts as one."""
    base = name.replace("\\", "/").rpartition("/")[2].strip().lower()
    stem, dot, extension = base.rpartition(".")
    if dot and stem and extension and len(extension) <= 16:
        return extension
    return {"dockerfile": "dockerfile", "makefile": "mk", "readme": "readme"}.get(base, "")
