"""A legacy system is read at its own pace and in its own hours."""

from datetime import UTC, datetime

import pytest

from migration.errors import ConfigError, SourceError
from migration.extract.plan import estimate_rows, plan_extract
from migration.extract.stage import extract_division
from migration.extract.watch import Watch, load_window
from migration.mapping.model import SourceKind


@pytest.fixture
def clock():
    """A clock that only sleeping moves."""

    class Clock:
        seconds = 0.0

        def now(self) -> float:
            return self.seconds

        def sleep(self, seconds: float) -> None:
            self.seconds += seconds

    return Clock()


def test_reading_is_slowed_to_the_rate_the_system_allows(make_source, clock, tmp_path) -> None:
    source = make_source(SourceKind.DELIMITED, tmp_path, ["A"], rows_per_second=1000)
    watch = Watch(source, now=clock.now, sleep=clock.sleep)
    for _ in range(10):
        watch.advance(500)
    assert clock.seconds == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("window", "hour", "is_open"),
    [("22:00-06:00", 23, True), ("22:00-06:00", 5, True), ("22:00-06:00", 12, False), ("09:00-17:00", 12, True)],
)
def test_window_may_pass_midnight(make_source, tmp_path, window, hour, is_open) -> None:
    found = load_window(make_source(SourceKind.DELIMITED, tmp_path, ["A"], window=window))
    assert found is not None
    assert found.is_open(datetime(2026, 1, 5, hour, tzinfo=UTC)) is is_open


def test_window_is_in_local_time_when_clocks_have_changed(make_source, tmp_path) -> None:
    found = load_window(make_source(SourceKind.DELIMITED, tmp_path, ["A"], window="22:00-06:00"))
    assert found is not None
    assert found.is_open(datetime(2026, 7, 5, 21, 30, tzinfo=UTC))


def test_reading_stops_with_one_error_when_the_window_closes(make_source, tmp_path, clock) -> None:
    source = make_source(SourceKind.DELIMITED, tmp_path, ["A"], window="22:00-06:00")
    moments = iter([datetime(2026, 1, 5, 5, 59, tzinfo=UTC), datetime(2026, 1, 5, 6, 0, tzinfo=UTC)])
    watch = Watch(source, now=clock.now, sleep=clock.sleep, moment=lambda: next(moments))
    with pytest.raises(SourceError, match="outside the system's window"):
        watch.advance(1)


def test_window_that_is_none_is_a_settings_error(make_source, tmp_path) -> None:
    with pytest.raises(ConfigError):
        load_window(make_source(SourceKind.DELIMITED, tmp_path, ["A"], window="at night"))


def test_log_line_tells_rate_and_time_left(make_source, tmp_path, clock) -> None:
    watch = Watch(make_source(SourceKind.DELIMITED, tmp_path, ["A"]), expected=400, now=clock.now, sleep=clock.sleep)
    watch.advance(100)
    clock.seconds = 10.0
    assert watch.describe() == "table=legacy.crime rows=100 rows_per_second=10 seconds_left=30"


def test_log_of_a_task_tells_each_table_when_it_is_done(make_source, tmp_path, clock, caplog) -> None:
    """What Airflow shows: one line a table at least, and one every few seconds of a long one."""
    caplog.set_level("INFO", logger="migration.extract.watch")
    watch = Watch(make_source(SourceKind.DELIMITED, tmp_path, ["A"]), expected=400, now=clock.now, sleep=clock.sleep)
    watch.advance(100)
    clock.seconds = 20.0
    watch.advance(100)
    watch.finish()
    assert [r.getMessage() for r in caplog.records] == [
        "extract table=legacy.crime rows=200 rows_per_second=10 seconds_left=20",
        "extract table=legacy.crime rows=200 rows_per_second=10 seconds_left=0 done",
    ]


@pytest.mark.parametrize(
    ("name", "content", "kind", "rows"),
    [
        ("a.csv", b"1\n" * 3_000_000, SourceKind.DELIMITED, 3_000_000),
        ("a.xml", b"<crime a='1'/>" * 70, SourceKind.XML, 70),
        ("a.csv.gz", b"", SourceKind.DELIMITED, None),
        ("a.xlsx", b"\n", SourceKind.EXCEL, None),
    ],
)
def test_rows_of_files_are_estimated_from_their_beginning(make_source, tmp_path, name, content, kind, rows) -> None:
    (tmp_path / name).write_bytes(content)
    assert estimate_rows(make_source(kind, tmp_path, ["A"]), [tmp_path / name]) == rows


def test_plan_and_progress_know_what_the_last_extract_took(tmp_path, make_context, make_database) -> None:
    path = make_database("CREATE TABLE T (ID integer); INSERT INTO T VALUES (1), (2)")
    (tmp_path / "a.csv").write_text("NO\n1\n")
    context = make_context(
        {
            "db": {
                "kind": "database",
                "location": f"sqlite:///{path}",
                "tables": {"T": {"key": ["ID"], "columns": ["ID"]}},
            },
            "files": {
                "kind": "delimited",
                "location": tmp_path,
                "options": {"rows_per_second": 10_000},
                "tables": {"a": {"key": ["NO"], "columns": ["NO"], "files": "a.csv"}},
            },
        }
    )
    first = plan_extract(context)
    assert [(p.table, p.rows, p.bytes, p.based_on) for p in first] == [
        ("T", 2, None, "assumed rate"),
        ("a", 2, 5, "assumed rate"),
    ]
    seen: list[tuple[str, int, int | None]] = []
    extract_division(context, lambda *told: seen.append(told))
    assert seen == [("db.T", 2, 2), ("db.T", 2, 2), ("files.a", 1, 2), ("files.a", 1, 1)]
    assert [p.based_on for p in plan_extract(context)] == ["last extract", "last extract"]
    assert plan_extract(context)[1].rows_per_second == 10_000
