"""The only module that writes and asks the index behind the search.

A file is found by every beginning of a word of its name or folders, and by the words of its text or
their beginnings of four letters and more. Beginnings are words of the index themselves, so a search
is always for whole words: it reads one list per word, newest file first, and stops when a page is
full, however many files match. SQLite keeps the lists in an FTS5 table, Postgres in a GIN index.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from uploads.models import SearchEntry, UploadedFile

TEXT_CHARACTERS = 64 * 1024  # of each text; what comes later is not found
TEXT_WORDS = 1000  # different words of all texts together
WORD_CHARACTERS = 32  # longer words are cut, in the index and in what is searched for
SHORTEST, LONGEST = 4, 12  # beginnings of a text's words
QUERY_WORDS = 8
ID_BITS = 11  # of a file's id in its entry's, below the microsecond of its creation

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORD = re.compile(r"[^\W_]+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|\d+")  # of invoiceNo2024
# written without spaces between words: Han, kana, Thai, Lao, Khmer, Burmese
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+")


def words(name: str, *texts: str, path: str = "") -> str:
    """What `index` keeps of a file: its words and their beginnings. Pure; off the loop, please."""
    found: dict[str, None] = {}  # in order, each once
    for word in (*_words(f"{path} {name}"), *_name_parts(f"{path} {name}")):
        found.update(dict.fromkeys(word[:length] for length in range(1, len(word) + 1)))
    for word in _text_words(texts):
        longest = min(len(word), LONGEST + 1)
        found.update(dict.fromkeys(word[:length] for length in range(SHORTEST, longest)))
        found[word] = None
    return " ".join(found)


def index(file: UploadedFile, found: str) -> None:
    """Let `file` be found by what `words` gave; replaces what was known of it. In a transaction."""
    text = entry_words(file, found)
    key = entry_key(file.created_at, file.pk)
    while not _insert(key, file.pk, text):
        if SearchEntry.objects.filter(file=file.pk).update(words=text):
            return
        key += 1  # another file of the same microsecond has this one


def entry_words(file: UploadedFile, found: str) -> str:
    """What an entry holds: its words, and one for the file's space."""
    return f"{_space_word(file.space_id)} {found}"


def entry_key(created_at: datetime, file_id: UUID) -> int:
    """The place of an entry: by time of creation, then by the file's id."""
    age = created_at - _EPOCH
    microseconds = (age.days * 86_400 + age.seconds) * 1_000_000 + age.microseconds
    return microseconds << ID_BITS | file_id.int >> 128 - ID_BITS


def creation_of(entry: int) -> tuple[datetime, UUID]:
    """What an entry's id tells of its file: when it was created, and how its id begins."""
    begin = entry & (1 << ID_BITS) - 1
    return _EPOCH + timedelta(microseconds=entry >> ID_BITS), UUID(int=begin << 128 - ID_BITS)


def terms(query: str) -> list[str]:
    """The words that a file must have to be found; none when the query holds no letter or digit."""
    return list(dict.fromkeys(_words(query)))[:QUERY_WORDS]


@dataclass(frozen=True)
class Match:
    """A search in one space, as SQL for this database."""

    space_id: int
    terms: tuple[str, ...]

    def entries(
        self, *, newest_first: bool = True, above: int | None = None, below: int | None = None
    ) -> "Sql":
        """Ids of matching entries in order, strictly between two ids; without an end."""
        column, test, wanted = self._test("")
        params: list[Any] = [wanted]
        for sign, bound in ((">", above), ("<", below)):
            if bound is not None:
                test += f" AND {column} {sign} %s"
                params.append(bound)
        order = "DESC" if newest_first else "ASC"
        return Sql(
            f"SELECT {column} AS id FROM {_table()} WHERE {test} ORDER BY {column} {order}",  # noqa: S608
            tuple(params),
        )

    def covers(self, file_column: str) -> "Sql":
        """A test of one file, whose id is in `file_column`."""
        if connection.vendor == "postgresql":
            _, test, wanted = self._test("e.")
            source = "uploads_searchentry e WHERE"
        else:
            _, test, wanted = self._test("uploads_search.")
            source = (
                "uploads_searchentry e CROSS JOIN uploads_search "
                "WHERE uploads_search.rowid = e.id AND"
            )
        sql = f"EXISTS (SELECT 1 FROM {source} e.file_id = {file_column} AND {test})"  # noqa: S608
        return Sql(sql, (wanted,))

    def fits(self, name: str, path: str) -> bool:
        """Whether a name and folders alone have all the terms; for files without an entry yet."""
        text = f"{path} {name}"
        folded = _folded(text)
        if not all(term in folded for term in self.terms):
            return False
        have = [*_words(text), *_name_parts(text)]
        return all(any(word.startswith(term) for word in have) for term in self.terms)

    def _test(self, prefix: str) -> tuple[str, str, str]:
        wanted = (_space_word(self.space_id), *self.terms)
        if connection.vendor == "postgresql":
            return f"{prefix}id", f"{prefix}vector @@ %s::tsquery", " & ".join(map(_quoted, wanted))
        return f"{prefix}rowid", "uploads_search MATCH %s", " AND ".join(f'"{w}"' for w in wanted)


@dataclass(frozen=True)
class Sql:
    """A piece of SQL and its parameters."""

    text: str
    params: tuple[Any, ...] = ()


def _table() -> str:
    return "uploads_searchentry" if connection.vendor == "postgresql" else "uploads_search"


def _quoted(term: str) -> str:
    return f"'{term}'"  # letters and digits only


def _space_word(space_id: int) -> str:
    return f"0space{space_id}"


def _insert(key: int, file_id: UUID, text: str) -> bool:
    file = UploadedFile._meta.pk.get_db_prep_value(file_id, connection)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO uploads_searchentry (id, file_id, words) VALUES (%s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            [key, file, text],
        )
        inserted: bool = cursor.rowcount > 0
    return inserted


# -- words -----------------------------------------------------------------------------------------


def _folded(text: str) -> str:
    """Without case and accents, so that Müller is found by muller."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def _words(text: str) -> list[str]:
    return [
        piece[:WORD_CHARACTERS] for word in _WORD.findall(_folded(text)) for piece in _cut(word)
    ]


def _cut(word: str) -> Iterator[str]:
    """The word; runs of a script without spaces as every two neighbours, since nobody says where
    their words end.
    """
    if word.isascii():
        yield word
        return
    last = 0
    for run in _UNSPACED.finditer(word):
        if last < run.start():
            yield word[last : run.start()]
        signs, last = run.group(), run.end()
        yield from (signs[at : at + 2] for at in range(max(1, len(signs) - 1)))
    if last < len(word):
        yield word[last:]


def _name_parts(name: str) -> list[str]:
    """What stands together without a separator: invoiceNo2024 → invoice, no, 2024."""
    return [part.lower()[:WORD_CHARACTERS] for part in _PARTS.findall(name)]


def _text_words(texts: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for text in texts:
        for word in _words(text[:TEXT_CHARACTERS]):
            found[word] = None
            if len(found) == TEXT_WORDS:
                return list(found)
    return list(found)
