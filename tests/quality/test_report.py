"""The run report: complete, marked, deterministic, without values."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from migration.quality.report import write_report
from migration.quality.stage import reconcile_division, validate_division

PLANTED = "Zzplantedname"


@pytest.fixture
def damaged_run(make_run: Callable[..., Any], engine: sa.Engine) -> Any:
    run = make_run()
    run.rows["nominal"][0]["surname"] = PLANTED
    run.rows["crime"][0]["crime_code"] = "99999"
    run.rows["crime_report"][1]["occurred_from_utc"] = run.rows["crime_report"][1]["recorded_at_utc"].replace(year=2050)
    run.quarantine("crime_marker", "10#1#CY")
    run.write().stage(engine)
    validate_division(run.context, engine)
    reconcile_division(run.context, engine)
    return run


def test_report_names_what_fails_and_nothing_personal(damaged_run: Any, engine: sa.Engine) -> None:
    path = write_report(damaged_run.context, engine)
    text = path.read_text(encoding="utf-8")
    assert text.count("OFFICIAL-SENSITIVE") >= 4
    assert "SGJD crime code is a value of the national list" in text
    assert "A crime is recorded after it began" in text
    assert "NOT EVALUATED" in text
    assert "map.crime_marker.crime_code" in text
    values = {PLANTED, *(r["full_name_raw"] for r in damaged_run.rows["nominal"])}
    values |= {r["location_raw_text"] for r in damaged_run.rows["location"]}
    leaked = [v for v in values if v in text]
    assert leaked == []
    pages = sorted((damaged_run.context.report_folder / "data_docs").rglob("*.html"))
    assert len(pages) > 15
    content = "".join(p.read_text(encoding="utf-8") for p in pages)
    assert [v for v in values if v in content] == []
    assert "1#1" in content
    assert all("OFFICIAL-SENSITIVE" in p.read_text(encoding="utf-8") for p in pages)


def test_same_evidence_gives_same_report(damaged_run: Any, engine: sa.Engine) -> None:
    first = write_report(damaged_run.context, engine).read_bytes()
    assert write_report(damaged_run.context, engine).read_bytes() == first
    assert re.search(rb"https?://", first) is None
