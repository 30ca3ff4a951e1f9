"""No accepted match contradicts a number, suffix or flat of the text; answers depend on neither order nor processes."""

import random
import re

import pytest
from geocode.town import Town
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.geocode.batch import match_all
from migration.geocode.confidence import Calibration
from migration.geocode.evidence import Query
from migration.geocode.gazetteer.build import build_gazetteer
from migration.geocode.gazetteer.index import Gazetteer, load_gazetteer
from migration.geocode.match import Matcher
from migration.geocode.text import tokenise
from migration.settings import Settings


class Trusting(Calibration):
    """Accepts every pattern, so that only the guards stand between a reading and a UPRN."""

    def confidence(self, pattern: str) -> float:
        return 1.0


@pytest.fixture(scope="module")
def gazetteer(tmp_path_factory: pytest.TempPathFactory) -> Gazetteer:
    home = tmp_path_factory.mktemp("town")
    configured = Settings(home=home, gazetteer_release="town", threads=1, memory_limit="1GB")
    build_gazetteer(configured, [Town().write(home / "source")], None, "town")
    return load_gazetteer(configured)


@pytest.fixture(scope="module")
def trusting(gazetteer: Gazetteer) -> Matcher:
    return Matcher(gazetteer, Trusting(()))


def entry_numbers(gazetteer: Gazetteer, uprn: int) -> list[tuple[set[str], str, str]]:
    """For each entry of a UPRN: numerals it holds, its suffix and its flat."""
    found = []
    for row in range(len(gazetteer.columns["uprn"])):
        if int(gazetteer.columns["uprn"][row]) != uprn:
            continue
        flat = gazetteer.dictionaries["flat"][gazetteer.columns["flat"][row]]
        suffix = gazetteer.dictionaries["suffix"][gazetteer.columns["suffix"][row]]
        name = gazetteer.dictionaries["name_key"][gazetteer.columns["name_key"][row]]
        numbers = {str(int(gazetteer.columns[c][row])) for c in ("number", "end_number")} - {"-1"}
        street = gazetteer.streets[int(gazetteer.columns["street_id"][row])].key
        numerals = numbers | set(re.findall(r"\d+", f"{flat} {name} {street}"))
        found.append((numerals, suffix, flat))
    return found


NUMBER = st.integers(1, 60).map(str)
SUFFIX = st.sampled_from(["", "", "", "A", "B", "C"])
FLAT = st.one_of(
    st.just(""),
    st.integers(1, 9).map(lambda n: f"Flat {n}, "),
    st.sampled_from(["A", "B", "C", "D"]).map(lambda x: f"Flat {x}, "),
    st.tuples(st.integers(0, 4), st.integers(1, 4)).map(lambda p: f"{p[0]}/{p[1]}, "),
    st.tuples(st.integers(0, 4), st.integers(1, 4)).map(lambda p: f"{p[0]}F{p[1]} "),
    st.integers(1, 12).map(lambda n: f"{n}, "),
    st.integers(1, 12).map(lambda n: f"{n}/"),
)
PLACE = st.sampled_from(
    [
        ("High Street, Kirkton, Abermore", "A"),
        ("George Street, Abermore", "A"),
        ("Pitt Lane, Abermore", "A"),
        ("Cathkin Street, Glenbrae", "G"),
        ("Leith Wynd, Dunedin", "E"),
        ("Larch Road, AB40 1AE", "A"),
        ("Larhc Road, Abermore", "A"),
        ("North Road, Abermore", "A"),
        ("Macdonald Terrace, Abermore", "A"),
    ]
)


@given(flat=FLAT, number=NUMBER, suffix=SUFFIX, place=PLACE, behind=st.booleans())
@settings(max_examples=500, deadline=None)
def test_accepted_match_holds_every_number_suffix_and_flat_of_the_text(
    trusting: Matcher, flat: str, number: str, suffix: str, place: tuple[str, str], behind: bool
) -> None:
    street, division = place
    house = f"{number}{suffix}"
    unit = flat.rstrip(", ")
    text = f"{house} {street}, {unit}" if behind and flat and not flat.endswith("/") else f"{flat}{house} {street}"
    match = trusting.match(Query(text, division=division))
    if match.level != "UPRN":
        return
    assert match.uprn is not None
    written = re.sub(r"AB40 1AE", "", text)
    numerals = {n.lstrip("0") or "0" for n in re.findall(r"\d+", written)}
    entries = entry_numbers(trusting.gazetteer, match.uprn)
    fits = [
        numerals <= held
        and (not suffix or suffix in (own_suffix, own_flat))
        and bool(flat or suffix in (own_suffix, own_flat))
        and (bool(flat) or not own_flat or own_flat == suffix)
        for held, own_suffix, own_flat in entries
    ]
    assert any(fits), f"{text}: {match} holds {entries}"


@given(numbers=st.lists(st.integers(1, 60), min_size=2, max_size=2, unique=True), place=PLACE)
@settings(max_examples=300, deadline=None)
def test_two_readings_that_both_exist_are_refused(
    trusting: Matcher, numbers: list[int], place: tuple[str, str]
) -> None:
    street, division = place
    a, b = numbers
    slashed = trusting.match(Query(f"{a}/{b} {street}", division=division))
    one = trusting.match(Query(f"Flat {b}, {a} {street}", division=division))
    other = trusting.match(Query(f"Flat {a}, {b} {street}", division=division))
    if one.level == "UPRN" and other.level == "UPRN" and one.uprn != other.uprn:
        assert slashed.level != "UPRN"


def misspell(word: str, at: int, kind: int) -> str:
    """A word with a letter left out, doubled or changed, or two letters exchanged."""
    i = 1 + at % max(1, len(word) - 2)
    if kind == 0:
        return word[:i] + word[i + 1 :]
    if kind == 1:
        return word[:i] + word[i] + word[i:]
    if kind == 2:
        return word[:i] + word[i + 1 : i + 2] + word[i] + word[i + 2 :]
    return word[:i] + "x" + word[i + 1 :]


WORDED_FLAT = st.sampled_from(
    ["", "Flat 2", "Flat B", "2/1", "Ground Floor Left", "1st Floor Right", "2nd Floor Left", "GL", "G Right", "Fl 3"]
)


@given(
    flat=WORDED_FLAT,
    number=NUMBER,
    suffix=SUFFIX,
    place=PLACE,
    swap=st.integers(0, 7),
    word=st.integers(0, 7),
    kind=st.integers(0, 4),
    glue=st.booleans(),
)
@settings(max_examples=600, deadline=None)
def test_words_swapped_glued_misspelt_or_left_out_never_bring_another_number_suffix_or_flat(
    trusting: Matcher,
    flat: str,
    number: str,
    suffix: str,
    place: tuple[str, str],
    swap: int,
    word: int,
    kind: int,
    glue: bool,
) -> None:
    street, division = place
    words = [*flat.split(), f"{number}{suffix}", *street.replace(",", "").split()]
    i = swap % (len(words) - 1)
    words[i], words[i + 1] = words[i + 1], words[i]
    j = word % len(words)
    if words[j].isalpha() and len(words[j]) > 3:
        words[j : j + 1] = [] if kind == 4 else [misspell(words[j], word, kind)]
    text = " ".join(words)
    if glue:
        text = re.sub(r"(?<=[a-z]{3}) (?=[A-Z][a-z]{2})", "", text, count=1)
    match = trusting.match(Query(text, division=division))
    if match.level != "UPRN":
        return
    assert match.uprn is not None
    written = {n.lstrip("0") or "0" for n in re.findall(r"\d+", re.sub(r"AB40|1AE", "", text))}
    letters = {suffix} - {""}
    entries = entry_numbers(trusting.gazetteer, match.uprn)
    fits = [written <= held and letters <= {own_suffix, own_flat[-1:]} for held, own_suffix, own_flat in entries]
    assert any(fits), f"{text}: {match} holds {entries}"


@given(number=st.integers(1, 60), flat=st.sampled_from(["", "Flat 2, ", "2/1, ", "Flat B, "]), name=st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_street_left_out_is_supplied_only_with_the_very_number_and_flat(
    trusting: Matcher, number: int, flat: str, name: bool
) -> None:
    text = f"{flat}{'Rose Cottage, ' if name else ''}{number}, Abermore"
    for postcode in ("AB40 1AE", "AB40 1AA", "AB40 1AZ", "AB41 2BD"):
        match = trusting.match(Query(text, postcode, "A"))
        if match.level != "UPRN":
            continue
        assert match.uprn is not None
        said = {str(number), *re.findall(r"\d+", flat)}
        assert any(said <= held for held, _, _ in entry_numbers(trusting.gazetteer, match.uprn)), (
            text,
            postcode,
            match,
        )
        assert match.postcode == postcode


@given(text=st.text(alphabet="AB12/- ,.\n'éFLGSTREOD", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_gets_an_answer_with_a_reason_and_tokenising_is_idempotent(trusting: Matcher, text: str) -> None:
    match = trusting.match(Query(text))
    assert match.level == "UPRN" or match.refusal is not None
    assert match.level != "UPRN" or match.uprn is not None
    once = tokenise(text)
    assert tokenise(" ".join(once)) == once


def test_answers_depend_on_neither_order_nor_number_of_processes(
    gazetteer: Gazetteer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migration.geocode.batch.LEAST_PARALLEL", 10)
    monkeypatch.setattr("migration.geocode.batch.CHUNK", 7)
    streets = ("High Street, Kirkton", "Larch Road")
    queries = [Query(f"{n} {street}", division="A") for n in range(1, 12) for street in streets]
    shuffled = random.Random(5).sample(queries, len(queries))  # noqa: S311
    one = dict(zip(queries, match_all(Matcher(gazetteer), queries), strict=True))
    two = dict(zip(shuffled, match_all(Matcher(gazetteer), shuffled, processes=2), strict=True))
    assert one == two
