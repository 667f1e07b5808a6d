"""A folder that an enemy has filled can be measured and removed."""

import os
from pathlib import Path

import pytest

from tests.sandbox.conftest import descriptors_of
from uploads.processing.sandbox import Caps
from uploads.processing.sandbox.folder import Unfit, remove, take_over
from uploads.processing.sandbox.watch import DEPTH, folder_within

CAPS = Caps(disk=1024 * 1024, files=50)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def test_a_folder_deeper_than_any_path_is_removed(folder: Path) -> None:
    here = os.open(folder, os.O_RDONLY)
    for _ in range(2000):
        os.mkdir("deeper", dir_fd=here)
        there = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = there
    os.close(here)
    remove(folder)
    assert not folder.exists()


def test_closed_folders_and_odd_entries_are_removed_and_links_not_followed(
    folder: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    (folder / "link").symlink_to(precious)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "fifo")
    (folder / "closed").mkdir()
    (folder / "closed" / "file").write_text("x")
    (folder / "closed" / "link").symlink_to(precious)
    (folder / "closed").chmod(0)
    (folder / ("n" * 255)).mkdir()
    (folder / "new\nline \udcff").write_text("x")
    remove(folder)
    assert not folder.exists()
    assert (precious / "file").read_text() == "x"


def test_what_is_not_there_needs_no_removing(folder: Path) -> None:
    remove(folder / "nothing")


def test_a_folder_is_measured_with_all_that_is_in_it(folder: Path) -> None:
    assert folder_within(folder, CAPS)
    (folder / "inner").mkdir()
    (folder / "inner" / "file").write_bytes(bytes(600 * 1024))
    assert folder_within(folder, CAPS)
    (folder / "second").write_bytes(bytes(600 * 1024))
    assert not folder_within(folder, CAPS)


def test_files_are_counted_and_depth_is(folder: Path) -> None:
    for number in range(CAPS.files):
        (folder / str(number)).touch()
    assert folder_within(folder, CAPS)
    (folder / "one more").touch()
    assert not folder_within(folder, CAPS)
    assert not folder_within(folder, Caps(files=CAPS.files))
    deep = folder.parent / "deep"
    (deep / "/".join("d" * DEPTH)).mkdir(parents=True)
    assert not folder_within(deep, CAPS)


def test_links_are_not_followed_when_measuring(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(2 * CAPS.disk))
    (folder / "link").symlink_to(tmp_path / "big")
    (folder / "up").symlink_to(tmp_path)
    assert folder_within(folder, CAPS)


def test_measuring_opens_nothing_that_stays_open(folder: Path) -> None:
    (folder / "/".join("d" * (DEPTH + 5))).mkdir(parents=True)
    before = descriptors_of("self")
    folder_within(folder, CAPS)
    assert descriptors_of("self") == before


def test_an_artifact_that_has_another_name_is_refused(folder: Path, tmp_path: Path) -> None:
    """Through the other name it could still be written to."""
    (folder / "a").write_text("x")
    os.link(folder / "a", tmp_path / "other")
    with pytest.raises(Unfit, match="isn't a plain file"):
        take_over(folder, tmp_path / "kept", [("a", "text/plain")], room=10)


def test_artifacts_have_room_together(folder: Path, tmp_path: Path) -> None:
    for name in "ab":
        (folder / name).write_text("12345")
    with pytest.raises(Unfit, match="larger than the cap"):
        take_over(folder, tmp_path / "kept", [("a", "a/b"), ("b", "a/b")], room=9)
