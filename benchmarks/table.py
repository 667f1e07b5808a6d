"""One way to print what was measured: a line for each figure, with its peer and the ratio."""

import os
import platform


def machine() -> str:
    """What the figures were measured on, in one line."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as facts:  # noqa: PTH123
        for line in facts:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    load = os.getloadavg()[0]
    cores = os.cpu_count()
    return f"{model}, {cores} cores, Python {platform.python_version()}, load before {load:.1f}"


def row(what: str, ours: float, unit: str, **peers: float) -> None:
    """Print a figure where more is better, and how many times each peer's it is."""
    ratios = "  ".join(
        f"{name.replace('_', ' ')} {value:,.1f} → {ours / value:.2f}×"
        for name, value in peers.items()
    )
    print(f"{what:<48} {ours:>10,.1f} {unit:<10} {ratios}", flush=True)
