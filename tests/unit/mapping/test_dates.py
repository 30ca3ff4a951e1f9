"""Dates and times are read strictly, and never made more precise or later than the source says."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import duckdb
import pytest

from migration.mapping import dates

Read = Callable[..., tuple[object, str | None]]


@pytest.mark.parametrize(
    ("text", "formats", "expected"),
    [
        ("03/02/1980", ["%d/%m/%Y"], date(1980, 2, 3)),
        ("3/2/1980", ["%d/%m/%Y"], date(1980, 2, 3)),
        ("031280", ["%d%m%y"], date(1980, 12, 3)),
        ("03 FEB 1980", ["%d %b %Y"], date(1980, 2, 3)),
        ("1980", ["%d/%m/%Y", "%Y"], date(1980, 1, 1)),
        ("00/00/1965", ["%d/%m/%Y", {"format": "00/00/%Y", "precision": "YEAR"}], date(1965, 1, 1)),
        ("31/02/1980", ["%d/%m/%Y"], None),
        ("03/02/80", ["%d/%m/%Y"], None),
        ("1980-02-03 ", ["%d/%m/%Y"], None),
        ("not a date", ["%d/%m/%Y"], None),
    ],
)
def test_a_date_is_read_by_the_listed_formats_and_no_others(
    read: Read, text: str, formats: list[object], expected: date | None
) -> None:
    assert read("date", text, formats=formats)[0] == expected


@pytest.mark.parametrize(
    ("text", "century", "expected"),
    [
        ("01/06/23", 23, date(2023, 6, 1)),
        ("01/06/24", 23, date(1924, 6, 1)),
        ("01/06/75", 80, date(2075, 6, 1)),
        ("01/06/99", 23, date(1999, 6, 1)),
        ("29/02/00", 23, date(2000, 2, 29)),
        ("01/06/24", None, date(1924, 6, 1)),
        ("01/06/23", None, date(2023, 6, 1)),
    ],
)
def test_a_year_of_two_digits_gets_the_century_of_the_rule(
    read: Read, text: str, century: int | None, expected: date
) -> None:
    assert read("date", text, formats=["%d/%m/%y"], century=century)[0] == expected


def test_the_29th_of_february_of_a_year_without_one_is_unreadable(read: Read) -> None:
    assert read("date", "29/02/00", formats=["%d/%m/%y"], century=-1)[0] is None


def test_a_date_after_the_latest_day_is_out_of_range(read: Read) -> None:
    assert read("date", "2024-01-01", latest="as_at") == (date(2024, 1, 1), "OUT_OF_RANGE")
    assert read("date", "2023-12-01", latest="as_at") == (date(2023, 12, 1), None)
    assert read("date", "1879-12-31", earliest="1880-01-01")[1] == "OUT_OF_RANGE"


@pytest.mark.parametrize(
    ("local", "utc", "error"),
    [
        ("2019-06-01 10:00:00", datetime(2019, 6, 1, 9, tzinfo=UTC), None),
        ("2019-12-01 10:00:00", datetime(2019, 12, 1, 10, tzinfo=UTC), None),
        ("2019-10-27 01:30:00", datetime(2019, 10, 27, 0, 30, tzinfo=UTC), "AMBIGUOUS_TIME"),
        ("2019-10-27 00:30:00", datetime(2019, 10, 26, 23, 30, tzinfo=UTC), None),
        ("2019-10-27 02:00:00", datetime(2019, 10, 27, 2, 0, tzinfo=UTC), None),
        ("2019-03-31 01:30:00", datetime(2019, 3, 31, 1, 30, tzinfo=UTC), "NONEXISTENT_TIME"),
        ("1970-01-15 12:00:00", datetime(1970, 1, 15, 11, tzinfo=UTC), None),
    ],
)
def test_london_time_becomes_utc_and_a_change_of_clocks_is_reported(
    session: duckdb.DuckDBPyConnection, local: str, utc: datetime, error: str | None
) -> None:
    naive = f"TIMESTAMP '{local}'"
    row = session.execute(
        f"SELECT epoch_us({dates.utc_sql(naive, dates.LONDON, 'earlier')}), {dates.time_error_sql(naive, dates.LONDON)}"
    ).fetchone()
    assert row == (int(utc.timestamp()) * 1_000_000, error)


def test_the_later_of_two_hours_is_taken_where_the_pack_says_so(session: duckdb.DuckDBPyConnection) -> None:
    sql = dates.utc_sql("TIMESTAMP '2019-10-27 01:30:00'", dates.LONDON, "later")
    expected = int(datetime(2019, 10, 27, 1, 30, tzinfo=UTC).timestamp()) * 1_000_000
    assert session.execute(f"SELECT epoch_us({sql})").fetchone() == (expected,)


def test_every_hour_of_fifty_years_agrees_with_the_zone_database(session: duckdb.DuckDBPyConnection) -> None:
    sql = dates.utc_sql("t", dates.LONDON, "earlier")
    rows = session.execute(
        f"SELECT t, epoch({sql})::BIGINT FROM (SELECT TIMESTAMP '1972-01-01' + INTERVAL (i * 31) HOUR AS t "
        "FROM range(14700) r(i))"
    ).fetchall()
    zone = ZoneInfo(dates.LONDON)
    wrong = [t for t, seconds in rows if int(t.replace(tzinfo=zone, fold=0).timestamp()) != seconds]
    assert not wrong


@pytest.mark.parametrize(
    ("text", "precision"),
    [("1980", "YEAR"), ("02/1980", "MONTH"), ("03/02/1980", "DAY"), ("03/02/1980 10:00", "MINUTE"), (None, "NONE")],
)
def test_the_precision_is_that_of_the_format_that_read_the_text(read: Read, text: str | None, precision: str) -> None:
    formats = ["%d/%m/%Y %H:%M", "%d/%m/%Y", "%m/%Y", "%Y"]
    assert read("precision", text, formats=formats)[0] == precision


@pytest.mark.parametrize("bad", ["%d/%m", "%Q/%Y", {"format": "%Y", "precision": "HOUR"}])
def test_a_format_that_cannot_be_read_is_refused_with_the_reason(bad: object) -> None:
    with pytest.raises(ValueError, match=r"year|directive|precision"):
        dates.read_formats([bad], dates.ISO_DATES)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="IANA"):
        dates.read_zone("Europe/Dundee")


@pytest.mark.parametrize("later", [False, True])
def test_every_hour_since_1970_has_the_instant_and_the_error_that_the_zone_rules_give(
    session: duckdb.DuckDBPyConnection, later: bool
) -> None:
    session.execute("SET TimeZone = 'UTC'")
    hours = "SELECT unnest(range(TIMESTAMP '1970-01-01', TIMESTAMP '2038-01-01', INTERVAL 30 MINUTE)) AS t"
    zone = "'Europe/London'"
    error = dates.time_error_sql("t", dates.LONDON)
    row = session.execute(
        f"SELECT count(*), count(*) FILTER (london_to_utc(t, {later}) <> zone_to_utc(t, {zone}, {later})), "
        f"count(*) FILTER (t >= TIMESTAMP '1972-01-01' AND ({error}) IS DISTINCT FROM clock_error(t, {zone})) "
        f"FROM ({hours})"
    ).fetchone()
    assert row == (1_192_176, 0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "2019-01-01 10:00:00",
        "2019-1-1 9:00:00",
        "2019-01-01 10:00+01",
        "2019-01-01T10:00:00",
        "2019-02-29 10:00:00",
        "-044-01-01 00:00:00",
        "2019-01-01  1:00:00",
        "2019-01-01 24:00:00",
        "2019-01-01",
        "2019-13-01",
        "infinity",
    ],
)
def test_the_short_way_of_reading_a_date_reads_what_the_formats_read_and_nothing_else(
    session: duckdb.DuckDBPyConnection, text: str
) -> None:
    formats = dates.read_formats(["%Y-%m-%d %H:%M:%S", "%Y-%m-%d"], ())
    whole = dates.naive_timestamp_sql("x", formats, None, "2023-12-01")
    cast = dates.cast_sql("x")
    slow = whole.replace(f"iso_timestamp(x, {cast}), iso_date(x, {cast}), ", "")
    assert slow != whole
    row = session.execute(f"SELECT {whole} IS NOT DISTINCT FROM {slow} FROM (SELECT '{text}' AS x)").fetchone()
    assert row == (True,)


@pytest.mark.parametrize("later", [False, True])
def test_clocks_before_1972_are_read_as_the_zone_rules_read_them(
    session: duckdb.DuckDBPyConnection, later: bool
) -> None:
    session.execute("SET TimeZone = 'UTC'")
    days = "SELECT unnest(range(TIMESTAMP '1910-01-01', TIMESTAMP '1972-01-01', INTERVAL 24 HOUR)) AS day"
    hours = f"SELECT day + INTERVAL (i * 30) MINUTE AS t FROM ({days}), range(8) r(i)"
    first = "SELECT unnest([TIMESTAMP '0001-01-01', TIMESTAMP '0001-01-01' - INTERVAL 3 YEAR, '1847-12-01 00:00:30'])"
    wrong = f"london_to_utc(t, {later}) IS DISTINCT FROM zone_to_utc(t, 'Europe/London', {later})"
    wrong += " OR london_error(t) IS DISTINCT FROM if(may_change_clock(t), clock_error(t, 'Europe/London'), NULL)"
    found = session.execute(
        f"SELECT count(*), count(*) FILTER ({wrong}), count(london_error(t)) FROM ({hours} UNION ALL {first}) AS r(t)"
    ).fetchone()
    assert found is not None
    assert found[:2] == (8 * 22_645 + 3, 0)
    assert found[2] > 0
    absent = "SELECT london_error(t), london_to_utc(t, false) FROM (SELECT NULL::TIMESTAMP AS t)"
    assert session.execute(absent).fetchone() == (None, None)
