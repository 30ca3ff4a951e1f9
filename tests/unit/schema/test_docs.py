"""The data dictionary is what the schema says."""

from migration.schema.docs import DICTIONARY, render_dictionary
from migration.schema.model import load_schema


def test_dictionary_in_the_repository_is_the_one_rendered_now() -> None:
    text = DICTIONARY.read_text(encoding="utf-8")
    assert text == render_dictionary(load_schema()), "national.yml or a code list changed: run `migrate schema docs`"


def test_dictionary_names_every_entity_field_and_list() -> None:
    text = render_dictionary(load_schema())
    for entity in load_schema().entities.values():
        assert f"### {entity.name}\n" in text
        for field in entity.business_fields:
            assert f"| `{field.name}` |" in text
    for name in load_schema().codes:
        assert f"### List {name}\n" in text
