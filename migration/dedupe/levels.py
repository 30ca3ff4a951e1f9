"""The comparisons of people, level by level, with starting weights.

Enters: which linkage columns a table has. Leaves: an untrained `Model` and the blocking rules for it. The shipped model
(`models/people.json`) has the same comparisons with trained weights; training starts from here. Must hold: levels go
from the strongest agreement to the rest; agreement on a nickname, a family of surnames or a former name is its own
level, with its own weight, so that an explanation can say so.
"""

from collections.abc import Iterable

from migration.dedupe.blocking import Rule
from migration.dedupe.model import Comparison, Condition, Level, LevelSet, Model, Operation, Thresholds, prior_weight

LINKAGE_COLUMNS = (
    "surname",
    "surname_alt_1",
    "surname_alt_2",
    "surname_family",
    "surname_sound",
    "forename",
    "forename_alt_1",
    "middle",
    "forename_family_1",
    "forename_family_2",
    "forename_family_3",
    "forename_initial",
    "dob",
    "birth_year",
    "birth_text",
    "sex",
    "postcode",
    "postcode_sector",
    "postcode_outward",
    "uprn",
    "address",
    "locality",
    "place_of_birth",
    "occupation",
    "phone",
)
"""Columns of a matrix, in order: neighbours are compared together (`ANY_EQUAL` reads a run of them)."""

IDENTIFIER = "id_"
ELSE = ((Condition(Operation.ALWAYS),),)


def _one(operation: Operation, left: str, right: str = "", at: float = 0.0) -> tuple[tuple[Condition, ...], ...]:
    return ((Condition(operation, left, right or left, at),),)


def _missing(column: str) -> Level:
    return Level("missing", _one(Operation.MISSING, column))


def _surname() -> Comparison:
    swapped = ((Condition(Operation.EQUAL, "surname", "forename"), Condition(Operation.EQUAL, "forename", "surname")),)
    return Comparison(
        "surname",
        (
            Level("same", _one(Operation.EQUAL, "surname"), 0.75, 0.0012, tf="surname"),
            Level("former_or_alias", _one(Operation.ANY_EQUAL, "surname", at=3), 0.03, 0.0006, tf="surname"),
            _missing("surname"),
            Level("swapped_with_forename", swapped, 0.01, 1e-6),
            Level("one_edit", _one(Operation.ALIGNMENT, "surname", at=1), 0.10, 0.001),
            Level("same_family_of_names", _one(Operation.EQUAL, "surname_family"), 0.01, 0.0003),
            Level("close", _one(Operation.JARO_WINKLER, "surname", at=0.9), 0.03, 0.0025),
            Level("similar", _one(Operation.JARO_WINKLER, "surname", at=0.8), 0.02, 0.012),
            Level("different", ELSE, 0.05, 0.98),
        ),
    )


def _forename() -> Comparison:
    swapped = ((Condition(Operation.EQUAL, "forename", "surname"), Condition(Operation.EQUAL, "surname", "forename")),)
    second = (
        (Condition(Operation.EQUAL, "forename", "middle"),),
        (Condition(Operation.EQUAL, "middle", "forename"),),
    )
    return Comparison(
        "forename",
        (
            Level("same", _one(Operation.EQUAL, "forename"), 0.65, 0.012, tf="forename"),
            Level("alias", _one(Operation.ANY_EQUAL, "forename", at=2), 0.03, 0.006, tf="forename"),
            _missing("forename"),
            Level("swapped_with_surname", swapped, 0.01, 1e-6),
            Level("same_family_of_names", _one(Operation.ANY_EQUAL, "forename_family_1", at=3), 0.10, 0.008),
            Level("second_name", second, 0.03, 0.01),
            Level("one_edit", _one(Operation.ALIGNMENT, "forename", at=1), 0.07, 0.003),
            Level("initial", _one(Operation.INITIAL, "forename"), 0.02, 0.001),
            Level("close", _one(Operation.JARO_WINKLER, "forename", at=0.88), 0.02, 0.005),
            Level("different", ELSE, 0.06, 0.94),
        ),
    )


def _middle() -> Comparison:
    return Comparison(
        "middle",
        (
            Level("same", _one(Operation.EQUAL, "middle"), 0.7, 0.02, tf="middle"),
            _missing("middle"),
            Level("one_edit", _one(Operation.ALIGNMENT, "middle", at=1), 0.08, 0.004),
            Level("initial", _one(Operation.INITIAL, "middle"), 0.05, 0.005),
            Level("different", ELSE, 0.17, 0.96),
        ),
    )


def _birth() -> Comparison:
    return Comparison(
        "birth",
        (
            Level("same_first_of_january", _one(Operation.DATE_NEW_YEAR, "dob"), 0.04, 0.0004, tf="birth_text"),
            Level("same", _one(Operation.EQUAL, "dob"), 0.75, 0.00004, tf="birth_text"),
            _missing("birth_year"),
            Level("one_digit", _one(Operation.DATE_DIGIT, "dob"), 0.07, 0.001),
            Level("day_and_month_swapped", _one(Operation.DATE_SWAPPED, "dob"), 0.02, 0.00003),
            Level("same_month", _one(Operation.DATE_MONTH, "dob"), 0.02, 0.0012),
            Level("same_day_of_other_year", _one(Operation.DATE_DAY, "dob"), 0.02, 0.0025),
            Level("same_year", _one(Operation.EQUAL, "birth_year"), 0.03, 0.015),
            Level("within_one_year", _one(Operation.DATE_YEARS, "birth_year", at=1), 0.01, 0.03),
            Level("within_ten_years", _one(Operation.DATE_YEARS, "birth_year", at=10), 0.02, 0.25),
            Level("different", ELSE, 0.02, 0.70),
        ),
    )


def _address() -> Comparison:
    return Comparison(
        "home",
        (
            Level("same_uprn", _one(Operation.EQUAL, "uprn"), 0.3, 0.00002),
            Level("same_postcode", _one(Operation.EQUAL, "postcode"), 0.35, 0.0001, tf="postcode"),
            _missing("postcode"),
            Level("same_sector", _one(Operation.EQUAL, "postcode_sector"), 0.06, 0.0015),
            Level("same_outward", _one(Operation.EQUAL, "postcode_outward"), 0.06, 0.008),
            Level("different", ELSE, 0.23, 0.99),
        ),
    )


def _words(column: str, same: float, chance: float) -> Comparison:
    rest = 1.0 - same - 0.1
    return Comparison(
        column,
        (
            Level("same", _one(Operation.EQUAL, column), same, chance, tf=column),
            _missing(column),
            Level("close", _one(Operation.JARO_WINKLER, column, at=0.88), 0.1, 0.01),
            Level("different", ELSE, rest, 1.0 - chance - 0.01),
        ),
    )


def _identifier(column: str) -> Comparison:
    return Comparison(
        column,
        (
            Level("same", _one(Operation.EQUAL, column), 0.9, 0.000002),
            _missing(column),
            Level("one_edit", _one(Operation.ALIGNMENT, column, at=1), 0.06, 0.00001),
            Level("different", ELSE, 0.04, 0.999),
        ),
    )


def _sex() -> Comparison:
    return Comparison(
        "sex",
        (
            Level("same", _one(Operation.EQUAL, "sex"), 0.985, 0.53),
            _missing("sex"),
            Level("different", ELSE, 0.015, 0.47),
        ),
    )


def _phone() -> Comparison:
    return Comparison(
        "phone",
        (
            Level("same", _one(Operation.EQUAL, "phone"), 0.5, 0.000005),
            _missing("phone"),
            Level("one_edit", _one(Operation.ALIGNMENT, "phone", at=1), 0.05, 0.00003),
            Level("different", ELSE, 0.45, 0.999),
        ),
    )


def people_comparisons(columns: Iterable[str]) -> tuple[Comparison, ...]:
    """The comparisons that a table with these linkage columns can make."""
    present = frozenset(columns)
    fixed = (
        ("surname", _surname()),
        ("forename", _forename()),
        ("middle", _middle()),
        ("birth_year", _birth()),
        ("sex", _sex()),
        ("postcode", _address()),
        ("address", _words("address", 0.5, 0.0001)),
        ("locality", _words("locality", 0.6, 0.005)),
        ("place_of_birth", _words("place_of_birth", 0.6, 0.005)),
        ("occupation", _words("occupation", 0.5, 0.02)),
        ("phone", _phone()),
    )
    found = [comparison for column, comparison in fixed if column in present]
    found += [_identifier(c) for c in sorted(present) if c.startswith("id_")]
    found += [_words(c, 0.6, 0.02) for c in sorted(present) if c.startswith("extra_")]
    return tuple(found)


def untrained_model(columns: Iterable[str], prior: float = 1e-6) -> Model:
    """A model with the starting weights, for a table with these linkage columns."""
    comparisons = people_comparisons(columns)
    return Model(
        "untrained",
        prior_weight(prior),
        comparisons,
        Thresholds(),
        vetoes=PEOPLE_VETOES,
        cautions=(*(unless_identified(c, comparisons) for c in PEOPLE_CAUTIONS), names_alone(comparisons)),
    )


def unless_identified(combination: LevelSet, comparisons: Iterable[Comparison]) -> LevelSet:
    """The combination of levels, but not where an identifier is equal: that answers the caution."""
    identifiers = {
        c.name: tuple(level.name for level in c.levels if level.name != "same")
        for c in comparisons
        if c.name.startswith(IDENTIFIER)
    }
    return LevelSet(combination.name, {**combination.levels, **identifiers})


NAMES = frozenset({"surname", "forename", "middle", "sex"})


def names_alone(comparisons: Iterable[Comparison]) -> LevelSet:
    """The combination in which nothing speaks for one person but the name: everything else is missing or against it.

    Two records of a name are two bearers of it until something else agrees, however rare the name.
    """
    others = [c for c in comparisons if c.name not in NAMES]
    silent = {c.name: tuple(level.name for level in c.levels if level.is_missing or level.weight <= 0) for c in others}
    return LevelSet("names_alone", silent)


PEOPLE_VETOES = (
    LevelSet("births_ten_years_apart", {"birth": ("different",)}),
    LevelSet("other_sex_and_forename", {"sex": ("different",), "forename": ("different",)}),
    LevelSet("other_sex_and_birth", {"sex": ("different",), "birth": ("within_one_year", "within_ten_years")}),
)
"""Outcomes that keep two records apart whatever else agrees: father and son, twins, sister and brother."""

PEOPLE_CAUTIONS = (
    LevelSet("other_forename", {"forename": ("different",)}),
    LevelSet("other_surname_and_birth", {"surname": ("different",), "birth": ("within_one_year", "within_ten_years")}),
)
"""Outcomes that no agreement elsewhere may outweigh alone: twins of one sex share all but the forename."""


PEOPLE_RULES = (
    ("surname_and_birth", ("surname", "dob")),
    ("forename_and_birth", ("forename", "dob")),
    ("surname_and_postcode", ("surname", "postcode")),
    ("forename_and_postcode", ("forename", "postcode")),
    ("names_and_birth_year", ("surname", "forename", "birth_year")),
    ("family_and_sound", ("surname_sound", "forename_family_1", "postcode_outward")),
    ("sound_and_birth", ("surname_sound", "dob")),
    ("birth_and_postcode", ("dob", "postcode")),
    ("birth_and_district", ("dob", "postcode_outward", "forename_initial")),
    ("names_and_place_of_birth", ("surname", "place_of_birth")),
    ("forename_birth_place", ("forename", "birth_year", "place_of_birth")),
    ("names", ("surname", "forename")),
    ("postcode_and_occupation", ("postcode", "occupation")),
    ("phone", ("phone",)),
    ("home", ("uprn", "forename_initial")),
    ("birth_and_occupation", ("dob", "occupation")),
    ("address", ("address",)),
    ("surname_and_locality", ("surname", "locality", "forename_initial")),
)


LOOSE_RULES = (
    ("surname", ("surname",)),
    ("postcode", ("postcode",)),
    ("place_and_birth_year", ("place_of_birth", "birth_year")),
    ("forename_and_place_of_birth", ("forename", "place_of_birth")),
    ("birth", ("dob",)),
    ("sound_and_place_of_birth", ("surname_sound", "place_of_birth")),
    ("sound_and_forename", ("surname_sound", "forename_family_1")),
    ("sound", ("surname_sound",)),
    ("place_of_birth_and_occupation", ("place_of_birth", "occupation")),
    ("sector_and_birth_year", ("postcode_sector", "birth_year")),
    ("place_of_birth_and_initial", ("place_of_birth", "forename_initial")),
)
"""Rules that reach pairs with little in common, at many pairs a record: for tables small enough to afford them."""


def people_rules(columns: Iterable[str], *, loose: bool = False) -> tuple[Rule, ...]:
    """The blocking rules that a table with these linkage columns can use, at most 31."""
    present = frozenset(columns)
    named = (*PEOPLE_RULES, *LOOSE_RULES) if loose else PEOPLE_RULES
    rules = [Rule(name, needed) for name, needed in named if present.issuperset(needed)]
    return (*(Rule(c, (c,)) for c in sorted(present) if c.startswith("id_")), *rules)[:31]
