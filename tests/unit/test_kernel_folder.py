"""Where the kernel's machine code is kept: where nobody else can put any, and made once by servers that start together."""

import os
import stat
import tempfile
import threading
from pathlib import Path

import pytest

from allocation.solver import kernel_compiled

pytestmark = pytest.mark.skipif(os.name == "nt", reason="folders of Windows have no modes")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_an_installation_that_cannot_be_written_to_keeps_it_in_a_folder_for_its_user_alone(temporary: Path) -> None:
    folder = kernel_compiled._own_folder()

    assert folder is not None
    assert folder.parent == temporary
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_others_may_write_to_is_not_taken(temporary: Path) -> None:
    made_by_somebody = temporary / f"evenkeel-{os.getuid()}"
    made_by_somebody.mkdir()
    made_by_somebody.chmod(0o777)

    assert kernel_compiled._own_folder() is None


def test_a_link_that_somebody_laid_is_not_followed(temporary: Path) -> None:
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (temporary / f"evenkeel-{os.getuid()}").symlink_to(elsewhere)

    assert kernel_compiled._own_folder() is None


def test_while_one_process_compiles_the_others_wait(tmp_path: Path) -> None:
    entered = threading.Event()

    def come_second() -> None:
        with kernel_compiled._taking_turns(tmp_path):
            entered.set()

    second = threading.Thread(target=come_second)
    with kernel_compiled._taking_turns(tmp_path):
        second.start()
        waited = not entered.wait(0.2)

    assert waited
    assert entered.wait(5)
    second.join()
