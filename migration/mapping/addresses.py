"""Parts of an address written on one line, as SQL.

Enters: a text such as `Flat 2, 34 High Street, Lochee, Dundee DD2 3AB`. Leaves: the SQL of one of its parts. Must hold:
a part is a piece of the text as written, nothing is looked up or made up; what the geocoder reads is the whole text
(`location_raw_text`), never these parts alone. Refuses: a part there is none of (ValueError).
"""

POSTCODE = r"\b([A-Za-z]{1,2}\d[A-Za-z\d]?\s*\d[A-Za-z]{2})\s*$"
UNIT = r"(?:flat|fl|apartment|apt|unit|room)\.?\s*\d[\w/]*(?:\s*,\s*|\s+)"
NUMBER = r"\d+[A-Za-z]?(?:\s*[/-]\s*[\w]+)*"
PREMISES = rf"(?i)^((?:{UNIT})?(?:{NUMBER})\b|(?:{UNIT}))"
PARTS = ("premises", "street", "locality", "town", "postcode")


def address_part_sql(text: str, part: str) -> str:
    """SQL of a part of an address: null where the text has none.

    Raises:
        ValueError: there is no such part.
    """
    if part not in PARTS:
        raise ValueError(f"address part {part or '(none)'}, not one of {', '.join(PARTS)}")
    if part == "postcode":
        return f"read_postcode(nullif(regexp_extract({text}, '{POSTCODE}', 1), ''))"
    base = f"rtrim(squeeze(regexp_replace({text}, '{POSTCODE}', '')), ', ')"
    premises = f"regexp_extract({base}, '{PREMISES}', 1)"
    if part == "premises":
        return f"nullif(rtrim({premises}, ', '), '')"
    pieces = f"string_split(ltrim(substr({base}, length({premises}) + 1), ', '), ',')"
    chosen = {
        "street": f"{pieces}[1]",
        "town": f"CASE WHEN len({pieces}) > 1 THEN {pieces}[-1] END",
        "locality": f"CASE WHEN len({pieces}) > 2 THEN array_to_string({pieces}[2:-2], ',') END",
    }
    return f"nullif(trim({chosen[part]}), '')"
