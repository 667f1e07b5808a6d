"""What a client holds that has only been told: the one place where frames are applied."""

from millrace_client.shapes import ENDED, Counts, Event, File, Frame, Progress, RunningStep


class World:
    """Files and counts of a space, as far as the stream has told of them."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.counts: Counts = {}
        self.cursor: str | None = None
        self.ready = False  # whether a snapshot has been brought up to date
        self._coming: dict[str, File] = {}

    def apply(self, frame: Frame) -> list[str]:
        """Apply one frame; returns the ids of the files that it changed."""
        kind = frame["type"]
        if kind == "snapshot":
            return self._take_snapshot(frame)
        if kind == "events":
            changed = [self._take_event(event) for event in frame["events"]]
            self.cursor, self.counts = frame["cursor"], frame["counts"]
            return [file for file in changed if file]
        if kind == "progress":
            return [one["id"] for one in frame["files"] if self._take_progress(one)]
        if kind == "position":
            self.cursor = frame["cursor"]
        elif kind == "ready":
            self.ready = True
        return []

    def _take_snapshot(self, frame: Frame) -> list[str]:
        """Files come in several frames; they count when the last one is there."""
        self.ready = False
        self._coming |= {file["id"]: file for file in frame["files"]}
        if not frame["last"]:
            return []
        changed = list(self.files.keys() | self._coming.keys())
        self.files, self._coming = self._coming, {}
        self.cursor, self.counts = frame["cursor"], frame["counts"]
        return changed

    def _take_event(self, event: Event) -> str:
        if "file" not in event:
            return ""
        file = event["file"]
        if event["type"] == "file.deleted":
            self.files.pop(file["id"], None)
            return file["id"]
        known = self.files.get(file["id"])
        if known is not None and _further(known, file):
            file = {**file, "step": _furthest(known["step"], file["step"])}
        self.files[file["id"]] = file
        return file["id"]

    def _take_progress(self, measure: Progress) -> bool:
        file = self.files.get(measure["id"])
        if file is None or file["attempt"] != measure["attempt"] or file["status"] in ENDED:
            return False
        step = file["step"]
        same = step is not None and step["name"] == measure["step"]
        if step is not None and same and (step["done"] or 0) > measure["done"]:
            return False
        received = file["received"]
        if measure["step"] == "receive":
            received = max(received, int(measure["done"]))
        self.files[file["id"]] = {
            **file,
            "received": received,
            "step": {
                "name": measure["step"],
                "done": measure["done"],
                "total": measure["total"],
                "unit": measure["unit"],
                "eta_s": measure["eta_s"],
                "stalled_since": _silence(step, measure) if same else None,
            },
        }
        return True


def _silence(step: RunningStep | None, measure: Progress) -> str | None:
    """Since when the step is silent: whoever joins is told the newest measure once more."""
    if step is None or step["done"] != measure["done"]:
        return None
    return step.get("stalled_since")


def _furthest(known: RunningStep | None, told: RunningStep | None) -> RunningStep | None:
    """As far as progress has told, and as silent as the event says."""
    if known is None or told is None:
        return told
    return {**known, "stalled_since": told.get("stalled_since")}


def _further(known: File, told: File) -> bool:
    """Whether progress has told more of the running step than the event knew."""
    before, now = known["step"], told["step"]
    if known["attempt"] != told["attempt"] or before is None or now is None:
        return False
    return before["name"] == now["name"] and (before["done"] or 0) > (now["done"] or 0)
