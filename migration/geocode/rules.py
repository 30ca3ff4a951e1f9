"""The closed lists of the geocoder: classes, levels, rules that match, reasons that refuse.

Enters: nothing. Leaves: `Enum`s whose values are national codes (`schema/codes`) or rule names. No match without a
`MatchRule`; no refusal without a `Refusal`.
"""

from enum import StrEnum


class LocationClass(StrEnum):
    """What kind of description a text is; values are codes of `location_class`."""

    ADDRESS = "ADDRESS"
    PLACE = "PLACE"
    JUNCTION = "JUNCTION"
    RELATIVE = "RELATIVE"
    ROAD_MARKER = "ROAD_MARKER"
    GRID_REF = "GRID_REF"
    NO_FIXED_ABODE = "NO_FIXED_ABODE"
    OUTSIDE_AREA = "OUTSIDE_AREA"
    UNUSABLE = "UNUSABLE"


class MatchLevel(StrEnum):
    """Finest level that is certain; values are codes of `match_level`, finest first."""

    UPRN = "UPRN"
    BUILDING = "BUILDING"
    STREET = "STREET"
    POSTCODE = "POSTCODE"
    GRID = "GRID"
    LOCALITY = "LOCALITY"
    BEAT = "BEAT"
    NONE = "NONE"


class MatchRule(StrEnum):
    """What made the match, or stopped it."""

    POSTCODE_NUMBER_FLAT = "POSTCODE_NUMBER_FLAT"
    STREET_NUMBER_FLAT = "STREET_NUMBER_FLAT"
    DIVISION_UNIQUE_STREET = "DIVISION_UNIQUE_STREET"
    NAME_IN_STREET = "NAME_IN_STREET"
    NAME_IN_LOCALITY = "NAME_IN_LOCALITY"
    NAME_AND_POSTCODE = "NAME_AND_POSTCODE"
    FUZZY_STREET = "FUZZY_STREET"
    NUMBER_AND_POSTCODE = "NUMBER_AND_POSTCODE"
    LEARNT_LABEL = "LEARNT_LABEL"
    BUILDING_OF_FLAT = "BUILDING_OF_FLAT"
    STREET_ONLY = "STREET_ONLY"
    POSTCODE_ONLY = "POSTCODE_ONLY"
    LOCALITY_ONLY = "LOCALITY_ONLY"
    JUNCTION = "JUNCTION"
    PLACE = "PLACE"
    RELATIVE_TO_ADDRESS = "RELATIVE_TO_ADDRESS"
    RELATIVE_TO_PLACE = "RELATIVE_TO_PLACE"
    ROAD_MARKER = "ROAD_MARKER"
    GRID_REFERENCE = "GRID_REFERENCE"
    LEGACY_COORDINATES = "LEGACY_COORDINATES"
    NO_MATCH = "NO_MATCH"


class Refusal(StrEnum):
    """Why there is no finer match; values are codes of `geocode_refusal`."""

    CONTRADICTION = "CONTRADICTION"
    FLAT_MISSING = "FLAT_MISSING"
    FLAT_UNKNOWN = "FLAT_UNKNOWN"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    NOT_AN_ADDRESS = "NOT_AN_ADDRESS"
    NO_TEXT = "NO_TEXT"
    NUMBER_MISSING = "NUMBER_MISSING"
    NUMBER_UNKNOWN = "NUMBER_UNKNOWN"
    OUTSIDE_AREA = "OUTSIDE_AREA"
    STREET_AMBIGUOUS = "STREET_AMBIGUOUS"
    STREET_UNKNOWN = "STREET_UNKNOWN"
    TIE = "TIE"
    TOKENS_UNUSED = "TOKENS_UNUSED"
    TWO_READINGS = "TWO_READINGS"
    NO_PREMISES_IN_GAZETTEER = "NO_PREMISES_IN_GAZETTEER"


class StreetHow(StrEnum):
    """How the words of a street were resolved, best first."""

    EXACT = "EXACT"
    ALIAS = "ALIAS"
    JOINED = "JOINED"
    FUZZY1 = "FUZZY1"
    FUZZY2 = "FUZZY2"
    NO_TYPE = "NO_TYPE"
    SWAPPED = "SWAPPED"
    PARTLY = "PARTLY"
    OTHER_TYPE = "OTHER_TYPE"
    NONE = "NONE"
