"""What has been agreed about codes across all packs: for the next division to reuse, and to be told where it differs.

Enters: every pack, and how often its codes were used. Leaves: agreements by national list and legacy value; remarks,
each a value that packs take for different things, or that a division has not settled though others have. Must hold: a
crosswalk speaks of the lists it is read for, whatever its name. Two meanings can be right (`D1` is no universal word),
so all of it is remarks and never an error.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from migration.mapping.code_uses import Meaning, read_uses
from migration.mapping.codes import AGREED
from migration.mapping.consistency import list_targets
from migration.mapping.load import list_divisions, load_pack
from migration.mapping.model import CodeDecision, Pack
from migration.schema.model import NationalSchema, load_schema
from migration.settings import Settings


@dataclass(frozen=True)
class Agreement:
    """One agreed meaning of a legacy value.

    Attributes:
        decision: the first line that says so.
        uses: records that were read by it in the newest runs, where they were noted.
    """

    national_code: str
    decision: CodeDecision
    divisions: tuple[str, ...]
    families: tuple[str, ...]
    uses: int

    def __str__(self) -> str:
        """The meaning with who agreed, when, and how well tried it is."""
        plural = "divisions" if len(self.divisions) > 1 else "division"
        uses = f", {self.uses:,} records" if self.uses else ""
        who = f"agreed by {self.decision.agreed_by} on {self.decision.agreed_on}"
        return f"{self.national_code}, {who} ({plural} {' '.join(self.divisions)}{uses})"


@dataclass(frozen=True)
class Disagreement:
    """One legacy value of a list with several agreed meanings: each a national code and the line that decides it."""

    list_name: str
    legacy_value: str
    meanings: tuple[tuple[str, str], ...]
    divisions: frozenset[str]


@dataclass(frozen=True)
class Unsettled:
    """A line that is not agreed though other divisions agreed: undecided, or proposed or rejected otherwise."""

    list_name: str
    decision: CodeDecision
    divisions: frozenset[str]
    agreed: tuple[Agreement, ...]

    @property
    def is_contrary(self) -> bool:
        """Whether it says something else than was agreed, and not only nothing yet."""
        return bool(self.decision.national_code) or self.decision.status == "REJECTED"


CodeMemory = Mapping[str, Mapping[str, tuple[Agreement, ...]]]
"""By national list and legacy value (upper case) its agreed meanings, the one of most families first."""


def load_packs(settings: Settings) -> tuple[Pack, ...]:
    """Every pack.

    Raises:
        ConfigError: one has problems.
    """
    return tuple(load_pack(settings, division) for division in list_divisions(settings))


def remember_codes(settings: Settings, packs: Iterable[Pack], schema: NationalSchema) -> CodeMemory:
    """What the packs have agreed of each legacy value of a national list."""
    uses = read_uses(settings)
    found: dict[tuple[str, str], dict[str, list[tuple[Pack, CodeDecision]]]] = defaultdict(lambda: defaultdict(list))
    for pack in packs:
        for list_name, decision in _list_decisions(pack, schema):
            if decision.status == AGREED:
                key = (list_name, decision.legacy_value.upper())
                found[key][decision.national_code].append((pack, decision))
    memory: dict[str, dict[str, tuple[Agreement, ...]]] = defaultdict(dict)
    for (list_name, value), meanings in sorted(found.items()):
        agreed = [_agreement((list_name, value, code), held, uses) for code, held in meanings.items()]
        agreed.sort(key=lambda a: (-len(a.families), -len(a.divisions), -a.uses, a.national_code))
        memory[list_name][value] = tuple(agreed)
    return memory


def _list_decisions(pack: Pack, schema: NationalSchema) -> Iterator[tuple[str, CodeDecision]]:
    """Each decision of a pack with each national list it is read for; by its name where nothing reads it."""
    targets = list_targets(pack, schema)
    for crosswalk in pack.crosswalks.values():
        own = (crosswalk.name,) if crosswalk.name in schema.codes else ()
        for list_name in targets.get(crosswalk.name, own):
            for decision in crosswalk.decisions.values():
                yield list_name, decision


def _agreement(meaning: Meaning, held: list[tuple[Pack, CodeDecision]], uses: Mapping[Meaning, int]) -> Agreement:
    return Agreement(
        national_code=meaning[2],
        decision=min((d for _, d in held), key=lambda d: (d.agreed_on, str(d.origin))),
        divisions=tuple(sorted({p.division for p, _ in held})),
        families=tuple(sorted({p.family for p, _ in held})),
        uses=uses.get(meaning, 0),
    )


def find_disagreements(memory: CodeMemory) -> tuple[Disagreement, ...]:
    """Every legacy value that different packs agreed to mean different things, sorted."""
    return tuple(
        Disagreement(
            list_name,
            value,
            tuple(sorted((a.national_code, str(a.decision.origin)) for a in agreed)),
            frozenset(d for a in agreed for d in a.divisions),
        )
        for list_name, values in sorted(memory.items())
        for value, agreed in sorted(values.items())
        if len(agreed) > 1
    )


def find_unsettled(memory: CodeMemory, packs: Iterable[Pack], schema: NationalSchema) -> tuple[Unsettled, ...]:
    """Every line that is not agreed, and says nothing or something else than other divisions agreed; by its place."""
    lines: dict[tuple[str, str], tuple[str, CodeDecision, set[str]]] = {}
    for pack in packs:
        for list_name, decision in _list_decisions(pack, schema):
            if decision.status != AGREED:
                _, _, divisions = lines.setdefault((list_name, str(decision.origin)), (list_name, decision, set()))
                divisions.add(pack.division)
    found = (
        Unsettled(list_name, decision, frozenset(divisions), agreed)
        for list_name, decision, divisions in lines.values()
        if (agreed := memory.get(list_name, {}).get(decision.legacy_value.upper(), ()))
    )
    kept = (u for u in found if u.decision.national_code not in {a.national_code for a in u.agreed})
    return tuple(sorted(kept, key=lambda u: (u.decision.origin.file, u.decision.origin.line, u.list_name)))


def load_memory(settings: Settings) -> tuple[CodeMemory, tuple[Pack, ...]]:
    """What all packs agreed, and the packs.

    Raises:
        ConfigError: a pack has problems.
    """
    packs = load_packs(settings)
    return remember_codes(settings, packs, load_schema()), packs
