"""The same random_state draws the same seeds, of whatever kind it is."""

from __future__ import annotations

import numpy as np
import pytest

from gputsne.base.random import Seeds, draw_seed, generator


def test_the_seeds_of_a_fit_are_what_they_were():
    # Of four numbers the first, second and fourth: a map can be made again from its random_state.
    for given in (0, 7, np.int64(7), 2**32 - 1):
        drawn = np.random.RandomState(given).randint(0, 2**31 - 1, size=4)
        assert Seeds.of(given) == (drawn[0], drawn[1], drawn[3])
    assert Seeds.of(0) == (209652396, 398764591, 1478610112)


def test_states_and_generators_move_on():
    for make in (np.random.RandomState, np.random.default_rng):
        one, other = make(3), make(3)
        first, second = Seeds.of(one), Seeds.of(one)
        assert first == Seeds.of(other) != second
        assert draw_seed(make(3)) == draw_seed(make(3)) < 2**31
    assert Seeds.of(None) != Seeds.of(None)


def test_an_integer_is_its_own_seed():
    assert draw_seed(5) == 5
    assert draw_seed(np.int32(5)) == 5


def test_generators():
    given = np.random.default_rng(3)
    assert generator(given) is given
    assert generator(3).integers(1000) == generator(np.random.RandomState(3)).integers(1000)


@pytest.mark.parametrize("given", [-1, "x", 1.5, 2**40])
def test_what_seeds_nothing(given: object):
    with pytest.raises(ValueError, match="can't seed anything"):
        Seeds.of(given)
