"""Random numbers depend on seed, stream and key alone."""

import numpy as np

from migration.synthetic.draws import Draws


def test_uniform_for_the_same_key_is_the_same_whatever_else_is_drawn() -> None:
    draws = Draws(7, "a")
    many = draws.uniform("x", np.arange(1000))
    few = draws.uniform("x", np.array([999, 3]))
    assert few.tolist() == [many[999], many[3]]


def test_uniform_differs_by_seed_scope_and_stream() -> None:
    keys = np.arange(50)
    drawn = [
        Draws(1).uniform("x", keys),
        Draws(2).uniform("x", keys),
        Draws(1, "b").uniform("x", keys),
        Draws(1).uniform("y", keys),
    ]
    for i, one in enumerate(drawn):
        for other in drawn[i + 1 :]:
            assert not np.any(one == other)


def test_uniform_fills_its_range_evenly() -> None:
    counts = np.histogram(Draws(3).uniform("x", np.arange(100_000)), bins=10, range=(0, 1))[0]
    assert counts.min() > 9_600
    assert counts.max() < 10_400


def test_choose_follows_the_weights() -> None:
    chosen = np.bincount(Draws(3).choose("x", np.arange(100_000), [1, 0, 3]), minlength=3)
    assert chosen[1] == 0
    assert abs(chosen[2] / chosen[0] - 3) < 0.1


def test_integers_reach_both_ends_and_no_further() -> None:
    drawn = Draws(3).integers("x", np.arange(10_000), 4, 7)
    assert sorted(set(drawn.tolist())) == [4, 5, 6, 7]


def test_some_is_a_share_of_those_among_and_never_none() -> None:
    keys = np.arange(10_000)
    among = keys % 2 == 0
    chosen = Draws(3).some("x", keys, 0.1, among)
    assert not np.any(chosen & ~among)
    assert 400 < chosen.sum() < 600
    assert Draws(3).some("x", keys, 0.0, among).sum() == 1
    assert Draws(3).some("x", keys, 0.5, np.zeros(10_000, dtype=bool)).sum() == 0
