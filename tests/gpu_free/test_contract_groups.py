"""The accuracy of forces of tight groups on the emulated GPU; the rest: test_contract_accuracy."""

from __future__ import annotations

import pytest
from gpu_free import contracts, emulator


@pytest.mark.slow
def test_the_emulated_backend_meets_the_accuracy_of_forces_of_groups():
    if emulator.available():
        pytest.skip(emulator.available())
    file = contracts.TESTS / "contract" / contracts.ACCURACY
    assert contracts.check_contracts([file], contracts.GROUPS) > 50
