import pytest

from migration.geocode.streets import cuts, most_edits, score_place


@pytest.mark.parametrize(("word", "edits"), [("ST", 0), ("OAK", 1), ("LARCH", 1), ("STATION", 1), ("MACDONALD", 2)])
def test_longer_words_may_have_more_edits(word: str, edits: int) -> None:
    assert most_edits(word) == edits


def test_words_one_edit_apart_share_a_cut() -> None:
    assert cuts("LARCH", 1) & cuts("LRACH", 1) and cuts("LARCH", 1) & cuts("LARH", 1)


def test_a_full_postcode_outweighs_a_place_name_but_another_area_never_does() -> None:
    assert score_place("EXACT", "CONFLICT", "SAME") > score_place("NONE", "TOWN", "SAME")
    assert score_place("CONFLICT", "TOWN", "SAME") < 0
