"""Things and changes that hang on reports: property, vehicles, status changes.

Enters: reports and crimes. Leaves: `PropertyItems`, `Vehicles`, `StatusChanges`, one element per item, vehicle and
change; `report` is the index of the report. Must hold: the last change of a report leads to its status.
"""

from dataclasses import dataclass

import numpy as np

from migration.synthetic.draws import Draws, Ints, Texts, take
from migration.synthetic.events import AS_AT, Crimes, Reports
from migration.synthetic.identifiers import registration_mark

ITEMS = (
    ("ELECTRICAL", "Mobile telephone, black", 250),
    ("CASH", "Cash, notes and coins", 120),
    ("JEWELLERY", "Gold coloured ring", 400),
    ("CYCLE", "Pedal cycle, mountain type", 350),
    ("TOOLS", "Cordless drill in case", 140),
    ("FOOD", "Meat and cheese, various", 38),
    ("ALCOHOL", "Bottles of spirits x2", 44),
    ("CLOTHING", "Jacket, dark blue", 75),
    ("DOCUMENTS", "Bank card", 0),
)
MAKES = ("FORD", "VAUXHALL", "VOLKSWAGEN", "RENAULT", "BMW", "AUDI", "NISSAN", "TOYOTA", "PEUGEOT", "KIA")
COLOURS = ("BLACK", "WHITE", "SILVER", "BLUE", "RED", "GREY", "GREEN")
ROLES = ("STOLEN", "RECOVERED", "DAMAGED", "USED", "OTHER")


@dataclass(frozen=True)
class PropertyItems:
    """Property items; `value_pence` is -1 where none was given."""

    report: Ints
    category: Texts
    description: Texts
    value_pence: Ints
    role: Texts


@dataclass(frozen=True)
class Vehicles:
    """Vehicles, each of one report."""

    report: Ints
    registration: Texts
    make: Texts
    colour: Texts
    role: Texts


@dataclass(frozen=True)
class StatusChanges:
    """Changes of status, by report and time; `from_status` is empty for the first."""

    report: Ints
    from_status: Texts
    to_status: Texts
    changed_at: np.ndarray
    officer: Ints


def make_property(draws: Draws, crimes: Crimes) -> PropertyItems:
    """One item per crime that has property."""
    at = np.nonzero(crimes.has_property)[0]
    key = crimes.key[at]
    item = draws.integers("item", key, 0, len(ITEMS) - 1)
    worth = np.array([i[2] for i in ITEMS])[item]
    pence = np.round(worth * 100 * (0.3 + 1.4 * draws.uniform("item value", key))).astype(np.int64)
    return PropertyItems(
        report=crimes.report[at],
        category=take([i[0] for i in ITEMS], item),
        description=take([i[1] for i in ITEMS], item),
        value_pence=np.where(draws.chance("no value", key, 0.15), -1, pence),
        role=take(ROLES, draws.choose("item role", key, (80, 10, 6, 2, 2))),
    )


def make_vehicles(draws: Draws, reports: Reports) -> Vehicles:
    """One vehicle per report of vehicle crime, and per some of the others."""
    luck = draws.uniform("has vehicle", reports.key)
    at = np.nonzero((reports.venue == "VEHICLE") & (luck < 0.9) | (luck < 0.03))[0]
    key = reports.key[at]
    marks = [registration_mark(n) for n in draws.integers("vehicle", key, 0, 200_000).tolist()]
    closed = draws.chance("mark without space", key, 0.4).tolist()
    return Vehicles(
        report=at,
        registration=np.array(
            [m.replace(" ", "") if c else m for m, c in zip(marks, closed, strict=True)], dtype=object
        ),
        make=take(MAKES, draws.integers("make", key, 0, len(MAKES) - 1)),
        colour=take(COLOURS, draws.integers("colour", key, 0, len(COLOURS) - 1)),
        role=take(ROLES, draws.choose("vehicle role", key, (45, 5, 35, 12, 3))),
    )


def make_status_changes(draws: Draws, reports: Reports) -> StatusChanges:
    """Opened, taken up, concluded: one to three changes a report."""
    steps = np.where(reports.status == "OPEN", 1, np.where(reports.status == "UNDER_ENQUIRY", 2, 3))
    report = np.repeat(np.arange(len(reports)), steps)
    step = np.arange(len(report)) - np.repeat(np.cumsum(steps) - steps, steps)
    key = reports.key[report] * 4 + step
    start = reports.recorded_at[report]
    room = (AS_AT - start).astype(np.int64) - 120
    wait = np.select([step == 0, step == 1], [0 * room, np.minimum(room // 3, 86_400)], np.minimum(room, 8_640_000))
    lag = (wait * np.where(step == 0, 0.0, 0.34 + 0.66 * draws.uniform("change lag", key))).astype(np.int64)
    return StatusChanges(
        report=report,
        from_status=take(("", "OPEN", "UNDER_ENQUIRY"), step),
        to_status=np.where(step == 0, "OPEN", np.where(step == 1, "UNDER_ENQUIRY", reports.status[report])).astype(
            object
        ),
        changed_at=start + lag.astype("timedelta64[s]"),
        officer=reports.officer[report],
    )
