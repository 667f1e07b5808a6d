"""The administration: people, spaces, tokens, files and jobs, for staff.

What has rules of its own is changed through the module that knows them: files through
`processing.jobs`, tokens and spaces of new users through `people`; and whose rights change is
identified anew, and their connections closed (`doorbell.revoke`). Lists count nothing: there may be
millions.
"""

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.text import Truncator

from uploads import people
from uploads.errors import ApiError
from uploads.models import (
    Batch,
    Invitation,
    Job,
    Membership,
    Pause,
    Space,
    Token,
    UploadedFile,
    User,
)
from uploads.processing import queue
from uploads.processing.jobs import wishes
from uploads.publishing import doorbell

if TYPE_CHECKING:
    Pages = Paginator[Any]
    AnyAdmin = admin.ModelAdmin[Any]
    PeopleAdmin = UserAdmin[User]
    MemberInline = admin.TabularInline[Membership, Space]
else:  # Django's classes take no type when they run
    Pages, AnyAdmin, PeopleAdmin = Paginator, admin.ModelAdmin, UserAdmin
    MemberInline = admin.TabularInline

NAME_CHARACTERS = 40  # of a file's name in the list

admin.site.site_header = "Millrace"
admin.site.site_title = "Millrace"
admin.site.index_title = "Administration"


class Uncounted(Pages):
    """Pages without a total: counting a million rows takes longer than reading a page of them."""

    LAST = 1000  # pages that can be leafed to

    @cached_property
    def count(self) -> int:
        """As many as there can be pages."""
        return self.per_page * self.LAST


class Looked(AnyAdmin):
    """What is only looked at."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """It comes about elsewhere."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It changes elsewhere."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It ends elsewhere."""
        return False


@admin.register(User)
class Users(PeopleAdmin):
    """Who signs in; a new one gets a private space."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Accounts are switched off: with one, the files of its space would go unseen."""
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: User,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's own signature
    ) -> None:
        """Also identify them anew: they may have been switched off."""
        super().save_model(request, obj, form, change)
        people.private_space(obj)
        transaction.on_commit(partial(doorbell.revoke, user=obj.pk))

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - Django's own name
        form_url: str = "",
    ) -> HttpResponse:
        """Also end what the sessions let in, which the new password has ended."""
        answer = super().user_change_password(request, id, form_url)
        if answer.status_code == HTTPStatus.FOUND:
            session = doorbell.ANY_SESSION
            transaction.on_commit(partial(doorbell.revoke, user=int(id), session=session))
        return answer


class Members(MemberInline):
    """Who is in a space, and as what."""

    model = Membership
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Space)
class Spaces(AnyAdmin):
    """Spaces, their members and quota."""

    list_display = ("slug", "name", "owner", "used_bytes", "quota_bytes", "queued", "failed")
    search_fields = ("slug", "name")
    fields = ("slug", "name", "owner", "quota_bytes", "used_bytes", "counted", "created_at")
    readonly_fields = ("owner", "used_bytes", "counted", "created_at")
    inlines = (Members,)

    @admin.display(description="files")
    def counted(self, space: Space) -> str:
        """Files by status."""
        return ", ".join(f"{number} {status}" for status, number in space.counts.items() if number)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Its files are deleted first, by whoever knows what they are."""
        return False

    def save_formset(
        self,
        request: HttpRequest,
        form: Any,
        formset: Any,
        change: bool,  # noqa: FBT001 - Django's own signature
    ) -> None:
        """Identify anew everybody whose membership changed."""
        super().save_formset(request, form, formset, change)
        changed = [*formset.new_objects, *formset.deleted_objects]
        changed += [member for member, _ in formset.changed_objects]
        for user in {member.user_id for member in changed}:
            transaction.on_commit(partial(doorbell.revoke, user=user))


@admin.register(Token)
class Tokens(Looked):
    """API tokens; they are made on the settings page, by the API, or by `manage.py token`."""

    list_display = ("user", "name", "space", "scopes", "created_at", "expires_at", "last_used_at")
    list_select_related = ("user", "space")
    search_fields = ("user__username", "name")
    exclude = ("digest",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Staff may take any token away."""
        return bool(request.user.has_perm("uploads.delete_token"))

    def delete_model(self, request: HttpRequest, obj: Token) -> None:
        """Refuse it from now on, and close what it opened."""
        transaction.on_commit(partial(doorbell.revoke, token=obj.pk))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Token]) -> None:
        """Likewise for many."""
        for token in queryset:
            self.delete_model(request, token)


@admin.register(Invitation)
class Invitations(Looked):
    """Open invitations; a space's managers make them on the settings page."""

    list_display = ("space", "role", "by", "created_at", "expires_at")
    list_select_related = ("space", "by")
    exclude = ("digest",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Staff may withdraw any of them."""
        return bool(request.user.has_perm("uploads.delete_invitation"))


@admin.register(UploadedFile)
class Files(Looked):
    """Files: retry, cancel, delete; all else is theirs who sent them."""

    list_display = ("called", "space", "status", "kind", "size", "created_at", "finished_at")
    list_select_related = ("space",)
    list_filter = ("status", "kind")
    search_fields = ("=id", "=sha256", "=batch", "=space__slug")
    search_help_text = "An id, a sha-256, a batch or a space, whole"
    ordering = ("-created_at", "-id")
    paginator = Uncounted
    actions = ("retry", "cancel")

    @admin.display(description="name", ordering="name")
    def called(self, file: UploadedFile) -> str:
        """Its name, short enough to leave the other columns their room."""
        return Truncator(file.name).chars(NAME_CHARACTERS)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By those who have the right."""
        return bool(request.user.has_perm("uploads.delete_uploadedfile"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The actions need it; the form shows all fields as they are (`get_readonly_fields`)."""
        return bool(request.user.has_perm("uploads.change_uploadedfile"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """All of them."""
        return [field.name for field in UploadedFile._meta.fields]

    @admin.action(description="Process again", permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[UploadedFile]) -> None:
        """Those that have ended."""
        self._each(request, queryset, wishes.retry)

    @admin.action(description="Cancel", permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[UploadedFile]) -> None:
        """Those in flight."""
        self._each(request, queryset, wishes.cancel)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What goes with a file has no rights of its own."""
        names = [str(file) for file in objs]
        return names, {"files": len(names)}, set(), []

    def delete_model(self, request: HttpRequest, obj: UploadedFile) -> None:
        """With content, event and counts."""
        wishes.delete(obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[UploadedFile]) -> None:
        """Likewise for many."""
        self._each(request, queryset, wishes.delete)

    def _each(self, request: HttpRequest, queryset: QuerySet[UploadedFile], change: Any) -> None:
        done = 0
        for file_id in list(queryset.values_list("pk", flat=True)):
            try:
                with transaction.atomic():
                    change(file_id)
                    done += 1
            except ApiError as error:
                self.message_user(request, f"{file_id}: {error.message}", messages.WARNING)
        self.message_user(request, f"{done} changed.")


@admin.register(Job)
class Jobs(Looked):
    """Jobs that wait or run."""

    list_display = ("file", "space", "state", "attempt", "priority", "queued_at", "worker")
    list_select_related = ("file", "space")
    list_filter = ("state",)
    search_fields = ("=file__id", "=worker")
    paginator = Uncounted

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those that have ended are told by their files."""
        return super().get_queryset(request).exclude(state=Job.State.ENDED).order_by("queued_at")


@admin.register(Pause)
class Pauses(Looked):
    """What holds the queue up: one space's, or everybody's where no space is named."""

    list_display = ("__str__", "by", "reason", "since", "until")
    list_select_related = ("space", "by")
    fields = ("space", "reason", "until")
    autocomplete_fields = ("space",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """By those who have the right."""
        return bool(request.user.has_perm("uploads.add_pause"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Likewise."""
        return bool(request.user.has_perm("uploads.change_pause"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Another space's pause is another pause."""
        return () if obj is None else ("space",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Removing a pause goes on with what waits."""
        return bool(request.user.has_perm("uploads.delete_pause"))

    def save_model(
        self,
        request: HttpRequest,
        obj: Pause,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's own signature
    ) -> None:
        """Who said it last is who paused."""
        by = request.user.pk
        made = queue.pause(obj.space_id, by=by, reason=obj.reason, until=obj.until)
        obj.pk, obj.since = made.pk, made.since

    def delete_model(self, request: HttpRequest, obj: Pause) -> None:
        """Go on."""
        queue.resume(obj.space_id)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Pause]) -> None:
        """Likewise for many."""
        for pause in queryset:
            queue.resume(pause.space_id)


@admin.register(Batch)
class Batches(Looked):
    """Drops, and how far they are."""

    list_display = ("key", "space", "total", "processed", "failed", "created_at", "ended_at")
    list_select_related = ("space",)
    search_fields = ("=key",)
    ordering = ("-pk",)
    paginator = Uncounted
