from migration.geocode.drawing import Bar, draw_bars, draw_map


def test_bars_show_counts_and_shares_and_escape_names() -> None:
    svg = draw_bars([Bar("a<b", 3), Bar("UPRN", 1)], 4)
    assert "75.0%" in svg and "a&lt;b" in svg and "<svg" in svg


def test_no_points_make_a_note_and_points_make_a_map() -> None:
    assert "<svg" not in draw_map([])
    assert draw_map([(400000, 800000, "UPRN"), (400100, 800100, "STREET")]).count("<path") == 2
