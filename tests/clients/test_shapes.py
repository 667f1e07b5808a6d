"""The client's types are the server's, field by field."""

from __future__ import annotations

import types
import typing
from datetime import datetime
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from millrace_client import shapes
from pydantic import BaseModel

from uploads.publishing import events

PAIRS: list[tuple[Any, Any]] = [
    (shapes.RunningStep, events.RunningStep),
    (shapes.Error, events.Error),
    (shapes.LeftOut, events.LeftOut),
    (shapes.SentOn, events.SentOn),
    (shapes.Queued, events.Queued),
    (shapes.File, events.File),
    (shapes.Step, events.Step),
    (shapes.Artifact, events.Artifact),
    (shapes.FileDetail, events.FileDetail),
    (shapes.Batch, events.Batch),
    (shapes.Progress, events.FileProgress),
]
FRAMES = get_args(get_args(events.Frame)[0])
EVENTS = get_args(get_args(events.Event)[0])
TEXTS: set[Any] = {UUID, datetime}  # as JSON holds them
LOOSE = {"dict"}  # where the client's type says less than the server's


def said(hint: Any) -> set[str]:
    """The kinds of JSON that a type allows, and the words of its literals."""
    origin = get_origin(hint)
    if origin in {typing.Annotated, typing.NotRequired, typing.Required}:
        return said(get_args(hint)[0])
    if origin in {Union, types.UnionType}:
        return set().union(*map(said, get_args(hint)))
    if origin is Literal:
        return {repr(word) for word in get_args(hint)}
    if origin is list:
        return {f"list of {one}" for one in said(get_args(hint)[0])}
    if hint in TEXTS:
        return {"str"}
    name: str = "dict" if origin is dict else getattr(hint, "__name__", str(hint))
    return {name}


def same(mine: set[str], theirs: set[str]) -> bool:
    return mine == theirs or mine - LOOSE == theirs - {"StepError", "dict"}


@pytest.mark.parametrize(("mine", "theirs"), PAIRS, ids=lambda one: one.__name__)
def test_each_type_has_the_servers_fields(mine: Any, theirs: type[BaseModel]) -> None:
    hints = get_type_hints(mine)
    assert hints.keys() == theirs.model_fields.keys()
    wanted = get_type_hints(theirs)
    for name, hint in hints.items():
        assert same(said(hint), said(wanted[name])), (name, said(hint), said(wanted[name]))


def test_what_the_server_may_leave_out_may_be_missing_here() -> None:
    for mine, theirs in PAIRS:
        optional = {name for name, field in theirs.model_fields.items() if not field.is_required()}
        assert mine.__optional_keys__ == optional


@pytest.mark.parametrize(
    ("mine", "models"), [(shapes.Frame, FRAMES), (shapes.Event, EVENTS)], ids=["frame", "event"]
)
def test_a_union_has_the_fields_and_words_of_all_its_members(
    mine: Any, models: tuple[type[BaseModel], ...]
) -> None:
    fields: dict[str, set[str]] = {}
    for model in models:
        for name, hint in get_type_hints(model).items():
            if name != "model_config":
                fields.setdefault(name, set()).update(said(hint))
    hints = get_type_hints(mine)
    assert hints.keys() == fields.keys()
    assert said(hints["type"]) == fields["type"]
    if "reason" in hints:
        assert said(hints["reason"]) == fields["reason"]


def test_the_words_for_a_status_are_the_servers() -> None:
    assert get_args(shapes.Status) == get_args(events.StatusWord)
