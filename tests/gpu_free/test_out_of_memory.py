"""Memory of the GPU that runs out at any allocation: said clearly, nothing lost, nothing kept."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from gpu_free import lookalike
from gpu_free.test_engine import X, cuda  # noqa: F401  a fixture

import gputsne
from gputsne import backends
from gputsne.backends.cuda.ops import CudaOps
from gputsne.base.errors import OverMemory

N = 110
SETTINGS = {
    "device": "cuda", "perplexity": 8.0, "max_iter": 6, "early_exaggeration_iter": 2,
    "random_state": 0, "pca": 9, "method": "mesh",
}  # fmt: skip
TAKES_MEMORY = ("empty", "empty_like", "zeros", "asarray")


class Limited:
    """Allocations of the emulated GPU are counted, and fail from one of them on."""

    def __init__(self, monkeypatch):
        self.taken, self.fails_from, self.recovers = 0, 0, False
        real = lookalike.Module.__getattr__

        def found(module, name):
            function = real(module, name)
            if name not in TAKES_MEMORY:
                return function

            def call(*given, **keywords):
                if name != "asarray" or not isinstance(given[0], lookalike.Array):
                    self.take()
                return function(*given, **keywords)

            return call

        monkeypatch.setattr(lookalike.Module, "__getattr__", found)

    def take(self):
        self.taken += 1
        late = self.taken == self.fails_from if self.recovers else self.taken >= self.fails_from
        if self.fails_from and late:
            raise lookalike.OutOfMemory("Out of memory allocating 512 bytes")

    def fails(self, at, work, *given, recovers):
        """Return the error of ``work``, None for none, whose allocation number ``at`` fails."""
        self.taken, self.fails_from, self.recovers = 0, at, recovers
        try:
            work(*given)
        except OverMemory as error:
            return error
        finally:
            self.fails_from = 0
        return None


@pytest.fixture
def limited(cuda, monkeypatch):  # noqa: F811
    return Limited(monkeypatch)


def fitted():
    return gputsne.TSNE(**SETTINGS).fit(X[:N])


@pytest.mark.parametrize("recovers", [True, False])
def test_a_fit_says_it_and_the_next_one_works(limited, recovers):
    """Also where not even a byte is left when a GPU that failed is tidied up."""
    want = fitted()
    count = limited.taken
    assert count > 100
    for at in {*range(1, 12), *range(12, count, 9), count}:
        error = limited.fails(at, fitted, recovers=recovers)
        assert error is not None, at
        assert "the GPU's memory ran out (Out of memory allocating 512 bytes)" in str(error)
    assert fitted().embedding_.tobytes() == want.embedding_.tobytes()


@pytest.mark.parametrize("recovers", [True, False])
def test_a_transform_that_failed_anywhere_places_the_same_rows_next(limited, recovers):
    """The spectrum of a mesh once counted as made where the array for it was new."""
    model, new = fitted(), X[N : N + 5]
    limited.taken = 0
    want = model.transform(new)
    count = limited.taken
    state = model.__getstate__()
    failed = 0
    for at in range(1, count + 1):
        again = gputsne.TSNE()
        again.__setstate__(state | {"_map": type(model._map).of(model._fit)})
        error = limited.fails(at, again.transform, new, recovers=recovers)
        failed += error is not None
        np.testing.assert_array_equal(again.transform(new), want, err_msg=f"allocation {at}")
    assert failed > 10


def test_an_optimisation_that_failed_keeps_its_map_and_goes_on(limited):
    want = fitted()
    limited.taken = 0
    want.optimize(3)
    count = limited.taken
    for recovers in (True, False):
        for at in range(1, count + 1, 9):
            model = fitted()
            before = model.embedding_.copy()
            assert limited.fails(at, model.optimize, 3, recovers=recovers) is not None
            np.testing.assert_array_equal(model.embedding_, before)
            assert model.optimize(3).embedding_.tobytes() == want.embedding_.tobytes()


def test_operations_that_can_not_be_made_say_so(limited):
    """Before a fit has any of its own: a GPU that others have filled."""
    for at in (1, 2, 3):
        error = limited.fails(at, backends.choose, "cuda", recovers=False)
        assert "device='cpu'" in str(error)


def test_an_error_that_is_kept_holds_no_memory_of_the_gpu(cuda, monkeypatch):  # noqa: F811
    """As notebooks keep the last one, with the frames of its traceback."""
    maps = []

    def fails(self, P, Y, *_):
        maps.append(weakref.ref(Y))
        raise lookalike.OutOfMemory("Out of memory allocating 512 bytes")

    monkeypatch.setattr(CudaOps, "attract_and_step", fails)
    with pytest.raises(OverMemory) as kept:
        fitted()
    gc.collect()
    assert kept.value.__cause__.__traceback__ is not None
    assert [ref() for ref in maps] == [None]
