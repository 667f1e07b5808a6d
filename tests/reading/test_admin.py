"""The administration, as staff see it: all opens, and changes keep events and counts right."""

import uuid
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.test import Client, override_settings
from django.urls import reverse

from uploads import people
from uploads.models import Event, Job, Membership, Space, Token, UploadedFile, User
from uploads.processing.jobs import arrivals, leases
from uploads.publishing import doorbell, standing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def static_files_as_they_are() -> Iterator[None]:
    """No test here is about their addresses, which are made when a server starts."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(STORAGES={**settings.STORAGES, "staticfiles": plain}):
        yield


@pytest.fixture
def staff() -> Client:
    ContentType.objects.clear_cache()  # the tables are emptied after each test, this is not
    user = User.objects.create_user(f"staff-{uuid.uuid4().hex[:6]}", is_staff=True)
    user.is_superuser = True
    user.save()
    people.private_space(user)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def space() -> Space:
    return people.private_space(people.person(f"alice-{uuid.uuid4().hex[:8]}"))


def arrive(space: Space, name: str = "a.txt") -> UploadedFile:
    with transaction.atomic():
        arrival = arrivals.Arrival(space_id=space.pk, uploader_id=space.owner_id, name=name, size=3)
        return arrivals.receive(arrival, sha256="00")


def act(staff: Client, model: str, action: str, *ids: object, **more: str) -> None:
    """Choose rows of a list and do something to them."""
    body = {"action": action, "_selected_action": [str(each) for each in ids], **more}
    answer = staff.post(reverse(f"admin:uploads_{model}_changelist"), body, follow=True)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "model", ["user", "space", "token", "uploadedfile", "job", "batch", "pause", "invitation"]
)
def test_every_list_and_form_opens(staff: Client, space: Space, model: str) -> None:
    file = arrive(space)
    token, _ = people.make_token(people.person("alice"))
    listed = staff.get(reverse(f"admin:uploads_{model}_changelist"))
    assert listed.status_code == 200
    keys = {
        "user": space.owner_id,
        "space": space.pk,
        "token": token.pk,
        "uploadedfile": file.pk,
        "job": file.pk,
    }
    if model in keys:
        form = staff.get(reverse(f"admin:uploads_{model}_change", args=[keys[model]]))
        assert form.status_code == 200
        assert token.digest not in form.content.decode()


def test_files_are_retried_cancelled_and_deleted_with_events_and_counts(
    staff: Client, space: Space
) -> None:
    file = arrive(space)
    act(staff, "uploadedfile", "cancel", file.pk)
    space.refresh_from_db()
    assert space.counts["cancelled"] == 1
    act(staff, "uploadedfile", "retry", file.pk)
    act(staff, "uploadedfile", "retry", file.pk)  # refused, and said so
    space.refresh_from_db()
    assert (space.counts["queued"], space.counts["cancelled"]) == (1, 0)
    act(staff, "uploadedfile", "delete_selected", file.pk, post="yes")
    space.refresh_from_db()
    assert not any(space.counts.values())
    assert space.used_bytes == 0
    assert not UploadedFile.objects.filter(pk=file.pk).exists()
    assert not Job.objects.filter(pk=file.pk).exists()
    last = Event.objects.filter(space=space).order_by("-seq").first()
    assert last is not None
    assert '"type":"file.deleted"' in last.payload


def test_a_new_user_gets_a_private_space(staff: Client) -> None:
    name = f"dora-{uuid.uuid4().hex[:6]}"
    secret = "a long enough word for this"
    body = {"username": name, "password1": secret, "password2": secret, "usable_password": "true"}
    answer = staff.post(reverse("admin:uploads_user_add"), body)
    assert answer.status_code == 302, answer.content.decode()
    space = Space.objects.get(owner__username=name)
    assert Membership.objects.get(space=space).role == "manager"


def test_a_token_is_taken_away(staff: Client) -> None:
    token, _ = people.make_token(people.person("alice"))
    act(staff, "token", "delete_selected", token.pk, post="yes")
    assert not Token.objects.filter(pk=token.pk).exists()


def test_everything_is_paused_with_a_reason_changed_and_resumed(
    staff: Client, space: Space
) -> None:
    arrive(space)
    body = {"space": "", "reason": "new disks", "until_0": "", "until_1": ""}
    staff.post(reverse("admin:uploads_pause_add"), body)
    (pause,) = standing.pauses(space.pk)
    assert (pause.space, pause.reason) == (None, "new disks")
    assert pause.by is not None
    with transaction.atomic():
        assert leases.claim("worker", 1) == []
    form = reverse("admin:uploads_pause_change", args=[pause.pk])
    staff.post(form, body | {"until_0": "2100-01-01", "until_1": "12:00:00"})
    (pause,) = standing.pauses(space.pk)
    assert pause.until is not None
    act(staff, "pause", "delete_selected", pause.pk, post="yes")
    with transaction.atomic():
        assert len(leases.claim("worker", 1)) == 1


def test_who_is_not_staff_sees_nothing(space: Space) -> None:
    client = Client()
    assert space.owner is not None
    client.force_login(space.owner)
    answer = client.get(reverse("admin:uploads_uploadedfile_changelist"))
    assert answer.status_code == 302
    assert "login" in answer.headers["Location"]


def test_a_password_that_staff_sets_closes_what_its_users_sessions_let_in(
    staff: Client, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[dict[str, object]] = []
    monkeypatch.setattr(doorbell, "_put", lambda kind, body: rung.append({"kind": kind, **body}))
    door = reverse("admin:auth_user_password_change", args=[space.owner_id])
    assert staff.post(door, {"password1": "one", "password2": "two"}).status_code == 200
    assert rung == []
    secret = "correct horse battery staple"
    body = {"password1": secret, "password2": secret, "usable_password": "true"}
    assert staff.post(door, body).status_code == 302
    everywhere = {"user": space.owner_id, "token": None, "session": doorbell.ANY_SESSION}
    assert {"kind": "revoke", **everywhere} in rung


def test_a_long_name_leaves_the_other_columns_their_room(staff: Client, space: Space) -> None:
    arrive(space, "n" * 200)
    shown = staff.get(reverse("admin:uploads_uploadedfile_changelist")).content.decode()
    assert f">{'n' * 39}…<" in shown
