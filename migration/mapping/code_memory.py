"""What has been agreed about codes across all packs: for the next division to reuse, and to be told where it differs.

Enters: every pack. Leaves: disagreements, each a legacy value of one list that two families take for different things.
That can be right (`D1` is no universal word), so it is a remark and never an error.
"""

from collections import defaultdict
from dataclasses import dataclass

from migration.mapping.codes import AGREED
from migration.mapping.load import list_divisions, load_pack
from migration.mapping.model import CodeDecision
from migration.schema.model import load_schema
from migration.settings import Settings


@dataclass(frozen=True)
class Disagreement:
    """One legacy value of a list with several agreed meanings: each a national code and the line that decides it."""

    list_name: str
    legacy_value: str
    meanings: tuple[tuple[str, str], ...]


def find_disagreements(settings: Settings) -> tuple[Disagreement, ...]:
    """Every legacy value that different packs agreed to mean different things, sorted.

    Raises:
        ConfigError: a pack has problems.
    """
    lists = load_schema().codes
    found: dict[tuple[str, str], dict[str, CodeDecision]] = defaultdict(dict)
    for division in list_divisions(settings):
        for crosswalk in load_pack(settings, division).crosswalks.values():
            for decision in crosswalk.decisions.values():
                if crosswalk.name in lists and decision.status == AGREED:
                    found[crosswalk.name, decision.legacy_value.upper()].setdefault(decision.national_code, decision)
    return tuple(
        Disagreement(name, value, tuple(sorted((code, str(d.origin)) for code, d in meanings.items())))
        for (name, value), meanings in sorted(found.items())
        if len(meanings) > 1
    )
