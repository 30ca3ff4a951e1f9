"""An address on one line is taken apart as written."""

from collections.abc import Callable

import pytest

from migration.mapping.addresses import PARTS, address_part_sql

Read = Callable[..., tuple[object, str | None]]


@pytest.mark.parametrize(
    ("text", "premises", "street", "locality", "town", "postcode"),
    [
        ("Flat 2, 34 High Street, Lochee, Dundee DD2 3AB", "Flat 2, 34", "High Street", "Lochee", "Dundee", "DD2 3AB"),
        ("34/5 Easter Road, Edinburgh, eh7 5rg", "34/5", "Easter Road", None, "Edinburgh", "EH7 5RG"),
        ("160 Long Street, Manchester", "160", "Long Street", None, "Manchester", None),
        ("Rose Cottage, Main Street, Errol, Perth", None, "Rose Cottage", "Main Street, Errol", "Perth", None),
        ("12A Union Street", "12A", "Union Street", None, None, None),
        ("No fixed abode", None, "No fixed abode", None, None, None),
    ],
)
def test_parts_of_an_address(read: Read, text, premises, street, locality, town, postcode) -> None:
    found = {part: read("address", text, part=part)[0] for part in PARTS}
    assert found == dict(zip(PARTS, (premises, street, locality, town, postcode), strict=True))


def test_an_unknown_part_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="premises, street"):
        address_part_sql("x", "county")
