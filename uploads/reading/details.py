"""The JSON of one file by itself (`FileDetail`): with its steps, their results and artifacts."""

from typing import Any

from uploads.models import Artifact, Step, UploadedFile
from uploads.publishing.events import describe, moment


def detail(file: UploadedFile, space: str) -> dict[str, Any]:
    """The file with what its newest attempt found so far; `space` is its space's slug."""
    taken = list(Step.objects.filter(file=file, attempt=file.attempt).order_by("position"))
    made = (
        Artifact.objects.filter(step__in=taken)
        .select_related("step")
        .order_by("step__position", "name")
    )
    return describe(file, space) | {
        "steps": [_step(step) for step in taken],
        "results": {step.name: step.result for step in taken if step.result is not None},
        "artifacts": [_artifact(artifact) for artifact in made],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "version": step.version,
        "status": step.status,
        "attempt": step.attempt,
        "started_at": moment(step.started_at),
        "finished_at": moment(step.finished_at),
        "duration_ms": step.duration_ms,
        "done": step.done,
        "total": step.total,
        "unit": step.unit,
        "error": step.error,
    }


def _artifact(artifact: Artifact) -> dict[str, Any]:
    where = f"/api/files/{artifact.file_id}/artifacts/{artifact.step.name}/{artifact.name}"
    return {
        "step": artifact.step.name,
        "name": artifact.name,
        "media_type": artifact.media_type,
        "size": artifact.size,
        "url": f"{where}?attempt={artifact.step.attempt}",
    }
