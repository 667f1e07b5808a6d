"""What the control words of rich text mean to a reader of its text (RTF 1.9.1): the tables, and
nothing that reads.
"""

from __future__ import annotations

# Where the text of a group goes.
TEXT, NOTE, FIELD, STYLE, FONTS, TEMPLATE, NOWHERE = (
    "text",
    "note",
    "field",
    "style",
    "fonts",
    "template",
    "",
)

# What a document says of itself, by the word of its group; moments are made of numbers.
PROPERTIES = {
    "title": "title",
    "author": "author",
    "operator": "last_modified_by",
    "subject": "subject",
    "keywords": "keywords",
    "doccomm": "description",
    "company": "company",
    "generator": "application",
    "creatim": "created",
    "revtim": "modified",
}
MOMENT = ("yr", "mo", "dy", "hr", "min")

_NOT_TEXT = (
    "annotation atrfend atrfstart aftnsep aftnsepc buptim colortbl filetbl footer footerf footerl"
    " footerr ftnsep ftnsepc header headerf headerl headerr listtable listtext nonshppict objdata"
    " pict pntext printim private revtbl rxe tc xe"
)
# Groups that begin with these words hold no text of the document itself.
ELSEWHERE = {
    **dict.fromkeys(_NOT_TEXT.split(), NOWHERE),
    **{word: word for word in PROPERTIES},
    "footnote": NOTE,
    "fldinst": FIELD,
    "stylesheet": STYLE,
    "fonttbl": FONTS,
    "template": TEMPLATE,
}
# Groups that old readers may pass over (`\*`) and this one does not.
WANTED = frozenset(
    ["annotation", "fldinst", "generator", "listtext", "pntext", "shppict", "template"]
)

LETTERS = {
    "line": "\n",
    "lbr": "\n",
    "tab": "\t",
    "nestcell": "\t",
    "emdash": "\u2014",
    "endash": "\u2013",
    "bullet": "\u2022",
    "lquote": "\u2018",
    "rquote": "\u2019",
    "ldblquote": "\u201c",
    "rdblquote": "\u201d",
    "emspace": "\u2003",
    "enspace": "\u2002",
    "~": "\xa0",
    "_": "\u2011",
    "\\": "\\",
    "{": "{",
    "}": "}",
    "\t": "\t",
}

# Encodings by the character set of a font, and of documents that name one by a word.
CHARSETS = {
    77: "mac-roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gb18030",
    136: "cp950",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    255: "cp437",
}
PLATFORMS = {"mac": "mac-roman", "pc": "cp437", "pca": "cp850"}
