"""Says whether a door of the server answers 200, for health checks in images without curl.

usage: python scripts/healthy.py http://127.0.0.1:8000/readyz
"""

import sys
import urllib.request


def main(url: str) -> int:
    """0 when `url` answers with success within 4 s; what it said otherwise goes to stderr."""
    try:
        with urllib.request.urlopen(url, timeout=4):  # noqa: S310  our own door, named by whoever deploys
            return 0
    except OSError as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
