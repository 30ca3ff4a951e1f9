"""The pools that protect shared hosts: one for each legacy system, one for matching, one for the national database.

Enters: the packs. Leaves: pools by name, as an orchestrator imports them. Cheap: reads the packs, opens nothing.
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


def count_slots(system: SourceSystem, pools: Pools) -> int:
    """Slots that reading one table takes: of a database all connections it may open, else the one reader it is.

    A pack may allow more than the pool has, because another pack allows less: then the table takes the whole pool.
    """
    if system.kind is not SourceKind.DATABASE:
        return 1
    slots = pools.get(system.pool, {}).get("slots", system.max_connections)
    return min(system.max_connections, int(str(slots)))


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
