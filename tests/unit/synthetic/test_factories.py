"""The factories other tests use make valid national rows."""

import pytest

from migration.schema.arrow import arrow_schema
from migration.schema.model import load_schema
from tests.factories import make_crime_reports, make_crimes, make_locations, make_nominals, make_table


def test_tables_have_exactly_the_national_columns() -> None:
    reports = make_crime_reports(3, status_code="DETECTED")
    for name, table in {
        "nominal": make_nominals(4),
        "location": make_locations(["1 High Street, Perth"]),
        "crime_report": reports,
        "crime": make_crimes(reports),
    }.items():
        assert table.schema == arrow_schema(load_schema().entity(name))
    assert reports["status_code"].to_pylist() == ["DETECTED"] * 3
    assert len(set(reports["legacy_crime_no"].to_pylist())) == 3


def test_same_arguments_give_the_same_people() -> None:
    assert make_nominals(5, seed=9).equals(make_nominals(5, seed=9))
    assert not make_nominals(5, seed=9).equals(make_nominals(5, seed=10))


def test_unknown_column_is_refused() -> None:
    with pytest.raises(KeyError, match="colour"):
        make_table("nominal", [{"colour": "blue"}])
