"""What an orchestrator's tasks call, without a database."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from migration import orchestration
from migration.errors import ConfigError
from migration.orchestration import describe_bug, find_signers, name_run, summarise
from migration.records import Stage, StageResult, StageStatus, TableResult
from migration.settings import Settings

AT = datetime(2026, 9, 21, 8, 15, tzinfo=UTC)


@pytest.fixture
def use(monkeypatch):
    """Function that makes settings the process's own."""

    def use_settings(settings: Settings) -> Settings:
        monkeypatch.setattr(orchestration, "get_settings", lambda: settings)
        return settings

    return use_settings


def test_run_id_is_the_same_on_a_retry_and_in_every_time_zone():
    other_zone = AT.astimezone(timezone(timedelta(hours=5)))
    assert name_run("manual__1", AT) == name_run("manual__1", other_zone)
    assert name_run("manual__1", AT).startswith("20260921T081500Z-")


def test_run_ids_of_two_triggers_in_one_second_differ():
    assert name_run("manual__1", AT) != name_run("manual__2", AT)


def test_run_ids_sort_by_time():
    names = [name_run(f"manual__{n}", AT + timedelta(seconds=n)) for n in range(20)]
    assert names == sorted(names)
    assert all(len(name) <= 32 for name in names)


def test_a_pin_is_the_packs_hash_or_its_beginning():
    for pinned in ("", "ab12cd34", "ab12cd34ef56"):
        orchestration._check_pin("Z", "ab12cd34ef56", pinned)
    with pytest.raises(ConfigError, match=r"version ab12cd34ef56; expected the pinned version 00000000"):
        orchestration._check_pin("Z", "ab12cd34ef56", "00000000")


def test_an_extract_is_full_unless_a_delta_is_asked_for_and_one_can_start_from_an_earlier_run(settings, use):
    use(settings)
    run = {"division": "Z", "run_id": "20260102T000000Z"}
    form = {"sample_percent": 100}
    assert orchestration._find_base(run, form) == orchestration._find_base(run, {**form, "extract": "full"}) == ""
    with pytest.raises(ConfigError, match="no earlier extract; expected a finished extract of 100 %"):
        orchestration._find_base(run, {**form, "extract": "delta"})
    with pytest.raises(ConfigError, match="extract 'some'; expected full or delta"):
        orchestration._find_base(run, {**form, "extract": "some"})


def test_nobody_to_sign_is_an_error_that_names_the_setting(settings, use):
    use(settings.model_copy(update={"signers": {"data_owner": {"1": "a.person"}}}))
    assert find_signers("data_owner") == {"1": "a.person"}
    with pytest.raises(ConfigError, match="MIGRATION_SIGNERS: found nobody in the role rollout_lead"):
        find_signers("rollout_lead")


def test_signers_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("MIGRATION_SIGNERS", '{"data_owner": {"7": "a.person"}}')
    assert Settings().signers == {"data_owner": {"7": "a.person"}}


def test_summary_holds_names_counts_and_hashes_only(tmp_path):
    table = TableResult("crime", 12, 3456, "f" * 64)
    result = StageResult(Stage.MAP, StageStatus.DONE, 1.23456, (table,), {"rejected": 1}, (tmp_path,))
    assert summarise(result) == {
        "stage": "map",
        "status": "done",
        "seconds": 1.235,
        "rows": {"crime": 12},
        "content_hashes": {"crime": "f" * 64},
        "counts": {"rejected": 1},
        "outputs": [str(tmp_path)],
    }


def test_a_bug_is_described_by_type_and_place_without_its_message():
    def parse(value: str) -> int:
        return int(value)

    with pytest.raises(ValueError, match="Agnes") as caught:
        parse("Agnes Invented")
    text = describe_bug(caught.value)
    assert "Agnes" not in text
    assert "unexpected ValueError" in text
    assert "test_orchestration.py" in text
    assert text.endswith(" parse")
