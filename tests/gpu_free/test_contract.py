"""The contract tests on the emulated GPU: what a real one will run first, run here."""

from __future__ import annotations

import pytest
from gpu_free import contracts, emulator


@pytest.mark.slow
def test_every_contract_of_a_backend_but_accuracy_holds_on_the_emulated_one():
    if emulator.available():
        pytest.skip(emulator.available())
    files = sorted((contracts.TESTS / "contract").glob("test_*.py"))
    others = [file for file in files if file.name != contracts.ACCURACY]
    assert len(others) == len(files) - 1 > 2
    assert contracts.check_contracts(others) > 50
