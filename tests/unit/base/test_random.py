"""The same random_state draws the same seeds, of whatever kind it is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils import check_random_state

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


@pytest.mark.parametrize("given", [3, np.int64(3), True, 2**32 - 1])
def test_a_state_is_scikit_learn_s(given: object):
    want = check_random_state(given).randint(2**31 - 1)
    assert generator(given).integers(2**40) == np.random.default_rng(want).integers(2**40)


def test_states_are_taken_as_they_are_and_none_is_numpy_s_own():
    given = np.random.RandomState(5)
    want = np.random.RandomState(5).randint(2**31 - 1, size=2)
    assert [draw_seed(given), draw_seed(given)] == want.tolist()
    shared = check_random_state(None)
    for whole in (None, np.random):
        before = shared.get_state()
        drawn = [draw_seed(whole), draw_seed(whole)]
        shared.set_state(before)
        assert drawn == shared.randint(2**31 - 1, size=2).tolist()


@pytest.mark.parametrize("given", ["x", 1.5, [3]])
def test_what_scikit_learn_refuses_is_refused_in_its_words(given: object):
    said = "cannot be used to seed a numpy.random.RandomState instance"
    with pytest.raises(ValueError, match=said) as theirs:
        check_random_state(given)
    with pytest.raises(ValueError, match=said) as ours:
        generator(given)
    assert str(ours.value) == str(theirs.value)
    with pytest.raises(ValueError, match="can't seed anything"):
        draw_seed(given)


@pytest.mark.parametrize("given", [-1, "x", 1.5, 2**40])
def test_what_seeds_nothing(given: object):
    with pytest.raises(ValueError, match="can't seed anything"):
        Seeds.of(given)
