"""What templates show of files: words, sizes, groups.

The scripts show the same from the same JSON (`frontend/static/js/words.js`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from uploads.models import IN_FLIGHT, Batch, Pause, Status
from uploads.reading.said import told

OPEN_ROWS = 8  # a batch of more files than this is folded once it has ended

KIND_WORDS: dict[str, str | Promise] = {
    "image": gettext_lazy("Image"),
    "pdf": gettext_lazy("PDF"),
    "table": gettext_lazy("Table"),
    "data": gettext_lazy("Data"),
    "audio": gettext_lazy("Audio"),
    "video": gettext_lazy("Video"),
    "archive": gettext_lazy("Archive"),
    "office": gettext_lazy("Document"),
    "mail": gettext_lazy("Mail"),
    "text": gettext_lazy("Text"),
    "code": gettext_lazy("Code"),
    "font": gettext_lazy("Font"),
    "other": gettext_lazy("Other"),
}
MARKS = {
    Status.RECEIVING: "upload",
    Status.QUEUED: "clock",
    Status.PROCESSING: "wheel",
    Status.PROCESSED: "check",
    Status.FAILED: "alert",
    Status.CANCELLED: "slash",
}
STEP_MARKS = {
    "waiting": "clock",
    "running": "wheel",
    "done": "check",
    "failed": "alert",
    "skipped": "minus",
}
ADVICE: dict[str, str | Promise] = {
    "bad_file": gettext_lazy(
        "The file itself is broken or incomplete. Send it again from its source."
    ),
    "processor_error": gettext_lazy("Try again; if it fails the same way, the step has a fault."),
    "crashed": gettext_lazy("The step died on this file. The other steps' results are kept."),
    "memory_cap": gettext_lazy(
        "The file needs more memory than a step may use (STEP_MEMORY_BYTES)."
    ),
    "time_cap": gettext_lazy("The file needs more time than a step may take (STEP_SECONDS)."),
    "disk_cap": gettext_lazy("The step wrote more than it may (STEP_DISK_BYTES)."),
    "thread_cap": gettext_lazy("The step started more threads than it may."),
    "output_cap": gettext_lazy("The step returned more than can be kept. Save it as an artifact."),
    "invalid_result": gettext_lazy("The step returned something that is not JSON."),
    "worker_lost": gettext_lazy("The machine that worked on it went away. Trying again is safe."),
    "": gettext_lazy("You can try again."),
}
REASON_WORDS: dict[str, str | Promise] = {
    "bad_file": gettext_lazy("Broken file"),
    "processor_error": gettext_lazy("Step went wrong"),
    "crashed": gettext_lazy("Step crashed"),
    "memory_cap": gettext_lazy("Too much memory"),
    "time_cap": gettext_lazy("Took too long"),
    "disk_cap": gettext_lazy("Wrote too much"),
    "thread_cap": gettext_lazy("Too many threads"),
    "output_cap": gettext_lazy("Result too large"),
    "invalid_result": gettext_lazy("Result can't be read"),
    "worker_lost": gettext_lazy("Worker lost"),
}
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size_words(size: float | None) -> str:
    """Bytes as people say them: "12.4 MB", in powers of 1000; "" where unknown."""
    if size is None:
        return ""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    decimals = 1 if unit and value < 99.95 else 0
    return f"{number_format(round(value, decimals), decimals)} {_UNITS[unit]}"


@dataclass(frozen=True)
class Row:
    """A file as a list shows it."""

    id: str
    status: str
    kind: str
    name: str
    full_name: str
    about: str
    measure: str
    thumbnail: str
    mark: str
    status_word: str | Promise
    created_at: str = ""
    created_words: str = ""
    size: str = ""
    kind_word: str | Promise = ""
    may_retry: bool = False
    may_cancel: bool = False
    may_delete: bool = False


EMPTY_ROW = Row("", "", "", "", "", "", "", "", "other", "")


def row(file: dict[str, Any], *, may_change: bool) -> Row:
    """A row from a file's JSON."""
    status, kind = file["status"], file["kind"] or ""
    in_flight = status in IN_FLIGHT
    kind_word = KIND_WORDS.get(kind, "")
    parts = [size_words(file["size"]), str(kind_word), _folder(file["path"], file["name"])]
    return Row(
        id=file["id"],
        status=status,
        kind=kind,
        name=file["name"],
        full_name=file["path"] or file["name"],
        about=" · ".join(part for part in parts if part),
        measure=told((file["error"] or {}).get("message", "")) if status == Status.FAILED else "",
        thumbnail=file["thumbnail"] or "",
        mark=MARKS[status],
        status_word=Status(status).label,
        created_at=file["created_at"],
        created_words=_day(file["created_at"]),
        size=size_words(file["size"]),
        kind_word=kind_word,
        may_retry=may_change and status in (Status.FAILED, Status.CANCELLED),
        may_cancel=may_change and in_flight,
        may_delete=may_change and not in_flight,
    )


def _day(moment: str | None) -> str:
    """As the scripts say days."""
    return date_format(datetime.fromisoformat(moment), pgettext("day", "M j, Y")) if moment else ""


def _folder(path: str, name: str) -> str:
    return path.removesuffix(name).rstrip("/") if path else ""


@dataclass(frozen=True)
class Group:
    """The files of one drop, those that came out of one file, or one that came alone."""

    key: str
    title: str
    about: str
    rows: Sequence[Row]
    status: str = "ended"
    alone: bool = False
    open: bool = True
    peek: bool = False


EMPTY_GROUP = Group("", "", "", ())


def groups(
    files: Iterable[dict[str, Any]], *, may_change: bool, batches: Mapping[str, Batch]
) -> tuple[list[Group], list[Group]]:
    """Files (newest first) by batch: groups with something in flight, and those that have ended."""
    together: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in files:
        together[_group_key(file)].append(file)
    flight: list[Group] = []
    ended: list[Group] = []
    for key, members in together.items():
        active = any(file["status"] in IN_FLIGHT for file in members)
        group = _group(key, members, active, may_change=may_change)
        (flight if active else ended).append(_counted(group, members, batches.get(key)))
    return flight, ended


def _group_key(file: dict[str, Any]) -> str:
    """As `frontend/static/js/groups.js` has it."""
    if file["batch"] or not file["parent"]:
        return file["batch"] or f"file:{file['id']}"
    return f"from:{file['parent']}"


def _counted(group: Group, files: list[dict[str, Any]], batch: Batch | None) -> Group:
    """The same, told of all files of its batch, of which only some may be listed."""
    if batch is None or (total := sum(batch.counts.values())) <= len(files):
        return group
    about = _about(batch.processed, total)
    return replace(group, title=_title(files, total), about=about, alone=False)


def _about(processed: int, total: int) -> str:
    return _("%(done)s of %(total)s processed") % {
        "done": number_format(processed, force_grouping=True),
        "total": number_format(total, force_grouping=True),
    }


def _group(key: str, files: list[dict[str, Any]], active: bool, *, may_change: bool) -> Group:  # noqa: FBT001
    members = sorted(files, key=lambda file: (file["created_at"], file["id"]))
    processed = sum(file["status"] == Status.PROCESSED for file in members)
    return Group(
        key=key,
        title=_title(members, len(members)),
        about=_about(processed, len(members)),
        rows=[row(file, may_change=may_change) for file in members[:OPEN_ROWS]],
        status="active" if active else "ended",
        alone=len(members) == 1,
        open=active or len(members) <= OPEN_ROWS,
        peek=len(members) > OPEN_ROWS,
    )


def _title(files: Sequence[dict[str, Any]], total: int) -> str:
    tops = {file["path"].split("/", 1)[0] if "/" in file["path"] else "" for file in files}
    said = number_format(total, force_grouping=True)
    count = ngettext("%(count)s file", "%(count)s files", total) % {"count": said}
    return f"{tops.pop()} · {count}" if len(tops) == 1 and "" not in tops else count


def pause_words(pause: Pause) -> dict[str, str]:
    """What is said of a pause of the queue: what is paused, by whom and until when, why."""
    everything = pause.space_id is None
    by = _("by %(name)s") % {"name": pause.by.get_username()} if pause.by else ""
    until = _("until somebody resumes it")
    if pause.until:
        until = _("until %(when)s") % {"when": date_format(pause.until, "DATETIME_FORMAT")}
    return {
        "title": _("Processing is paused on the whole server")
        if everything
        else _("Processing is paused"),
        "about": " · ".join(part for part in (by, until) if part),
        "reason": pause.reason,
    }


def facts(file: dict[str, Any]) -> list[tuple[str, str]]:
    """What is known of every file, as pairs of words."""
    identified = file["results"].get("identify", {})
    pairs = [
        (_("Type"), told(identified.get("description") or "") or file["media_type"]),
        (_("Size"), size_words(file["size"])),
        (_("Uploaded"), _day(file["created_at"])),
        (_("Finished"), _day(file["finished_at"])),
        ("SHA-256", file["sha256"]),
    ]
    return [(word, value) for word, value in pairs if value]


def steps(file: dict[str, Any]) -> list[dict[str, str]]:
    """The steps, with how long each took, after what was before them."""
    return _before(file) + [
        {
            "name": step["name"],
            "status": step["status"],
            "took": took_words(step["duration_ms"]),
            "mark": STEP_MARKS[step["status"]],
            "why": told((step["error"] or {}).get("message", "")),
            "run": " · ".join(filter(None, [f"{step['name']} v{step['version']}", step["worker"]])),
        }
        for step in file["steps"]
    ]


def _before(file: dict[str, Any]) -> list[dict[str, str]]:
    """How it was received and waited; nothing of that is known of later attempts."""
    first = [step["started_at"] for step in file["steps"] if step["attempt"] == 1]
    started, received = min(filter(None, first), default=None), file["received_at"]
    if started is None or received is None:
        return []
    size, took = size_words(file["size"]), _between(file["created_at"], received)
    waited = _between(received, started)
    return [
        {"name": _("Received"), "status": "before", "mark": "upload", "took": took, "about": size},
        {"name": _("Waited"), "status": "before", "mark": "clock", "took": waited},
    ]


def _between(begin: str, end: str) -> str:
    """Machines whose clocks differ may have measured the two."""
    passed = datetime.fromisoformat(end) - datetime.fromisoformat(begin)
    return took_words(max(0, round(passed.total_seconds() * 1000)))


def artifacts(file: dict[str, Any]) -> list[dict[str, Any]]:
    """What was made from it, with sizes as people say them."""
    return [made | {"size_words": size_words(made["size"])} for made in file["artifacts"]]


def took_words(milliseconds: int | None) -> str:
    """ "12 ms", "3.4 s"; "" where it is not known."""
    if milliseconds is None:
        return ""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    return f"{number_format(milliseconds / 1000, 1)} s"
