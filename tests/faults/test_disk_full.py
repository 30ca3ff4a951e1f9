"""A stage that cannot write says so in one line and leaves the lake as it was; with room again, the same result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import make_settings
from journey import build_inputs, content_hashes, run_to_gate, start

from migration.mapping.load import load_pack
from migration.records import RunContext, Stage
from migration.runner import run_stage

HERE = Path(__file__).parent
pytestmark = pytest.mark.wide
DIVISION = yaml.safe_load((HERE / "faults.yml").read_text())["division"]
ROOM = {Stage.MAP: 40_000, Stage.GEOCODE: 8_000}
"""Largest file, in bytes: some tables of the stage fit, others do not."""


@pytest.fixture(scope="module")
def located(tmp_path_factory: pytest.TempPathFactory) -> RunContext:
    """A run of three stages."""
    settings = make_settings(tmp_path_factory.mktemp("disk"))
    build_inputs(settings, [load_pack(settings, DIVISION).family])
    context = start(settings, DIVISION, "20260101T000000Z")
    run_to_gate(context, until=Stage.GEOCODE)
    return context


def run_on_small_disk(context: RunContext, stage: Stage) -> subprocess.CompletedProcess[str]:
    settings = context.settings
    environment = {
        **os.environ,
        "MIGRATION_HOME": str(settings.home),
        "MIGRATION_MAPPINGS": str(settings.mappings),
        "MIGRATION_EXPECTATIONS": str(settings.expectations),
    }
    words = [str(ROOM[stage]), context.division, context.run_id, stage.value]
    command = [sys.executable, str(HERE / "small_disk.py"), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_stage_when_the_disk_is_full_is_one_clear_error_and_half_writes_nothing(located):
    context = start(located.settings, DIVISION, "20260102T000000Z")
    run_stage(context, Stage.EXTRACT)
    for stage in ROOM:
        before = content_hashes(context)
        done = run_on_small_disk(context, stage)
        assert done.returncode == 1, done.stderr
        assert "found" in done.stdout
        assert "expected a folder that can be written. Free space" in done.stdout
        assert len(done.stdout.strip().splitlines()) == 1
        assert content_hashes(context) == before
        assert [p.name for p in context.folder.iterdir() if p.name.endswith(".writing")] == []
        run_stage(context, stage)
    assert content_hashes(context) == content_hashes(located)
