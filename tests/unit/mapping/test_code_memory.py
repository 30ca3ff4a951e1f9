"""What one division agreed of a code is proposed in the next, and told where it is used differently."""

import csv
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from migration.cli import build_app
from migration.layers import write_layer
from migration.mapping.code_memory import Disagreement, find_disagreements, find_unsettled, load_memory
from migration.mapping.stage import map_division
from migration.records import Layer, Phase
from migration.runs import start_run
from migration.schema.model import load_schema
from migration.settings import Settings

Packs = Callable[..., Settings]
HEADER = "legacy_value,national_code,rationale,status,agreed_by,agreed_on\n"
OWN = "entity: crime_report\nrecords:\n  case:\n    fields:\n      status_code: {lookup: LIST}\n"
SECOND = 'division: Y\nfamily: small\ntitle: Other\nas_at: "2023-12-01"\n'


def decided(code: str, status: str = "AGREED") -> str:
    agreed = "crime_registrar,2026-09-01" if status == "AGREED" else ","
    return f"{HEADER}U,{code},Test,{status},{agreed}\n"


def write(packs: Packs, other: str, other_list: str = "crime_report_status") -> Settings:
    return packs(
        **{
            "divisions/Y/division.yml": SECOND,
            "divisions/Z/entities/crime_report.yml": OWN.replace("LIST", "crime_report_status"),
            "divisions/Y/entities/crime_report.yml": OWN.replace("LIST", other_list),
            "divisions/Z/codes/crime_report_status.csv": decided("UNDETECTED"),
            f"divisions/Y/codes/{other_list}.csv": other,
        }
    )


def disagreements(settings: Settings) -> tuple[Disagreement, ...]:
    return find_disagreements(load_memory(settings)[0])


@pytest.mark.parametrize("other_list", ["crime_report_status", "case_state"])
def test_two_agreed_meanings_of_one_value_are_named_whatever_the_crosswalk_is_called(packs: Packs, other_list: str):
    (found,) = disagreements(write(packs, decided("UNDER_ENQUIRY"), other_list))
    assert (found.list_name, found.legacy_value) == ("crime_report_status", "U")
    assert found.divisions == {"Y", "Z"}
    assert found.meanings == (
        ("UNDER_ENQUIRY", f"divisions/Y/codes/{other_list}.csv:2"),
        ("UNDETECTED", "divisions/Z/codes/crime_report_status.csv:2"),
    )


def test_the_same_meaning_and_a_mere_proposal_are_no_disagreement(packs: Packs) -> None:
    assert not disagreements(write(packs, decided("UNDETECTED")))
    assert not disagreements(write(packs, decided("UNDER_ENQUIRY", "PROPOSED")))


@pytest.mark.parametrize(
    ("line", "is_contrary"),
    [(("UNDER_ENQUIRY", "PROPOSED"), True), (("", "REJECTED"), True), (("", "PROPOSED"), False)],
)
def test_a_line_that_says_nothing_or_something_else_than_agreed_is_unsettled(packs, line, is_contrary):
    memory, loaded = load_memory(write(packs, decided(*line)))
    (found,) = find_unsettled(memory, loaded, load_schema())
    assert (str(found.decision.origin), found.is_contrary) == (
        "divisions/Y/codes/crime_report_status.csv:2",
        is_contrary,
    )
    assert [a.national_code for a in found.agreed] == ["UNDETECTED"]


def test_a_line_proposed_as_it_was_agreed_elsewhere_is_no_remark(packs: Packs) -> None:
    memory, loaded = load_memory(write(packs, decided("UNDETECTED", "PROPOSED")))
    assert not find_unsettled(memory, loaded, load_schema())


def map_first_division(settings: Settings) -> None:
    """A run of division Z in which two records are read by its agreed code O."""
    reason = {"phase": Phase.REHEARSAL, "reason": "test of the memory", "started_by": "test"}
    context = start_run(settings, "Z", run_id="20260101T000000Z", **reason)
    rows = {"CASE_NO": ["1", "2", "3"], "WHEN_RECORDED": ["2019-06-01"] * 3, "STATE": ["O", "O", "F"]}
    with write_layer(context, Layer.RAW, "raw") as writer:
        columns = {c: pa.array(v, pa.string()) for c, v in rows.items()}
        pq.write_table(pa.table({"_source_row": pa.array([1, 2, 3]), **columns}), writer.path("legacy/CASES"))
    map_division(context)


def write_next_system(folder: Path) -> None:
    """The system of the next division, which has the code O too, and one nobody has seen."""
    folder.mkdir()
    rows = [f"CR{n:04d};2019-06-{n:02d};{'O' if n < 20 else 'QQ'}" for n in range(1, 29)]
    (folder / "report.csv").write_text(
        "\n".join(["REPORT_NO;RECORDED_DATE;REPORT_STATUS", *rows, ""]), encoding="utf-8"
    )


def test_what_one_division_agreed_is_proposed_in_the_next_and_flagged_where_it_is_used_differently(
    packs: Packs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = packs()
    for command in ("check", "packs"):
        monkeypatch.setattr(f"migration.commands.{command}.get_settings", lambda: settings)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(build_app(), list(arguments))
        assert result.exit_code == 0, result.output
        return result.output

    map_first_division(settings)
    agreed = "OPEN, agreed by crime_registrar on 2026-09-01 (division Z, 2 records)"
    assert agreed in run("packs", "codes", "--write")
    uses = (settings.mappings / "code_uses.csv").read_text(encoding="utf-8")
    assert uses.splitlines()[1:] == ["crime_report_status,O,OPEN,Z,20260101T000000Z,2"]

    write_next_system(tmp_path / "next")
    run("packs", "scaffold", "--source", str(tmp_path / "next"), "--division", "B")
    (draft,) = (settings.mappings / "families" / "draft_b" / "codes").glob("*.csv")
    lines = {row["legacy_value"]: row for row in csv.DictReader(draft.read_text(encoding="utf-8").splitlines())}
    assert (lines["O"]["national_code"], lines["O"]["status"]) == ("OPEN", "PROPOSED")
    assert agreed in lines["O"]["rationale"]
    assert (lines["QQ"]["national_code"], lines["QQ"]["rationale"]) == ("", "Unresolved")
    assert "families/draft_b/codes" not in run("check", "B").partition("keeps the gate red")[2].partition("\n")[2]

    place = f"families/draft_b/codes/{draft.name}:2: crime_report_status O"
    draft.write_text(f"{HEADER}O,,Not known,PROPOSED,,\nQQ,,Unresolved,PROPOSED,,\n", encoding="utf-8")
    assert f"{place} is undecided; elsewhere {agreed}" in run("check", "B")
    draft.write_text(f"{HEADER}O,FILED,Guess,PROPOSED,,\nQQ,,Unresolved,PROPOSED,,\n", encoding="utf-8")
    assert f"{place} is PROPOSED as FILED; elsewhere {agreed}" in run("check", "B")
    draft.write_text(f"{HEADER}O,FILED,Own,AGREED,registrar_b,2026-09-02\n", encoding="utf-8")
    flagged = f"means FILED (families/draft_b/codes/{draft.name}:2); OPEN (families/small/codes/state.csv:2)"
    assert f"remark: crime_report_status O {flagged}" in run("check", "B")
