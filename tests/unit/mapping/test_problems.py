"""A pack broken in many ways says all of it at once: file, line, what was found, and the nearest valid name."""

from collections.abc import Callable

from migration.mapping.check import check_division
from migration.settings import Settings

BROKEN = """\
entity: crime_report
records:
  case:
    form: CASES
    fields:
      legacy_crime_no: {from: CASE_NO, constant: X}
      recorded_at_utc: {from: WHEN_RECORED, parse: timestmp}
      statos_code: {from: STATE, lookup: state}
      status_code: {from: STATE, lookup: stat, on_error: quarantin}
      how_reported_code: STATE
      review_on: {from: WHEN_RECORDED, parse: date, formts: ["%d/%m/%Y"]}
      storm_no: {from: CASE_NO, parse: date, formats: ["%Q"]}
    out_of_scope:
      old: {if: {from: STATE, equls: X}, reason: None}
"""
CODES = """\
legacy_value,national_code,rationale,status,agreed_by,agreed_on
O,OPPEN,Same meaning,AGRED,,
F,FILED,Same meaning,AGREED,,
"""
ENTITY = "divisions/Z/entities/crime_report.yml"
EXPECTED = [
    "divisions/Z/codes/state.csv:2: found status AGRED; expected a known name; the nearest is AGREED",
    "divisions/Z/codes/state.csv:3: found agreed value F without agreed_by or agreed_on; expected who agreed",
    f"{ENTITY}:4: found key form in record case; expected a known name; the nearest is from",
    f"{ENTITY}:6: found 2 sources of one value; expected exactly one of coalesce, concat, constant, field, from,",
    f"{ENTITY}:7: found parser timestmp; expected a known name; the nearest is timestamp",
    f"{ENTITY}:8: found field crime_report.statos_code of record case; expected a known name; the nearest is st",
    f"{ENTITY}:9: found policy quarantin; expected a known name; the nearest is quarantine",
    f"{ENTITY}:10: found crime_report.how_reported_code without a lookup; expected a lookup into list how_reported",
    f"{ENTITY}:11: found key formts in an expression; expected a known name; the nearest is formats",
    f"{ENTITY}:12: found format directive %Q",
    f"{ENTITY}:14: found key equls in a condition; expected a known name; the nearest is equals",
]


def test_a_pack_broken_in_eleven_ways_names_each_with_its_line_and_the_nearest_valid_name(
    packs: Callable[..., Settings],
) -> None:
    files = {ENTITY: BROKEN, "divisions/Z/codes/state.csv": CODES}
    problem = check_division(packs(**files), "Z").problem
    missing = [line for line in EXPECTED if line not in problem]
    assert not missing, f"{missing}\n{problem}"
    assert all(f"{place}:" in problem for place in (ENTITY, "divisions/Z/codes/state.csv"))
