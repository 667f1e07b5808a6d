"""Taking one file apart: what a processor is, the built-in ones, and how others are found.

Nothing here knows Django, a database or the network: all of it runs in a child that reaches one
file only.
"""

from uploads.processors.context import Context
from uploads.processors.failures import BadFile, InvalidResult, ProcessorError
from uploads.processors.loading import load_builtin, load_directory, load_entry_points
from uploads.processors.registry import REGISTRY, Processor, plan, processor

# Heavy modules that start no thread on import: a fork server imports them once for its children.
# Those that start some (polars, numpy) are imported inside the functions that need them.
PRELOAD = ("PIL.Image", "pyvips", "pypdfium2", "av", "lxml.etree")

__all__ = [
    "PRELOAD",
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
