"""Gateways on a SQLite database, which is made where it is not there."""

import urllib.request
from pathlib import Path

import database
import rig
import work
from peers import portunus
from process import Process, free_port

NAME = "portunus of a database"


def folder_of(routes: int, keys: int, per_application: int, upstream: int) -> Path:
    """Where the database is."""
    folder = rig.OUT / f"database-{routes}-{keys}-{per_application}"
    if not folder.exists():
        folder.mkdir()
        database.fill(portunus.binary(), folder, routes, keys, per_application, upstream)
    return folder


def command(folder: Path, port: int, admin: int) -> tuple[list[str], dict[str, str]]:
    words = [portunus.binary(), "gateway", "--database", database.url(folder), "--data", str(folder / "data")]
    words += ["--gateway", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}"]
    return words, {"PORTUNUS_WORKERS": "1", "PORTUNUS_LOG": "warn", "PORTUNUS_GATEWAY_KEY": database.GATEWAY_KEY}


# As a peer of a curve: W5 with a key for each application.


def configure(_setting: str, _folder: Path, port: int, upstream: int) -> tuple[list[str], dict[str, str]]:
    return command(folder_of(work.ROUTES, work.KEYS, 1, upstream), port, free_port())


def logs(_folder: Path) -> list[Path]:
    """Its records go into the database."""
    return []


class Served:
    """One such gateway."""

    def __init__(self, of: rig.Rig, routes: int, keys: int, per_application: int):
        self.rig = of
        work.ROUTES, work.KEYS = routes, keys
        self.folder = folder_of(routes, keys, per_application, of.started[0].port)
        port, self.admin = free_port(), free_port()
        words, environment = command(self.folder, port, self.admin)
        self.process = Process(words, of.proxy_cpu, port, self.folder / "out.log", environment)
        of.started.append(self.process)
        self.process.wait_until_it_answers(300)

    def state(self) -> int:
        """The number of the last change that its worker serves by."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=10) as page:
            for line in page.read().decode().splitlines():
                if line.startswith('portunus_worker_config_state{worker="0"} '):
                    return int(line.split()[1])
        return 0

    def stop(self) -> None:
        self.process.stop()
        self.rig.started.remove(self.process)
