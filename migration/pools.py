"""The pools that protect shared hosts: one for each legacy system, one for matching, one for the national database.

Enters: the packs. Leaves: pools by name, as an orchestrator imports them. Cheap: reads the packs, opens nothing.
Must hold: a database is never read over more connections than every pack that shares its pool allows. Refuses: a pack
that would.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from migration.errors import ConfigError
from migration.mapping.load import list_divisions, load_pack
from migration.mapping.model import Pack, SourceKind, SourceSystem
from migration.settings import Settings

MATCHING = "matching"
"""Linking nominals takes most of a machine's memory: one division at a time."""
NATIONAL_DATABASE = "national_database"
"""Loads, checks and publications of several divisions share one database."""
FIXED_POOLS = {
    MATCHING: (1, "Linking nominals; one division at a time"),
    NATIONAL_DATABASE: (2, "Work in the national database"),
}

Pools = dict[str, dict[str, object]]


def list_pools(settings: Settings) -> Pools:
    """Every pool: slots and description. A legacy system's slots are the fewest that any pack allows it.

    A pack with problems gets no pool: nothing runs from it (`migrate check` lists the problems).
    """
    legacy = _legacy_pools(system for pack in _readable_packs(settings) for system in pack.systems)
    return {name: _pool(slots, title) for name, (slots, title) in sorted({**FIXED_POOLS, **legacy}.items())}


def count_slots(system: SourceSystem) -> int:
    """Slots that reading one table takes: of a database all connections it may open, else the one reader it is."""
    return system.max_connections if system.kind is SourceKind.DATABASE else 1


def check_connections(pack: Pack, pools: Pools) -> None:
    """Refuse a pack that may open more connections to a database than its pool has.

    Raises:
        ConfigError: another pack allows the same pool fewer; each of this pack's systems that exceeds it is named.
    """
    exceeding = [s for s in pack.systems if count_slots(s) > int(str(pools[s.pool]["slots"]))]
    if exceeding:
        found = "; ".join(f"{s.max_connections} connections of system {s.name} to pool {s.pool}" for s in exceeding)
        fewest = "; ".join(f"{pools[s.pool]['slots']} of {s.pool}" for s in exceeding)
        expected = f"at most the fewest that any pack allows: {fewest}"
        fix = "Give `max_connections` one number in all packs that name the pool: it is one host."
        raise ConfigError(f"pack of division {pack.division}", found, expected, fix)


def find_excesses(settings: Settings, divisions: Iterable[str] = ()) -> dict[str, str]:
    """Why the packs of some divisions, or of all, may open too many connections, by division; empty where none does."""
    packs, pools = tuple(_readable_packs(settings)), list_pools(settings)
    found: dict[str, str] = {}
    for pack in (p for p in packs if p.division in (tuple(divisions) or (p.division,))):
        try:
            check_connections(pack, pools)
        except ConfigError as problem:
            found[pack.division] = f"{problem.found}; expected {problem.expected}. {problem.fix}"
    return found


def _readable_packs(settings: Settings) -> Iterator[Pack]:
    for division in list_divisions(settings):
        with suppress(ConfigError):
            yield load_pack(settings, division)


def _legacy_pools(systems: Iterable[SourceSystem]) -> dict[str, tuple[int, str]]:
    pools: dict[str, tuple[int, str]] = {}
    for system in systems:
        slots, _ = pools.get(system.pool, (system.max_connections, ""))
        pools[system.pool] = (min(slots, system.max_connections), f"Connections to the legacy system {system.name}")
    return pools


def _pool(slots: int, description: str) -> dict[str, object]:
    return {"slots": slots, "description": description, "include_deferred": False}
