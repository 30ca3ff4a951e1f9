"""Publishing and rolling back on a real PostgreSQL."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from invented_lake import LEAD, Lake, bring_to_gate, letters, publish, roll_back, sign, touch_linked_facts

from migration.errors import ConfigError, CutoverError
from migration.load.content import national_content_hash
from migration.load.permission import check_sign_offs, require_permission
from migration.load.processing_log import verify_chain
from migration.load.publications import published_runs
from migration.load.publish import publish_run
from migration.load.rollback import roll_back_division
from migration.records import Phase, PublishedRun
from migration.schema.model import load_schema

FIRST, SECOND, THIRD = letters(3)
RUN = "20260901T080000Z"
TAMPERINGS = (
    "UPDATE staging.{crime_report} SET officer_station = 'elsewhere'",
    "DELETE FROM staging.{nominal_link}",
    "UPDATE control.dq_result SET failing_rows = 1",
    "UPDATE control.disposition SET outcome = 'WEEDED'",
    "UPDATE control.gate SET verdict = 'AMBER'",
    "DELETE FROM control.control_total",
    "UPDATE control.migration_run SET pack_version = 'another'",
    "INSERT INTO control.waiver VALUES ('w', '{division}', 'r', 'a reason', 'p', now(), '2099-01-01', 1)",
)
"""Changes after signing, each of which voids what was signed."""


def count(engine: sa.Engine, table: str, where: str = "TRUE") -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.text(f"SELECT count(*) FROM {table} WHERE {where}")) or 0)


def publish_others(lake: Lake, engine: sa.Engine, *runs: tuple[str, list[str]]) -> None:
    for division, names in runs:
        publish(lake.make_run(division, names, published=published_runs(engine)), engine)


def test_publish_when_signed_attaches_every_partition_and_records_it(lake: Lake, engine: sa.Engine) -> None:
    empty = national_content_hash(engine)
    result = publish(lake.make_run(FIRST, ["ann", "bob"]), engine)
    assert published_runs(engine) == [PublishedRun(FIRST, RUN)]
    for entity in load_schema().partitioned_entities():
        assert count(engine, f"national.{entity.name}") == 2
    assert (result.hash_before, result.hash_after) == (empty, national_content_hash(engine))
    assert result.hash_after != empty
    assert result.rows == 2 * len(load_schema().partitioned_entities())
    assert count(engine, "control.publication", "action = 'PUBLISH'") == 1
    assert count(engine, "control.migration_run", "outcome = 'PUBLISHED'") == 1
    assert verify_chain(engine).is_intact and verify_chain(engine).entries >= 1


def test_publish_when_names_are_shared_combines_them_across_divisions(lake: Lake, engine: sa.Engine) -> None:
    publish(lake.make_run(FIRST, ["ann", "bob"]), engine)
    result = publish(lake.make_run(SECOND, ["bob", "cat"], published=published_runs(engine)), engine)
    assert count(engine, "national.golden_nominal", "golden_status_code = 'LIVE'") == 3
    assert count(engine, "national.golden_nominal", f"nominals = 2 AND divisions = '{FIRST},{SECOND}'") == 1
    assert result.links.golden_combined == 1
    assert count(engine, "control.processing_log", "operation = 'COMBINATION'") == 1
    assert count(engine, "control.golden_history", "valid_to_utc IS NULL") == 4


def test_rollback_gives_the_content_hash_of_before(lake: Lake, engine: sa.Engine) -> None:
    publish(lake.make_run(FIRST, ["ann", "bob"]), engine)
    before = national_content_hash(engine)
    publish(lake.make_run(SECOND, ["bob", "cat"], published=published_runs(engine)), engine)
    assert national_content_hash(engine) != before
    result = roll_back(lake, engine, SECOND)
    assert national_content_hash(engine) == before == result.hash_after
    assert result.is_as_before is True
    assert published_runs(engine) == [PublishedRun(FIRST, RUN)]
    assert count(engine, "national.nominal") == 2


def test_rollback_of_both_divisions_leaves_the_empty_content(lake: Lake, engine: sa.Engine) -> None:
    empty = national_content_hash(engine)
    publish_others(lake, engine, (FIRST, ["ann"]), (SECOND, ["ann"]))
    roll_back(lake, engine, FIRST)
    assert roll_back(lake, engine, SECOND).is_as_before is True
    assert national_content_hash(engine) == empty
    assert published_runs(engine) == []
    assert count(engine, "national.golden_nominal", "golden_status_code = 'LIVE'") == 0
    assert count(engine, "national.golden_nominal", "golden_status_code = 'RETIRED'") >= 1


def test_rollback_after_later_divisions_equals_publishing_only_the_others(
    lake: Lake, engine: sa.Engine, create_national_database: object
) -> None:
    names = {FIRST: ["ann", "bob"], SECOND: ["bob", "cat"], THIRD: ["cat", "bob", "dan"]}
    publish_others(lake, engine, *names.items())
    roll_back(lake, engine, SECOND)
    with_rollback = national_content_hash(engine)

    from migration.load.engine import connect, read_url

    other = connect(read_url(create_national_database()), "second database")  # type: ignore[operator]
    publish_others(lake, other, (THIRD, names[THIRD]), (FIRST, names[FIRST]))
    assert national_content_hash(other) == with_rollback
    other.dispose()


def test_rollback_of_a_republished_division_brings_its_earlier_run_back(lake: Lake, engine: sa.Engine) -> None:
    publish(lake.make_run(FIRST, ["ann", "bob"]), engine)
    before = national_content_hash(engine)
    publish(lake.make_run(FIRST, ["ann", "eve", "fay"], run_id="20260902T080000Z"), engine)
    assert count(engine, "national.nominal") == 3
    result = roll_back(lake, engine, FIRST)
    assert result.restored_run_id == RUN and result.is_as_before is True
    assert national_content_hash(engine) == before
    assert published_runs(engine) == [PublishedRun(FIRST, RUN)]
    roll_back(lake, engine, FIRST)
    assert published_runs(engine) == []


def test_publish_after_rollback_and_new_staging_gives_the_same_content(lake: Lake, engine: sa.Engine) -> None:
    first = publish(lake.make_run(FIRST, ["ann", "bob"]), engine)
    roll_back(lake, engine, FIRST)
    context = lake.make_run(FIRST, ["ann", "bob"])
    bring_to_gate(context, engine)
    assert publish_run(context, engine, LEAD).hash_after == first.hash_after


def test_golden_id_that_lost_its_nominals_redirects_to_where_they_went(lake: Lake, engine: sa.Engine) -> None:
    publish_others(lake, engine, (FIRST, ["ann"]), (SECOND, ["ann"]))
    live = count(engine, "national.golden_nominal", "golden_status_code = 'LIVE'")
    ids = count(engine, "national.golden_nominal")
    redirects = count(
        engine,
        "national.golden_nominal g JOIN national.golden_nominal t ON t.golden_id = g.redirect_to",
        "g.golden_status_code = 'REDIRECT' AND t.golden_status_code = 'LIVE'",
    )
    assert live == 1 and redirects == ids - 1


@pytest.mark.parametrize(
    ("phase", "sample", "word"), [(Phase.REHEARSAL, 100, "rehearsal"), (Phase.CUTOVER, 10, "sample")]
)
def test_publish_when_run_is_no_full_cutover_is_refused(
    lake: Lake, engine: sa.Engine, phase: Phase, sample: int, word: str
) -> None:
    context = lake.make_run(FIRST, ["ann"], phase=phase, sample_percent=sample)
    bring_to_gate(context, engine)
    with pytest.raises(CutoverError, match=word):
        publish_run(context, engine, LEAD)
    assert count(engine, "national.nominal") == 0


def test_publish_when_unsigned_is_refused_naming_both_roles(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    bring_to_gate(context, engine)
    with pytest.raises(CutoverError, match=r"no data_owner; no rollout_lead"):
        publish_run(context, engine, LEAD)


def test_publish_when_gate_was_not_evaluated_is_refused(lake: Lake, engine: sa.Engine) -> None:
    from migration.load.stage import load_staging

    context = lake.make_run(FIRST, ["ann"])
    load_staging(context, engine)
    with pytest.raises(CutoverError, match="gate was not evaluated"):
        publish_run(context, engine, LEAD)


def test_publish_when_evidence_changed_after_signing_is_refused(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann", "bob"])
    bring_to_gate(context, engine)
    sign(context, engine)
    names = {e.name: f"{e.name}_{FIRST.lower()}" for e in load_schema().partitioned_entities()}
    for tampering in TAMPERINGS:
        with engine.connect() as connection, connection.begin() as transaction:
            assert connection.execute(sa.text(tampering.format(division=FIRST, **names))).rowcount >= 1
            with pytest.raises(CutoverError, match="the evidence changed"):
                require_permission(connection, context)
            transaction.rollback()
    assert publish_run(context, engine, LEAD).rows > 0


def test_publish_when_gate_criteria_changed_after_signing_is_refused(
    lake: Lake, engine: sa.Engine, tmp_path: Path
) -> None:
    context = lake.make_run(FIRST, ["ann"])
    bring_to_gate(context, engine)
    sign(context, engine)
    text = (context.settings.expectations / "gates.yml").read_text(encoding="utf-8")
    (tmp_path / "gates.yml").write_text(text.replace("rows: 250", "rows: 251"), encoding="utf-8")
    changed = replace(context, settings=context.settings.model_copy(update={"expectations": tmp_path}))
    with pytest.raises(CutoverError, match="the evidence changed"):
        publish_run(changed, engine, LEAD)


def test_publish_when_national_set_changed_since_linking_is_refused(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    bring_to_gate(context, engine)
    sign(context, engine)
    publish(lake.make_run(SECOND, ["bob"]), engine)
    with pytest.raises(CutoverError, match="linked against"):
        publish_run(context, engine, LEAD)
    assert published_runs(engine) == [PublishedRun(SECOND, RUN)]


def test_publish_when_manifest_names_another_set_is_refused(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    bring_to_gate(context, engine)
    sign(context, engine)
    touch_linked_facts(context, [f"{SECOND}/{RUN}"])
    with pytest.raises(CutoverError, match="linked against"):
        publish_run(context, engine, LEAD)


def test_publish_twice_is_refused(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    publish(context, engine)
    with pytest.raises(CutoverError, match="national already"):
        publish_run(context, engine, LEAD)


def test_publish_in_nobodys_name_is_refused(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    with pytest.raises(ConfigError, match="person"):
        publish_run(context, engine, "  ")


def test_evidence_of_a_published_run_is_still_the_one_that_was_signed(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    publish(context, engine)
    permission = check_sign_offs(engine, context)
    assert {s.evidence_hash for s in permission.sign_offs} == {permission.evidence_hash}


KILLED = """
import sys, os, signal
from pathlib import Path
from migration.load import publish
from migration.load.engine import connect, read_url
from migration.records import Phase, RunContext
from migration.settings import Settings

url, home, expectations, division, run_id = sys.argv[1:]
publish.record_publication = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
settings = Settings(home=Path(home), expectations=Path(expectations))
publish.publish_run(RunContext(settings, division, run_id, Phase.CUTOVER), connect(read_url(url), "test"), "Lead")
"""


def test_publish_after_kill_9_left_nothing_and_runs_again(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann", "bob"])
    bring_to_gate(context, engine)
    sign(context, engine)
    before = national_content_hash(engine)
    url = engine.url.render_as_string(hide_password=False)
    folders = [str(lake.settings.home), str(lake.settings.expectations)]
    killed = subprocess.run([sys.executable, "-c", KILLED, url, *folders, FIRST, RUN], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (published_runs(engine), national_content_hash(engine)) == ([], before)
    assert count(engine, "control.processing_log") == 0
    assert publish_run(context, engine, LEAD).hash_before == before


def test_rollback_with_a_reason_that_could_name_somebody_is_refused(lake: Lake, engine: sa.Engine) -> None:
    publish(lake.make_run(FIRST, ["ann"]), engine)
    with pytest.raises(ConfigError, match="a date"):
        roll_back_division(lake.settings, engine, FIRST, LEAD, "The man born 12/03/1961 objects", relink=lake.relink)


def test_rollback_of_a_division_that_is_not_national_is_refused(lake: Lake, engine: sa.Engine) -> None:
    with pytest.raises(CutoverError, match="nothing national"):
        roll_back(lake, engine, FIRST)


def test_append_only_tables_when_changed_refuse(lake: Lake, engine: sa.Engine) -> None:
    publish(lake.make_run(FIRST, ["ann"]), engine)
    changes = {
        "sign_off": "person = 'x'",
        "publication": "done_by = 'x'",
        "processing_log": "done_by = 'x'",
        "golden_history": "golden_id = 'GN'",
    }
    for table, change in changes.items():
        assert count(engine, f"control.{table}") >= 1
        for statement in (
            f"DELETE FROM control.{table}",
            f"TRUNCATE control.{table}",
            f"UPDATE control.{table} SET {change}",
        ):
            with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
                connection.execute(sa.text(statement))


def test_processing_log_when_a_row_is_forged_is_found(lake: Lake, engine: sa.Engine) -> None:
    publish_others(lake, engine, (FIRST, ["ann"]), (SECOND, ["ann"]))
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE control.processing_log DISABLE TRIGGER ALL"))
        connection.execute(sa.text("UPDATE control.processing_log SET done_by = 'x' WHERE entry_no = 2"))
    result = verify_chain(engine)
    assert not result.is_intact and result.first_broken == 2
