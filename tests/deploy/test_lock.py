"""The lock files hold what pyproject.toml asks for, by hash, and name no host."""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt")
PIN = re.compile(
    r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,_-]+\])?==(\S+)(?: ; (.+?))? \\$", re.MULTILINE
)


def pins(lock: str) -> dict[str, set[str]]:
    """The versions of each package; several where they depend on the Python version."""
    found: dict[str, set[str]] = {}
    for name, version, _ in PIN.findall((ROOT / lock).read_text()):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def project():
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def direct(lock: str) -> list[Requirement]:
    wanted = project()["project"]["dependencies"]
    if lock == "requirements-dev.txt":
        wanted = [*wanted, *project()["dependency-groups"]["dev"]]
    return [Requirement(line) for line in wanted]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_direct_dependency_is_pinned_within_its_range(lock):
    locked = pins(lock)
    for wanted in direct(lock):
        versions = locked.get(canonicalize_name(wanted.name))
        assert versions, f"{wanted.name} is missing from {lock}: make lock"
        assert all(wanted.specifier.contains(version) for version in versions), wanted


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_hashes(lock):
    text = (ROOT / lock).read_text()
    blocks = [block for block in re.split(r"\n(?=\S)", text) if not block.startswith("#")]
    assert len(blocks) == len(PIN.findall(text))
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize("lock", LOCKS)
def test_no_host_is_named(lock):
    assert not re.search(r"://|--(extra-)?index|--find-links", (ROOT / lock).read_text())


def test_tests_run_on_the_versions_that_are_deployed():
    development = pins("requirements-dev.txt")
    for name, versions in pins("requirements.txt").items():
        assert development[name] == versions, name


def test_nothing_in_the_default_installation_is_under_the_gpl_or_agpl():
    """The LGPL is another thing: used as it is, it asks nothing of Millrace."""
    for name in pins("requirements.txt"):
        try:
            metadata = distribution(name).metadata
        except ModuleNotFoundError:
            continue  # pinned for another Python or another system
        words = metadata.get_all("License-Expression") or metadata.get_all("License") or []
        classifiers = metadata.get_all("Classifier") or []
        words += [line for line in classifiers if line.startswith("License")]
        lesser = re.compile(r"LGPL|Lesser|or later \(LGPL", re.IGNORECASE)
        first_lines = [word.splitlines()[0] for word in words if word]
        strict = [line for line in first_lines if not lesser.search(line)]
        assert not any(re.search(r"\bA?GPL|GNU (Affero )?General", line) for line in strict), name


def test_the_changelog_begins_with_what_comes_next_or_with_this_version():
    headings = re.findall(r"^## \[?([\w.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] in {"Unreleased", project()["project"]["version"]}
