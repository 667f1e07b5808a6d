"""Files that come out of others: rows of their own, made once, when their parent's job ends."""

import hashlib
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from tests.support.services import eventually
from uploads import people, storage
from uploads.errors import WrongState
from uploads.models import Batch, Event, Job, Space, Status, Step, UploadedFile
from uploads.processing import children
from uploads.processing.children import Inside
from uploads.processing.jobs import arrivals, attempts, leases, wishes
from uploads.processing.sandbox import Child, LeftOut

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("data_dir")]


def begun(space: Space, name: str = "a.zip", batch: str | None = None) -> leases.Claimed:
    """A file whose job a worker has claimed."""
    with transaction.atomic():
        user = people.person(f"u{uuid.uuid4().hex[:8]}")
        arrival = arrivals.Arrival(
            space.pk, user.pk, name, size=3, batch=batch, batch_total=1 if batch else None
        )
        arrivals.receive(arrival, sha256="00")
    return claim()


def claim() -> leases.Claimed:
    with transaction.atomic():
        [claimed] = leases.claim("worker", 1)
    return claimed


def holding(tmp_path: Path, **members: bytes) -> Inside:
    """What a step has sent on, as the pipeline stores it."""
    inside = Inside()
    sent = []
    for number, (path, content) in enumerate(members.items()):
        place = tmp_path / f"made-{number}"
        place.write_bytes(content)
        sent.append(Child(path, len(content), place))
    children.store("archive", sent, inside)
    return inside


def end(claimed: leases.Claimed, inside: Inside, error: dict[str, str] | None = None) -> None:
    step = attempts.StepRecord("archive", 1, 0, Step.State.DONE, result={})
    with transaction.atomic():
        attempts.finish(claimed, [step], error, "", inside)


def of(claimed: leases.Claimed) -> dict[str, UploadedFile]:
    found = UploadedFile.objects.filter(parent=claimed.file_id).order_by("path")
    return {file.path: file for file in found}


def removed(inside: Inside) -> None:
    """Return once the first content is, which a thread does."""
    place = storage.path(inside.found[0].id)
    eventually(lambda: not place.exists(), "its removal")


def told(claimed: leases.Claimed) -> Any:
    step = Step.objects.get(file=claimed.file_id, attempt=claimed.attempt, name="archive")
    return step.sent_on


def test_members_become_files_with_jobs_of_their_own(space: Space, tmp_path: Path) -> None:
    claimed = begun(space)
    end(claimed, holding(tmp_path, **{"b/one.txt": b"one", "../../two": b"two!"}))
    made = of(claimed)
    assert list(made) == ["a.zip/b/one.txt", "a.zip/two"]
    one = made["a.zip/b/one.txt"]
    parent = UploadedFile.objects.get(pk=claimed.file_id)
    assert (one.name, one.size, one.status, one.batch) == ("one.txt", 3, Status.QUEUED, None)
    assert (one.sha256, one.complete) == (hashlib.sha256(b"one").hexdigest(), True)
    assert one.uploader_id == parent.uploader_id
    assert storage.path(one.pk).read_bytes() == b"one"
    assert Job.objects.filter(file__parent=parent.pk, state=Job.State.QUEUED).count() == 2
    space.refresh_from_db()
    assert (space.queued, space.processed, space.used_bytes) == (2, 1, 3 + 3 + 4)
    assert Event.objects.filter(space=space, file=one.pk).count() == 1
    assert told(claimed) == {"files": 2, "known": 0, "left_out": [], "left_out_total": 0}


def test_a_batch_ends_with_the_files_that_were_sent(space: Space, tmp_path: Path) -> None:
    claimed = begun(space, batch="drop")
    end(claimed, holding(tmp_path, one=b"one"))
    batch = Batch.objects.get(space=space, key="drop")
    assert batch.ended_at is not None
    assert (batch.total, batch.processed, batch.queued) == (1, 1, 0)


def test_what_is_there_already_is_not_made_again(space: Space, tmp_path: Path) -> None:
    claimed = begun(space)
    end(claimed, holding(tmp_path, one=b"one", two=b"two"))
    UploadedFile.objects.filter(parent=claimed.file_id).update(status=Status.PROCESSED)
    Job.objects.filter(file__parent=claimed.file_id).update(state=Job.State.ENDED)
    with transaction.atomic():
        wishes.retry(claimed.file_id)
    again = claim()
    inside = holding(tmp_path, one=b"one", two=b"changed", three=b"3")
    end(again, inside)
    assert UploadedFile.objects.filter(parent=claimed.file_id).count() == 4
    assert (told(again)["files"], told(again)["known"]) == (2, 1)
    removed(inside)


def test_very_many_are_made_too(space: Space, tmp_path: Path, settings) -> None:
    settings.CHILD_FILES = 2000
    settings.UPLOAD_FSYNC = False
    claimed = begun(space)
    end(claimed, holding(tmp_path, **{f"{number}.txt": b"%d" % number for number in range(1500)}))
    assert len(of(claimed)) == 1500
    space.refresh_from_db()
    assert (space.queued, space.seq) == (1500, Event.objects.filter(space=space).count())


def test_the_same_member_twice_is_one_file(space: Space, tmp_path: Path) -> None:
    claimed = begun(space)
    inside = holding(tmp_path, one=b"one")
    inside.found += holding(tmp_path, one=b"one").found
    end(claimed, inside)
    assert len(of(claimed)) == 1


def test_a_lost_attempt_leaves_no_children(space: Space, tmp_path: Path) -> None:
    claimed = begun(space)
    inside = holding(tmp_path, one=b"one")
    with transaction.atomic():
        wishes.cancel(claimed.file_id)
    with pytest.raises(leases.LostLease):
        end(claimed, inside)
    assert of(claimed) == {}
    children.discard(inside)
    removed(inside)


def test_a_file_that_fails_keeps_what_its_other_steps_sent_on(space: Space, tmp_path: Path) -> None:
    claimed = begun(space)
    end(claimed, holding(tmp_path, one=b"one"), {"code": "crashed", "message": "", "step": "own"})
    assert list(of(claimed)) == ["a.zip/one"]


def test_one_that_is_tried_again_sends_on_only_in_the_end(space: Space, tmp_path: Path) -> None:
    claimed = begun(space)
    inside = holding(tmp_path, one=b"one")
    with transaction.atomic():
        error = {"code": "crashed", "message": "", "step": "own"}
        assert attempts.postpone(claimed, [], error, "", inside) is not None
    assert of(claimed) == {}


def test_number_bytes_and_quota_bound_them_and_the_step_says_so(
    space: Space, tmp_path: Path, settings
) -> None:
    settings.CHILD_FILES, settings.CHILD_BYTES = 3, 100
    Space.objects.filter(pk=space.pk).update(quota_bytes=3 + 60)
    claimed = begun(space)
    members = {"a": b"a" * 50, "huge": b"x" * 101, "b": b"b" * 20, "c": b"c", "d": b"d", "e": b"e"}
    inside = holding(tmp_path, **members)
    inside.note("archive", LeftOut(30, (("link", "link"),)))
    end(claimed, inside)
    assert list(of(claimed)) == ["a.zip/a", "a.zip/c", "a.zip/d"]
    assert told(claimed) == {
        "files": 3,
        "known": 0,
        "left_out": [
            {"path": "link", "reason": "link"},
            {"path": "huge", "reason": "bytes"},
            {"path": "b", "reason": "quota"},
            {"path": "e", "reason": "number"},
        ],
        "left_out_total": 33,
    }


def test_an_attachment_that_is_an_artifact_too_takes_no_second_room(
    space: Space, tmp_path: Path
) -> None:
    claimed = begun(space, "a.eml")
    artifact = storage.artifact_path(claimed.file_id, 1, "mail", "attachment-1.csv")
    artifact.parent.mkdir(parents=True)
    artifact.write_bytes(b"a,b")
    inside = Inside()
    children.store("archive", [Child("rivers.csv", 3, artifact)], inside)
    end(claimed, inside)
    child = of(claimed)["a.eml/rivers.csv"]
    assert storage.path(child.pk).stat().st_ino == artifact.stat().st_ino
    artifact.unlink()
    assert storage.path(child.pk).read_bytes() == b"a,b"


def test_depth_is_counted_and_one_too_deep_is_not_taken_apart(
    space: Space, tmp_path: Path, settings
) -> None:
    settings.CHILD_DEPTH = 1
    outer = begun(space)
    assert outer.depth == 0
    end(outer, holding(tmp_path, **{"inner.zip": b"PK"}))
    inner = claim()
    assert inner.depth == 1
    assert children.may_send(inner.depth, asked=False).deep
    end(inner, Inside())
    with transaction.atomic(), pytest.raises(WrongState, match="came out of 1"):
        wishes.expand(inner.file_id)


def test_asking_for_what_is_inside_lasts_for_one_time(space: Space) -> None:
    claimed = begun(space)
    assert not claimed.expand
    end(claimed, Inside())
    with transaction.atomic():
        assert wishes.expand(claimed.file_id).status == Status.QUEUED
    asked = claim()
    assert asked.expand
    end(asked, Inside())
    with transaction.atomic():
        wishes.retry(claimed.file_id)
    assert not claim().expand


def test_children_of_a_deleted_file_stay_and_everybody_hears_of_it(
    space: Space, tmp_path: Path
) -> None:
    claimed = begun(space)
    end(claimed, holding(tmp_path, one=b"one"))
    [child] = of(claimed).values()
    with transaction.atomic():
        wishes.delete(claimed.file_id)
    child.refresh_from_db()
    assert child.parent_id is None
    assert storage.path(child.pk).exists()
    newest = Event.objects.filter(space=space, file=child.pk).order_by("-seq").first()
    assert newest is not None
    assert '"parent":null' in newest.payload
    assert timezone.now() >= newest.at
