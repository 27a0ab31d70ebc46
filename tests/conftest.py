"""What holds for every test: the network ends at this machine, and the developer's own Evenkeel is out of sight."""

import os
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from streamlit import config

from allocation.adapters import exchange_days

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def nobodys_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings, data directory or secrets but those a test makes, in the processes it starts as well."""
    home = tmp_path_factory.mktemp("nobody")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("EVENKEEL_")]:
            patch.delenv(name)
        patch.setenv("EVENKEEL_DATA_DIR", str(home / "data"))
        patch.chdir(ROOT)  # from wherever they are started, what they start finds the package
        config.set_option("secrets.files", [str(home / "secrets.toml")])
        yield
    assert not (home / "data").exists(), "a test used the default data directory; give it one of its own"


@pytest.fixture(scope="session", autouse=True)
def calendars_on_a_busy_machine() -> Iterator[None]:
    """What a price's age is does not depend on how busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchange_days, "PATIENCE", 60.0)
        yield


@pytest.fixture(autouse=True)
def network_of_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody outside is asked anything: a connection to another machine is a failure of the test."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        assert self.family == socket.AF_UNIX or _is_this_machine(address[0]), f"a test connects to {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)


def _is_this_machine(host: str) -> bool:
    return host == "localhost" or ip_address(host).is_loopback
