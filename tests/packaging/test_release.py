"""The release script: what it refuses. That it builds a wheel that works is shown by .ci/run."""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "release.py"
GOOD = "gputsne-9.9.9-cp312-cp312-manylinux_2_34_x86_64.whl"
NATIVE = "gputsne/_native.cpython-312-x86_64-linux-gnu.so"


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gputsne_release", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "holds", "said"),
    [
        ("gputsne-9.9.9-py3-none-any.whl", [NATIVE], "no manylinux wheel for cp312"),
        (GOOD.replace("manylinux_2_34", "linux"), [NATIVE], "no manylinux wheel for cp312"),
        (GOOD.replace("312", "311"), [NATIVE], "no manylinux wheel for cp312"),
        (GOOD, ["gputsne/__init__.py"], "no compiled kernels"),
        (GOOD, [NATIVE, "tests/oracle.py"], "holds tests/oracle.py"),
    ],
)
def test_a_wheel_that_is_not_fit_is_refused(
    name: str, holds: list[str], said: str, release: ModuleType, tmp_path: Path
):
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        for member in [*holds, "gputsne-9.9.9.dist-info/METADATA"]:
            archive.writestr(member, "")
    python = release.Python("python3.12", "3.12")
    with pytest.raises(release.Failed, match=said):
        release.check(tmp_path / name, python, tmp_path)


def test_a_folder_with_something_in_it_is_refused(release: ModuleType, tmp_path: Path):
    (tmp_path / "gputsne-0.0.1.tar.gz").touch()
    with pytest.raises(release.Failed, match="is not empty"):
        release.release(tmp_path, [sys.executable])


def test_an_interpreter_that_is_named_must_be_there(release: ModuleType):
    with pytest.raises(release.Failed, match=r"--python python3\.99"):
        release.interpreters(["python3.99"])


def test_this_interpreter_is_found(release: ModuleType):
    (found,), missing = release.interpreters([sys.executable])
    assert found.version == "{}.{}".format(*sys.version_info)
    assert found.version not in missing
