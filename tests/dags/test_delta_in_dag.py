"""A run by delta through the tasks of a division's DAG: refused without an earlier extract, else as on the shell."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from migration.extract.delta_stage import DeltaMethod, read_deltas
from migration.extract.sources import load_sources
from migration.extract.stage import extract_division
from migration.layers import read_manifest
from migration.mapping.load import list_divisions, load_pack
from migration.mapping.model import SourceKind
from migration.records import Layer, Phase, RunContext
from migration.runs import find_base_run, start_run
from migration.settings import PROJECT_ROOT, Settings
from migration.synthetic.build import build_estate
from tests.conftest import make_settings

TINY = 0.0003
FIRST, WHOLE = "20260101T000000Z", "20260103T000000Z"


@dataclass(frozen=True)
class Estate:
    """A legacy system of files, and where its division's runs go."""

    settings: Settings
    division: str

    def extract(self, run_id: str) -> RunContext:
        """A run extracted whole."""
        request = {"phase": Phase.REHEARSAL, "reason": "taken whole", "started_by": "engineer", "run_id": run_id}
        context = start_run(self.settings, self.division, **request)
        extract_division(context)
        return context

    def trigger(self, **form: object) -> dict[str, object]:
        """What the tasks up to the raw layer gave, or the error that ended them."""
        home = str(self.settings.home)
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "XDG_RUNTIME_DIR": home,
            "AIRFLOW_HOME": f"{home}/airflow",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "MIGRATION_HOME": home,
            "MIGRATION_MAPPINGS": str(self.settings.mappings),
            "MIGRATION_DATABASE_URL": self.settings.database_url.get_secret_value(),
            "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR", f"{home}/kernels"),
            "PYTHONWARNINGS": "ignore",
        }
        script = Path(__file__).with_name("execute_tasks.py")
        words = [sys.executable, script, PROJECT_ROOT / "dags", self.division, json.dumps(form)]
        result = subprocess.run(words, env=variables, capture_output=True, text=True, check=False, cwd=home)
        assert result.returncode == 0, result.stderr[-2000:]
        return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture
def estate(tmp_path: Path, create_national_database) -> Estate:
    """The division of the fewest delimited files; its legacy system is not there yet."""
    settings = make_settings(tmp_path / "home", database_url=create_national_database())
    settings.home.mkdir()
    packs = [load_pack(settings, d) for d in list_divisions(settings)]
    of_files = [p for p in packs if {s.kind for s in p.systems} == {SourceKind.DELIMITED}]
    pack = min(of_files, key=lambda p: sum(len(s.tables) for s in p.systems))
    return Estate(settings, pack.division)


def test_delta_in_the_dag_is_refused_at_its_first_task_when_there_is_no_earlier_extract(estate):
    answer = estate.trigger(reason="a delta too early", extract="delta")
    assert answer["error"] == "AirflowFailException"
    assert "no earlier extract; expected a finished extract of 100 % that a delta can start from" in answer["message"]
    assert not (estate.settings.lake / estate.division).exists()


@pytest.mark.wide
def test_delta_in_the_dag_gives_the_raw_layer_of_a_full_extract(estate):
    build_estate(estate.settings, [load_pack(estate.settings, estate.division).family], TINY, 7)
    first = estate.extract(FIRST)
    source = next(s for s in load_sources(first) if s.table.key)
    path = max(Path(source.location).glob(source.table.files))
    lines = path.read_bytes().splitlines(keepends=True)
    separators = [line.count(source.text("separator", ",").encode()) for line in lines]
    del lines[separators.index(separators[0], 1)]  # a whole record: some have line ends within
    lines[-1] = re.sub(rb"\d+", lambda found: b"%d" % (int(found[0]) - 1), lines[-1])  # the trailer counts them
    path.write_bytes(b"".join(lines))
    answer = estate.trigger(reason="what changed in a day", extract="delta")
    by_delta = RunContext(estate.settings, estate.division, answer["begin"]["run_id"])
    assert find_base_run(by_delta).run_id == FIRST
    deltas = {d.table: d for d in read_deltas(by_delta)}
    assert {d.base_run for d in deltas.values()} == {FIRST}
    changed = deltas[f"{source.system.name}/{source.table.name}"]
    assert (changed.method, changed.deleted) == (DeltaMethod.KEY_AND_HASH, 1)
    counts = answer[f"extract.read_{source.system.name} {source.table.name}"]["counts"]
    assert (counts["inserted"], counts["updated"], counts["deleted"]) == (0, 0, 1)
    whole = estate.extract(WHOLE)
    assert read_manifest(by_delta, Layer.RAW).content_hash == read_manifest(whole, Layer.RAW).content_hash
