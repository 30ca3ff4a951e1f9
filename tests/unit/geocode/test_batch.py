from migration.geocode.batch import DEFAULT_TEXTS, drop_default_points
from migration.geocode.evidence import Query


def test_a_point_that_many_texts_share_is_a_default() -> None:
    shared = [Query(f"{n} High Street", easting=1.0, northing=2.0) for n in range(DEFAULT_TEXTS)]
    own = Query("1 Low Street", easting=3.0, northing=4.0)
    cleaned = drop_default_points([*shared, own])
    assert all(q.is_default_point for q in cleaned[:-1]) and not cleaned[-1].is_default_point


def test_one_text_recorded_many_times_at_its_point_is_no_default() -> None:
    same = [Query("1 High Street", easting=1.0, northing=2.0)] * (DEFAULT_TEXTS * 2)
    assert not any(q.is_default_point for q in drop_default_points(same))
