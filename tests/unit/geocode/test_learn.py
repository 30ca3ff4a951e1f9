from pathlib import Path

import pytest

from migration.errors import ConfigError
from migration.geocode.learn import Decision, decisions_path, load_labels, read_decisions, record_decision, text_key
from migration.settings import Settings


def settings_in(folder: Path) -> Settings:
    return Settings(home=folder)


def test_spellings_that_tokenise_alike_share_a_key() -> None:
    assert text_key("3 High Street, AB10 1AA") == text_key("3 HIGH ST", "ab101aa")
    assert text_key("3 High Street") != text_key("3 High Street", division="A")


def test_decisions_are_followed_until_they_conflict(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    key = text_key("3 High Street")
    assert record_decision(settings, Decision(key, 7, "a", "2026-01-01", "seen")) == 0
    assert load_labels(settings) == {key: 7}
    assert record_decision(settings, Decision(key, 8, "b", "2026-01-02", "other")) == 1
    assert load_labels(settings) == {}


def test_a_file_with_another_header_is_refused(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    path = decisions_path(settings)
    path.parent.mkdir(parents=True)
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="columns"):
        read_decisions(path)


def test_the_file_holds_no_address(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    record_decision(settings, Decision(text_key("3 Rose Lane"), None, "a", "2026-01-01", "gone"))
    assert "ROSE" not in decisions_path(settings).read_text(encoding="utf-8").upper()
