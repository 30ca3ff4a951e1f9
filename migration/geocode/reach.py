"""How far a record's postcode agrees with streets: taken apart once, and only streets of its area looked at.

Enters: a postcode and a street's name. Leaves: the streets of that name that the postcode does not rule out, and how
far it agrees with each. Must hold: a street is left out only where it has postcodes and none in the area,
or lies in another division and no place named. Memos are
bounded; one `PostcodeIndex` per release and process.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from migration.geocode.gazetteer.index import Gazetteer, Street
from migration.geocode.postcodes import area, district, sector

MEMO_SIZE = 100_000


class PostcodeReach(NamedTuple):
    """A record's postcode taken apart once, and the streets that have it."""

    exact: frozenset[int]
    sector: str
    district: str
    area: str

    def flag(self, street: Street) -> str:
        """How far the postcode agrees with a street's; CONFLICT where even the area is another."""
        if not street.areas:
            return "NONE"
        if street.id in self.exact:
            return "EXACT"
        if self.area not in street.areas:
            return "CONFLICT"
        if self.sector in street.sectors:
            return "SECTOR"
        return "DISTRICT" if self.district in street.districts else "OTHER"


@dataclass
class PostcodeIndex:
    """Postcodes taken apart, and the streets of each name by postcode area; both filled in as they are asked for."""

    gazetteer: Gazetteer
    reaches: dict[str, PostcodeReach] = field(default_factory=dict)
    by_place: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    by_area: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)

    def reach(self, postcode: str) -> PostcodeReach:
        """The reach of a postcode that is not empty."""
        found = self.reaches.get(postcode)
        if found is None:
            if len(self.reaches) > MEMO_SIZE:
                self.reaches.clear()
            exact = frozenset(self.gazetteer.postcode_streets.get(postcode, ()))
            found = PostcodeReach(exact, sector(postcode), district(postcode), area(postcode))
            self.reaches[postcode] = found
        return found

    def within(self, key: str, division: str, places: tuple[str, ...]) -> list[int]:
        """Streets of a name in a division, or in none, or in one of the places named, in the order of the release.

        What lies in another division counts only where a place named speaks for it.
        """
        found = self.by_place.get(key)
        if found is None:
            if len(self.by_place) > MEMO_SIZE:
                self.by_place.clear()
            found = self.by_place[key] = self._group_by_place(key)
        wanted = [found[place] for place in (f"/{division}", "/", *places) if place in found]
        return wanted[0] if len(wanted) == 1 else sorted({i for ids in wanted for i in ids})

    def _group_by_place(self, key: str) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for i in self.gazetteer.aliases.get(key, ()):
            street = self.gazetteer.streets[i]
            for place in {f"/{street.division}", street.locality, street.town, street.admin} - {""}:
                found.setdefault(place, []).append(i)
        return found

    def near(self, key: str, postcode_area: str) -> tuple[int, ...]:
        """Streets of a name in a postcode area, or without any postcode, in the order of the release."""
        memo = (key, postcode_area)
        found = self.by_area.get(memo)
        if found is None:
            if len(self.by_area) > MEMO_SIZE:
                self.by_area.clear()
            streets, ids = self.gazetteer.streets, self.gazetteer.aliases.get(key, ())
            found = tuple([i for i in ids if not streets[i].areas or postcode_area in streets[i].areas])
            self.by_area[memo] = found
        return found
