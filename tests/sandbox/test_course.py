"""Which child does which steps."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uploads.processing.sandbox import Caps, Task
from uploads.processing.sandbox.course import Course
from uploads.processors import Processor

MIB = 1024 * 1024


def entry(name: str, accepts: str = "*/*", **options: Any) -> Processor:
    return Processor(
        name=name,
        version=1,
        accepts=(accepts,),
        function=lambda ctx: {},
        **{"builtin": True} | options,
    )


PROCESSORS = {
    one.name: one
    for one in (
        entry("identify"),
        entry("checksum"),
        entry("image", "image/*", memory=3000 * MIB, seconds=30),
        entry("binary", fallback=True),
        entry("colours", "image/*", builtin=False, memory=64 * MIB, network=True),
        entry("faces", "image/*", builtin=False),
    )
}
CAPS = Caps(memory=2000 * MIB, seconds=120)


def course(
    name: str = "x", processors: Mapping[str, Processor] = PROCESSORS, **options: Any
) -> Course:
    return Course(Task("x", Path("x"), name, 1, caps=CAPS, **options), processors)


def test_built_in_steps_share_a_child_and_each_own_one_has_its_own() -> None:
    way = course(network=True)
    first = way.leg()
    assert (first.steps, first.own, first.caps.memory) == (None, False, 3000 * MIB)
    planned = way.done("identify", {"media_type": "image/png", "kind": "image"})
    assert planned is not None
    assert [name for name, _ in planned.steps] == [
        "identify",
        "checksum",
        "image",
        "colours",
        "faces",
    ]
    way.done("checksum", {})
    way.done("image", {})
    colours = way.leg()
    assert (colours.steps, colours.own, colours.network) == (("colours",), True, True)
    assert colours.caps.memory == 64 * MIB
    way.failed("colours")
    assert way.leg().steps == ("faces",)
    assert way.leg().caps.memory == 2000 * MIB
    assert not way.leg().network
    way.done("faces", {})
    assert not way.remaining
    assert set(way.results) == {"identify", "checksum", "image", "faces"}


def test_after_a_crash_the_rest_is_named() -> None:
    way = course()
    way.done("identify", {"media_type": "image/png"})
    way.done("checksum", {})
    way.failed("image")
    assert way.leg().steps == ("colours",)


def test_a_file_that_cannot_be_identified_is_taken_for_what_it_was_said_to_be() -> None:
    for media_type, steps in {
        "image/png": ["checksum", "image"],
        None: ["checksum", "binary"],
    }.items():
        way = course(media_type=media_type, own=False)
        planned = way.failed("identify")
        assert planned is not None
        assert [name for name, _ in planned.steps] == ["identify", *steps]
        assert way.leg().steps == tuple(steps)


def test_named_steps_are_taken_as_they_are_named_once_each() -> None:
    way = course(steps=("faces", "checksum", "image", "checksum", "gone"))
    assert way.leg().steps == ("faces",)
    way.done("faces", {})
    assert way.leg().steps == ("checksum", "image")
    way.done("checksum", {})
    assert way.done("image", {}) is None
    assert (way.leg().steps, way.leg().own) == (("gone",), True)


def test_a_step_has_the_time_that_it_asks_for() -> None:
    way = course()
    assert way.caps("image").seconds == 30
    assert way.caps("checksum").seconds == way.caps(None).seconds == 120


def test_the_network_is_for_those_who_ask_where_it_is_allowed() -> None:
    assert not course(steps=("colours",)).leg().network
    assert not course(steps=("faces",), network=True).leg().network
    assert course(steps=("colours",), network=True).leg().network


def test_what_is_known_of_a_file_comes_from_its_results() -> None:
    way = course(results={"identify": {"media_type": "a/b", "kind": "c"}}, steps=("checksum",))
    assert (way.media_type, way.kind) == ("a/b", "c")
    odd = course(results={"identify": {"media_type": 5}}, steps=("checksum",))
    assert (odd.media_type, odd.kind) == ("application/octet-stream", "other")


LIGHT = PROCESSORS | {
    one.name: one
    for one in (
        entry("identify", light=True),
        entry("checksum", light=True),
        entry("text", "text/*", light=True),
        entry("binary", fallback=True, light=True),
    )
}


def test_a_light_child_takes_what_a_name_says_is_light() -> None:
    assert course("a.txt", LIGHT).leg().light
    assert course("nobody knows", LIGHT).leg().light
    assert not course("a.png", LIGHT).leg().light


def test_what_turns_out_to_be_heavy_goes_on_in_a_heavy_child() -> None:
    way = course("in-truth-a-picture.txt", LIGHT)
    assert way.leg().light
    way.done("identify", {"media_type": "image/png", "kind": "image"})
    way.done("checksum", {})
    rest = way.leg()
    assert (rest.steps, rest.light) == (("image",), False)


def test_an_own_step_is_never_in_a_light_child() -> None:
    assert not course(steps=("faces",)).leg().light
