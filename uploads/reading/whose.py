"""The only module that looks a file up for somebody: in a space of theirs, or it is not there.

Doors that name a file need no `?space=`; where one is given, the file must be in it.
"""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest

from uploads.access import rights
from uploads.access.identity import Who
from uploads.access.rights import Access
from uploads.errors import Forbidden, NotFound
from uploads.models import Role, UploadedFile


@dataclass(frozen=True)
class Asker:
    """Somebody, and the space that they named, if any."""

    who: Who
    named: str | None

    def spaces(self) -> dict[int, str]:
        """Those that may be looked into: id → slug."""
        places = self.who.spaces.items()
        return {pk: slug for slug, (pk, _) in places if self.named in {None, "", slug}}

    def find(self, file_id: UUID, need: Role = Role.VIEWER) -> tuple[UploadedFile, Access]:
        """The file, and what the asker may do in its space. Sync.

        Raises NotFound for what is not theirs, Forbidden where role or scope do not suffice.
        """
        mine = self.spaces()
        file = UploadedFile.objects.filter(pk=file_id, space_id__in=mine).first()
        if file is None:
            raise NotFound
        return file, rights.enter(self.who, mine[file.space_id], need)


def asker(request: HttpRequest) -> Asker:
    """Who asks."""
    return Asker(request.who, request.GET.get("space"))  # type: ignore[attr-defined]


def check_deletable(file: UploadedFile, place: Access) -> None:
    """Managers delete what they like, uploaders what they sent. Raises Forbidden."""
    if file.uploader_id != place.user_id and not place.may(Role.MANAGER):
        raise Forbidden("Only who sent a file, or a manager of the space, may delete it.")
