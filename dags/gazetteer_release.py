"""National: compile a new gazetteer release, against which runs then locate (`MIGRATION_GAZETTEER_RELEASE`)."""

from typing import Any

from airflow.sdk import DAG, Asset, Param, task
from division.defaults import DEFAULT_ARGS
from division.tasks import guarded

from migration import orchestration

DOCUMENT = """
## A new gazetteer release

Compiles the files of a folder (entries, junctions, beats, column map) to a release that runs can locate against. A
release that exists is never replaced. What differs between two releases, and which located records that touches:
`migrate gazetteer diff OLD NEW`.
"""
RELEASES = Asset(name="gazetteer/release", uri="migration://gazetteer/release", group="national")
PARAMS = {
    "release": Param(
        type="string", pattern="^[a-z0-9][a-z0-9._-]{2,39}$", title="Release", description="Name of the new release."
    ),
    "folder": Param(type="string", minLength=1, title="Folder", description="Folder of the files, on the workers."),
}


@task(outlets=[RELEASES], doc_md="Compiles the files to a release, whole or not at all.")
@guarded
def compile_release(params: Any = None, outlet_events: Any = None) -> dict[str, object]:
    """Compile the release that the trigger form names."""
    outlet_events[RELEASES].extra = {"release": params["release"]}
    return orchestration.compile_gazetteer(params["release"], params["folder"])


with DAG("gazetteer_release", doc_md=DOCUMENT, params=PARAMS, default_args=DEFAULT_ARGS, tags={"national"}):
    compile_release()
