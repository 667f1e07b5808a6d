"""`python -m benchmarks [NAME …]`: runs all benchmarks, or those named, one after the other."""

import importlib
import pkgutil
import sys
import time
from pathlib import Path

HELPERS = {"__main__", "crowd", "filling", "load", "table"}


def names() -> list[str]:
    """Every benchmark: the modules of this folder that have a `main`."""
    found = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    return [name for name in found if name not in HELPERS and not name.startswith("peer_")]


def main(wanted: list[str]) -> int:
    """Run them; the exit code says whether all that were named exist."""
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(names())}")
        return 2
    for name in wanted or names():
        began = time.monotonic()
        print(f"\n== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()
        print(f"({time.monotonic() - began:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
