"""The contract tests of the accuracy of forces on the emulated GPU, but those for tight groups."""

from __future__ import annotations

import pytest
from gpu_free import contracts, emulator


@pytest.mark.slow
def test_the_emulated_backend_meets_the_accuracy_of_forces():
    if emulator.available():
        pytest.skip(emulator.available())
    file = contracts.TESTS / "contract" / contracts.ACCURACY
    assert contracts.check_contracts([file], f"not {contracts.GROUPS}") > 150
