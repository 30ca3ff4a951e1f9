"""What a column probably holds, from its name and the shapes of its values.

Enters: a column's name and shapes. Leaves: a word (`surname`, `postcode`, `date`, ...), and whether that is
personal data. A guess errs towards personal: a name that says nothing shows its values only where its content is a
known kind that is not personal, or a code.
"""

import re

PERSONAL_NAMES = (
    ("surname", r"sur_?name|last_?name|family_?name|maiden|also_?known|aka\b|alias"),
    ("forename", r"fore_?name|first_?name|given|middle|full_?name|known_?as|^name$|_name\d?$"),
    ("date of birth", r"\bdob\b|_dob|dob_|born|birth"),
    ("address", r"addr|street|premises|house|flat|locus|locality|town|line_?\d"),
    ("postcode", r"post_?code|pcode"),
    ("telephone", r"phone|mobile|\btel"),
    ("e-mail", r"e_?mail"),
    ("person's number", r"scro|pnc|cro\b|cro_|chs|driver|licen[cs]e|passport|nhs|\bnino\b|\bchi\b|ident_?value"),
    ("vehicle", r"\bvrm\b|reg_?no|\breg\b|veh_?reg|mark$"),
    ("free text", r"text|notes?$|descr|comment|remark|\bmo\b|mo_|_mo$|summary|detail"),
    ("coordinates", r"easting|northing|grid|latitude|longitude|_east|_north"),
    ("occupation", r"occupation|employ|birth_?place|\bpob\b"),
)
SHAPES = (
    ("postcode", re.compile(r"A{1,2}9[9A]? ?9AA")),
    ("person's number", re.compile(r"9{4}/9{5,7}A")),
    ("telephone", re.compile(r"0?9{4,5} ?9{5,6}")),
)
PERSONAL = frozenset({name for name, _ in PERSONAL_NAMES})
MIXED_SHAPES = 8


def guess_content(name: str, shapes: list[str], *, is_date: bool) -> str:
    """One or two words for what the column holds; `unknown` where neither name nor shapes say."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    for content, pattern in PERSONAL_NAMES:
        if re.search(pattern, spaced):
            return content
    if is_date:
        return "date"
    for content, shape in SHAPES:
        if shapes and shape.fullmatch(shapes[0]):
            return content
    if len(shapes) >= MIXED_SHAPES and all("A" in s for s in shapes):
        return "free text"
    if shapes and all(set(s) <= set("9.-") for s in shapes):
        return "number"
    return "unknown"


def is_personal(name: str, content: str) -> bool:
    """Whether the column's values must not be shown. Codes that describe (`_CD`, `_CODE`, `TYPE`) may be."""
    if re.search(r"(_cd|_code|_type|_kind|_yn|type_cd)$", name, re.IGNORECASE):
        return content == "person's number"
    return content in PERSONAL
