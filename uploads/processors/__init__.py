"""Taking one file apart: what a processor is, the built-in ones, and how others are found.

Nothing here knows Django, a database or the network: all of it runs in a child that reaches one
file only.
"""

from importlib.util import find_spec

from uploads.processors.context import Context
from uploads.processors.failures import BadFile, InvalidResult, ProcessorError
from uploads.processors.loading import load_builtin, load_directory, load_entry_points
from uploads.processors.registry import REGISTRY, Processor, plan, processor

# What light processors import, and is cheap to fork with.
PRELOAD_LIGHT = ("orjson", "pygments.lexers", "tomllib", "yaml")
# Heavy modules that start no thread on import: a fork server imports them once for its children.
# Those that start some (polars, numpy) are imported inside the functions that need them. What isn't
# installed (av comes with the extra "video") is left out.
PRELOAD = PRELOAD_LIGHT + tuple(
    name
    for name in (
        "PIL.Image",
        "pyvips",
        "pypdfium2",
        "lxml.etree",
        "av",
        "PIL.ImageDraw",
        "PIL.ImageFont",
        "PIL.ImageOps",
        "charset_normalizer",
        "fontTools.ttLib",
        "ijson",
        "pi_heif",
        "thumbhash",
        "uploads.processors.other_archives",  # its library is found by running a program
    )
    if find_spec(name.partition(".")[0]) is not None
)

__all__ = [
    "PRELOAD",
    "PRELOAD_LIGHT",
    "REGISTRY",
    "BadFile",
    "Context",
    "InvalidResult",
    "Processor",
    "ProcessorError",
    "load_builtin",
    "load_directory",
    "load_entry_points",
    "plan",
    "processor",
]
