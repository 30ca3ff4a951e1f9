"""Crime reports and their crimes, as they truly were recorded, in national terms.

Enters: division, number of reports, as-at date. Leaves: `Reports` and `Crimes`. Must hold: reports are in order of
recording; times follow occurred <= reported <= recorded except where dirt says so; disposals agree with the report's
status.
"""

from dataclasses import dataclass

import numpy as np

from migration.synthetic.draws import Bools, Draws, Ints, Texts, take
from migration.synthetic.places import read_rows

FIRST_DAY = np.datetime64("2010-01-04T00:00:00")
AS_AT = np.datetime64("2023-12-01T00:00:00")
RESOLUTION_TEAM_FROM = np.datetime64("2022-10-01T00:00:00")
CODE_RETIRED_ON = np.datetime64("2016-04-01T00:00:00")
RETIRED_CODE = "11008"
SERIOUS = ("01000", "02000", "06000", "08001", "11002", "11012", "47009")
NO_TIME = np.datetime64("NaT", "s")
HOW_REPORTED = (
    *("101", "999", "COUNTER", "OFFICER", "ONLINE", "PARTNER", "PROACTIVE", "THIRD_PARTY", "UNKNOWN"),
    "RESOLUTION_TEAM",
)
HOW_SHARES = (0.40, 0.22, 0.10, 0.10, 0.04, 0.04, 0.07, 0.005, 0.025)
OLD_STATUSES = {
    **{"DETECTED": 0.48, "UNDETECTED": 0.395, "FILED": 0.05, "NO_CRIME": 0.03, "RECORDED_IN_ERROR": 0.012},
    **{"DUPLICATE": 0.008, "TRANSFERRED": 0.015, "OPEN": 0.004, "UNDER_ENQUIRY": 0.006},
}
NEW_STATUSES = {"OPEN": 0.22, "UNDER_ENQUIRY": 0.43, "DETECTED": 0.2, "UNDETECTED": 0.13, "NO_CRIME": 0.02}
MARKERS = (
    *("DOMESTIC", "ALCOHOL", "CYBER", "DRUGS", "CHILD", "HATE_RACE", "FIREARM", "HATE_SEXUAL_ORIENTATION"),
    *("HATE_RELIGION", "HATE_DISABILITY", "HATE_TRANSGENDER", "HATE_AGE", "HATE_VARIATIONS_SEX"),
)
MARKER_SHARES = (0.10, 0.12, 0.05, 0.03, 0.02, 0.01, 0.004, 0.003, 0.003, 0.002, 0.001, 0.0005, 0.0003)
MO_TEXTS = (
    "Unknown person(s) did force open the rear window and steal items from within.",
    "Accused did behave in a threatening or abusive manner, shouting and swearing at the complainer.",
    "Entry gained by unknown means.\nSearch made of ground floor; nothing found to be missing.",
    'Suspect said "you will get it" and made off on foot; CCTV to be viewed.',
    "Complainer left vehicle secure | returned to find nearside window smashed.",
    "Items selected from display and concealed; exit made past all points of payment.",
    "Complainer received email purporting to be from bank – transferred funds to account – no contact since.",
    "Damage to paintwork by means unknown. No witnesses. Value approx £250.",
    "Report of youths causing annoyance.\n\nArea searched, no trace.",
    "Complainer punched to the head and body; injuries not serious.",
)


@dataclass(frozen=True)
class Reports:
    """Crime reports in order of recording; `key` is the ordinal. Times are wall-clock; absent texts are empty."""

    division: str
    key: Ints
    recorded_at: np.ndarray
    reported_at: np.ndarray
    occurred_from: np.ndarray
    occurred_to: np.ndarray
    occurred_precision: Texts
    how_reported: Texts
    status: Texts
    workflow_state: Texts
    storm_no: Texts
    officer: Ints
    station: Ints
    mo: Texts
    crimes: Ints
    first_code: Texts
    venue: Texts
    victim: Texts
    review_on: np.ndarray
    updated_at: np.ndarray
    no_crime_reason: Texts
    no_crime_requested_by: Ints
    no_crime_authorised_by: Ints
    is_complainer_updated: Texts
    dirt: dict[str, Bools]

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True)
class Crimes:
    """Crimes, by report and sequence. `report` is the index of the report; `key` the ordinal of the crime."""

    key: Ints
    report: Ints
    seq: Ints
    code: Texts
    is_attempted: Bools
    disposal: Texts
    detected_on: np.ndarray
    serial: Ints
    markers: tuple[Texts, Texts, Texts]
    has_property: Bools
    mo_category: Texts


def make_reports(draws: Draws, division: str, count: int) -> Reports:
    """`count` reports of a division."""
    key = np.arange(count)
    recorded = choose_times(draws, count)
    mix = read_rows("crime_mix.csv")
    code_at = draws.choose("crime code", key * 8 + 1, [float(r["share"]) for r in mix])
    code = _use_former_codes(take([r["code"] for r in mix], code_at), recorded)
    retired = _use_retired_code(draws, key, recorded, code)
    status = choose_statuses(draws, recorded)
    how, early = _choose_how_reported(draws, key, recorded)
    reported, occurred_from, occurred_to, backwards = _choose_occurrence(draws, key, recorded)
    review_on, due = _choose_review(draws, key, recorded, code, status)
    updated, late = _choose_update(draws, key, recorded)
    no_crime = _choose_no_crime(draws, key, status)
    return Reports(
        division=division,
        key=key,
        recorded_at=recorded,
        reported_at=reported,
        occurred_from=occurred_from,
        occurred_to=occurred_to,
        occurred_precision=take(("MINUTE", "DAY", "MONTH", "NONE"), draws.choose("precision", key, (70, 24, 3, 3))),
        how_reported=how,
        status=status,
        workflow_state=_choose_workflow(draws, key, status),
        storm_no=_write_storm(draws, key, reported),
        officer=draws.integers("officer", key, 4_000, 4_000 + min(900, 40 + count // 50)),
        station=draws.integers("station", key, 0, 99),
        mo=take(MO_TEXTS, draws.integers("mo", key, 0, len(MO_TEXTS) - 1)),
        crimes=1 + draws.choose("crimes", key, (0.68, 0.19, 0.08, 0.03, 0.02)),
        first_code=code,
        venue=take([r["venue"] for r in mix], code_at),
        victim=take([r["needs_victim"] for r in mix], code_at),
        review_on=review_on,
        updated_at=updated,
        no_crime_reason=no_crime[0],
        no_crime_requested_by=no_crime[1],
        no_crime_authorised_by=no_crime[2],
        is_complainer_updated=no_crime[3],
        dirt={
            "retired_crime_code": retired,
            "code_before_valid": early,
            "impossible_occurrence": backwards,
            "due_for_weeding": due,
            "late_edit": late,
            "no_crime_without_authoriser": (status == "NO_CRIME") & (no_crime[2] == 0),
            "transferred_report": status == "TRANSFERRED",
        },
    )


def _use_former_codes(code: Texts, recorded: np.ndarray) -> Texts:
    """The codes with those that did not exist yet on the day of recording as what was recorded then."""
    newest_first = sorted((r for r in read_rows("crime_mix.csv") if r["since"]), key=lambda r: r["since"], reverse=True)
    for row in newest_first:
        code[(code == row["code"]) & (recorded < np.datetime64(row["since"]))] = row["formerly"]
    return code


def _use_retired_code(draws: Draws, key: Ints, recorded: np.ndarray, code: Texts) -> Bools:
    """Put the code's successor where it was retired by then, except on a few reports: those are returned."""
    late = recorded >= CODE_RETIRED_ON
    drawn = (code == RETIRED_CODE) & late
    used = draws.some("retired code used", key, 0.35, drawn if drawn.any() else late & (code == "22001"))
    code[drawn] = "40001"
    code[used] = RETIRED_CODE
    return used


def choose_times(draws: Draws, count: int) -> np.ndarray:
    """Times of recording, ordered; more of late, more by day than by night."""
    key = np.arange(count)
    days = (AS_AT - FIRST_DAY).astype("timedelta64[D]").astype(np.int64)
    day = (days * draws.uniform("day", key) ** 0.8).astype(np.int64)
    second = (86_400 * (0.2 + 0.8 * draws.uniform("second", key) ** 0.9)).astype(np.int64) % 86_400
    times = FIRST_DAY + day.astype("timedelta64[D]") + (second // 60 * 60).astype("timedelta64[s]")
    return np.sort(times.astype("datetime64[s]"))


def choose_statuses(draws: Draws, recorded: np.ndarray) -> Texts:
    """Status of each report by its age on the as-at day: most old ones are concluded."""
    key = np.arange(len(recorded))
    age = (AS_AT - recorded).astype("timedelta64[D]").astype(np.int64)
    old = take(list(OLD_STATUSES), draws.choose("old status", key, list(OLD_STATUSES.values())))
    new = take(list(NEW_STATUSES), draws.choose("new status", key, list(NEW_STATUSES.values())))
    return np.where(age > 180, old, new).astype(object)


def _choose_how_reported(draws: Draws, key: Ints, recorded: np.ndarray) -> tuple[Texts, Bools]:
    how = take(HOW_REPORTED, draws.choose("how reported", key, HOW_SHARES))
    valid = recorded >= RESOLUTION_TEAM_FROM
    luck = draws.uniform("resolution team", key)
    early = draws.some("resolution team", key, 0.01, ~valid & (recorded >= np.datetime64("2021-10-01")))
    how[(valid & (luck < 0.35)) | early] = "RESOLUTION_TEAM"
    return how, early


def _choose_occurrence(
    draws: Draws, key: Ints, recorded: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Bools]:
    """Reported, occurred from, occurred to; and which reports have the last two the wrong way round."""

    def back(stream: str, usual: int, seldom: int) -> np.ndarray:
        minutes = np.where(
            draws.chance(f"{stream} long", key, 0.06),
            draws.integers(f"{stream} far", key, usual, seldom),
            (usual * draws.uniform(stream, key) ** 3).astype(np.int64),
        )
        return minutes.astype("timedelta64[m]")

    reported = recorded - back("report delay", 600, 20_000)
    ended = reported - back("discovery delay", 1_500, 60_000)
    began = ended - back("duration", 700, 20_000)
    backwards = draws.some("occurred backwards", key, 0.0015, began < ended)
    return reported, np.where(backwards, ended, began), np.where(backwards, began, ended), backwards


def _choose_review(
    draws: Draws, key: Ints, recorded: np.ndarray, code: Texts, status: Texts
) -> tuple[np.ndarray, Bools]:
    """Retention review day: at least a year ahead for all but the few that are due."""
    years = np.where(np.isin(code, SERIOUS), 12, np.where(status == "NO_CRIME", 3, 6))
    base = recorded.astype("datetime64[D]") + (years * 365).astype("timedelta64[D]")
    last = AS_AT.astype("datetime64[D]")
    ahead = last + draws.integers("review ahead", key, 30, 1_500).astype("timedelta64[D]")
    overdue = last - draws.integers("review overdue", key, 1, 700).astype("timedelta64[D]")
    due = (base < last) & draws.chance("review due", key, 0.02)
    return np.where(due, overdue, np.where(base < last, ahead, base)), due


def _choose_update(draws: Draws, key: Ints, recorded: np.ndarray) -> tuple[np.ndarray, Bools]:
    days = draws.integers("updated after", key, 0, 120).astype("timedelta64[D]")
    late = draws.some("late edit", key, 0.004, recorded < AS_AT - np.timedelta64(900, "D"))
    much_later = draws.integers("updated late", key, 760, 899).astype("timedelta64[D]")
    updated = recorded + np.where(late, much_later, days)
    return np.minimum(updated, AS_AT - np.timedelta64(60, "s")), late


def _choose_no_crime(draws: Draws, key: Ints, status: Texts) -> tuple[Texts, Ints, Ints, Texts]:
    """Reason, requester, authoriser (0 = none) and complainer updated (`Y`, `N` or empty) of No Crime reports."""
    is_no_crime = status == "NO_CRIME"
    reasons = ("CREDIBLE_INFORMATION", "OUTSIDE_JURISDICTION", "PROCEDURAL_ERROR")
    reason = take(reasons, draws.choose("no crime reason", key, (0.8, 0.12, 0.08)))
    authoriser = draws.integers("authoriser", key, 3_000, 3_040)
    authoriser = np.where(draws.some("no authoriser", key, 0.03, is_no_crime), 0, authoriser)
    told = np.where(draws.chance("complainer told", key, 0.96), "Y", "N")
    return (
        np.where(is_no_crime, reason, "").astype(object),
        np.where(is_no_crime, draws.integers("requester", key, 4_000, 4_100), 0),
        np.where(is_no_crime, authoriser, 0),
        np.where(is_no_crime | (status == "DETECTED"), told, "").astype(object),
    )


def _choose_workflow(draws: Draws, key: Ints, status: Texts) -> Texts:
    live = np.isin(status, ["OPEN", "UNDER_ENQUIRY"])
    state = take(("NEW", "ALLOCATED", "AWAITING_MANAGER", "RETURNED"), draws.choose("workflow", key, (15, 60, 20, 5)))
    waiting = ~live & draws.chance("not final filed", key, 0.03)
    return np.where(live, state, np.where(waiting, "AWAITING_MANAGER", "FINAL_FILED")).astype(object)


def _write_storm(draws: Draws, key: Ints, reported: np.ndarray) -> Texts:
    has = draws.chance("has storm number", key, 0.72)
    serial = draws.integers("storm serial", key, 1, 9_999)
    days = reported.astype("datetime64[D]").astype(str)
    texts = [f"PS-{d.replace('-', '')}-{n:04d}" if h else "" for d, n, h in zip(days, serial, has, strict=True)]
    return np.array(texts, dtype=object)


def make_crimes(draws: Draws, reports: Reports) -> Crimes:
    """The crimes of all reports."""
    report = np.repeat(np.arange(len(reports)), reports.crimes)
    seq = np.arange(len(report)) - np.repeat(np.cumsum(reports.crimes) - reports.crimes, reports.crimes) + 1
    key = reports.key[report] * 8 + seq
    mix = read_rows("crime_mix.csv")
    further = draws.choose("crime code", key, [float(r["share"]) for r in mix])
    code = np.where(seq == 1, reports.first_code[report], take([r["code"] for r in mix], further)).astype(object)
    code[(seq > 1) & (code == RETIRED_CODE)] = "22001"
    code = _use_former_codes(code, reports.recorded_at[report])
    with_property = {r["code"] for r in mix if r["has_property"] == "Y"}
    categories = {r["code"]: r["mo_category"] for r in mix}
    disposal, detected = _choose_disposals(draws, key, reports, report)
    luck = [draws.choose(f"marker {i}", key, (*MARKER_SHARES, p)) for i, p in enumerate((0.75, 8.0, 60.0))]
    markers = [take((*MARKERS, ""), m) for m in luck]
    markers[1][(markers[1] == markers[0]) | (markers[0] == "")] = ""
    markers[2][(markers[2] == markers[0]) | (markers[2] == markers[1]) | (markers[1] == "")] = ""
    return Crimes(
        key=key,
        report=report,
        seq=seq,
        code=code,
        is_attempted=draws.chance("attempted", key, 0.06),
        disposal=disposal,
        detected_on=detected,
        serial=draws.integers("procedural serial", key, 1, 999_999),
        markers=(markers[0], markers[1], markers[2]),
        has_property=np.isin(code, sorted(with_property)) & draws.chance("has property", key, 0.7),
        mo_category=np.array([categories.get(c, "OTHER") for c in code], dtype=object),
    )


def _choose_disposals(draws: Draws, key: Ints, reports: Reports, report: Ints) -> tuple[Texts, np.ndarray]:
    detected_as = ("DETECTED_REPORTED", "DETECTED_FPN", "DETECTED_WARNED", "DETECTED_OTHER")
    detected = take(detected_as, draws.choose("detected as", key, (0.78, 0.06, 0.14, 0.02)))
    follows = {
        **{"DETECTED": "", "UNDETECTED": "UNDETECTED", "FILED": "UNDETECTED", "NO_CRIME": "NO_CRIME"},
        **{"RECORDED_IN_ERROR": "RECORDED_IN_ERROR", "DUPLICATE": "DUPLICATE"},
    }
    status = reports.status[report]
    other = np.array([follows.get(s, "UNDER_ENQUIRY") for s in status], dtype=object)
    is_detected = status == "DETECTED"
    recorded = reports.recorded_at[report].astype("datetime64[D]")
    after = (250 * draws.uniform("detected after", key) ** 3).astype(np.int64).astype("timedelta64[D]")
    day = np.minimum(recorded + after, AS_AT.astype("datetime64[D]") - np.timedelta64(1, "D"))
    return (
        np.where(is_detected, detected, other).astype(object),
        np.where(is_detected, day, np.datetime64("NaT", "D")),
    )
