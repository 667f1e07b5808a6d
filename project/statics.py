"""How static files are kept and answered: named by their content, our own compressed as well as can
be. Where nginx stands in front, it answers them.

The admin's several hundred files are seldom asked for; compressing them would cost seconds of the
first start.
"""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from servestatic.middleware import ServeStaticMiddleware
from servestatic.storage import CompressedManifestStaticFilesStorage


class Storage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Compresses what is not the admin's."""

    def compress_files(self, names: Iterable[str]) -> Any:
        """As the base class, for fewer files."""
        return super().compress_files([name for name in names if not name.startswith("admin/")])


class Files(ServeStaticMiddleware):  # type: ignore[misc]
    """Middleware: answers each static file in one piece. They are small, and the system has them in
    memory; the base class begins a thread for each answer.
    """

    @staticmethod
    async def aserve(static_file: Any, request: HttpRequest) -> HttpResponseBase:
        """As the base class, at once."""
        found = static_file.get_response(request.method, request.META)
        content = b""
        if found.file is not None:
            with found.file:
                content = found.file.read()
        answer = HttpResponse(content, status=int(found.status))
        del answer["Content-Type"]  # a guess, where a file has none to tell
        for name, value in found.headers:
            if value is not None:
                answer[name] = value
        return answer
