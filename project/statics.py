"""How static files are kept: named by their content, our own compressed as well as can be.

The admin's several hundred files are seldom asked for; compressing them would cost seconds of the
first start.
"""

from collections.abc import Iterable
from typing import Any

from servestatic.storage import CompressedManifestStaticFilesStorage


class Storage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Compresses what is not the admin's."""

    def compress_files(self, names: Iterable[str]) -> Any:
        """As the base class, for fewer files."""
        return super().compress_files([name for name in names if not name.startswith("admin/")])
