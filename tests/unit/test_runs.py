"""Runs: started once, found again, refused when what was asked makes no sense."""

from pathlib import Path

import pytest

from migration.errors import ConfigError
from migration.records import Phase, RunContext, Stage, StageResult, StageStatus, TableResult
from migration.runs import check_listed, find_base_run, list_runs, read_run, read_timings, record_timing, start_run
from migration.schema.model import load_schema
from migration.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    division = tmp_path / "mappings" / "divisions" / "X"
    division.mkdir(parents=True)
    (division / "division.yml").touch()
    return Settings(home=tmp_path / "home", mappings=tmp_path / "mappings")


def start(settings: Settings, **changes):
    wanted = {"phase": Phase.REHEARSAL, "reason": "first rehearsal", "started_by": "engineer"} | changes
    return start_run(settings, wanted.pop("division", "X"), **wanted)


def test_run_when_started_is_found_again_with_all_it_was_started_with(settings):
    context = start(settings, sample_percent=10, run_id="20260101T000000Z")
    assert read_run(settings, "X") == context
    assert read_run(settings, "X", "20260101T000000Z").sample_percent == 10


def test_run_when_started_twice_with_the_same_id_is_the_same_run(settings):
    assert start(settings, run_id="20260101T000000Z") == start(settings, run_id="20260101T000000Z")
    assert len(list_runs(settings, "X")) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"division": "Y"}, "no mapping pack; expected one of X"),
        ({"sample_percent": 0}, "a sample of 0 %"),
        ({"sample_percent": 101}, "a sample of 101 %"),
        ({"phase": Phase.CUTOVER, "sample_percent": 10}, "a cutover of 10 %"),
        ({"reason": "  "}, "no reason"),
    ],
)
def test_run_when_asked_for_wrongly_is_refused_and_leaves_nothing(settings, changes, message):
    with pytest.raises(ConfigError, match=message):
        start(settings, **changes)
    assert not settings.lake.exists()


def test_run_when_its_id_was_used_for_another_phase_is_refused(settings):
    start(settings, run_id="20260101T000000Z")
    with pytest.raises(ConfigError, match="found a rehearsal of 100 %; expected a cutover"):
        start(settings, run_id="20260101T000000Z", phase=Phase.CUTOVER)


def test_run_by_delta_keeps_the_base_it_was_started_with(settings):
    context = start(settings, run_id="20260102T000000Z", base_run="20260101T000000Z", sample_percent=10)
    assert find_base_run(context) == RunContext(settings, "X", "20260101T000000Z", sample_percent=10)
    for asked in ("", "20260101T120000Z"):
        again = start(settings, run_id="20260102T000000Z", base_run=asked, sample_percent=10)
        assert find_base_run(again).run_id == "20260101T000000Z"


def test_run_started_to_be_extracted_whole_is_no_run_by_delta(settings):
    context = start(settings, run_id="20260102T000000Z")
    assert find_base_run(context) is None
    with pytest.raises(ConfigError, match="a run that was started to be extracted whole; expected a run by delta"):
        start(settings, run_id="20260102T000000Z", base_run="20260101T000000Z")


def test_run_when_its_id_holds_no_time_is_refused(settings):
    with pytest.raises(ConfigError, match="found the id 'monday'"):
        start(settings, run_id="monday")


def test_read_run_when_there_is_none_says_how_to_start_one(settings):
    with pytest.raises(ConfigError, match="migrate run X"):
        read_run(settings, "X")


def test_read_run_of_a_division_without_a_pack_does_not_say_to_start_one(settings):
    with pytest.raises(ConfigError, match="division Y: found no mapping pack; expected one of X"):
        read_run(settings, "Y")


def test_a_letter_that_the_national_list_lacks_is_refused_with_the_file_to_add_it_to():
    with pytest.raises(ConfigError, match=r"letter Z, which is not in the national list.*schema/codes/division\.csv"):
        check_listed("Z")
    check_listed(load_schema().codes["division"][0].code)


def test_timing_when_a_stage_is_skipped_keeps_the_seconds_of_its_real_run(settings):
    context = start(settings)
    tables = (TableResult("t", 7, 1, "h"),)
    record_timing(context, StageResult(Stage.MAP, StageStatus.DONE, 12.5, tables))
    record_timing(context, StageResult(Stage.MAP, StageStatus.SKIPPED, 0.1, tables))
    assert read_timings(context)["map"] == {"status": "skipped", "seconds": 12.5, "rows": 7, "counts": {}}
