"""Processes pinned to a CPU, and what the kernel says that they used."""

import os
import socket
import subprocess
import time
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A server with all its children, kept on one CPU (or those of a list as `taskset` reads it) from its
    first instruction."""

    def __init__(self, command: list[str], cpu: int | str, port: int, log: Path, environment: dict | None = None):
        self.port = port
        self.log = log
        self.began, self.took = time.monotonic(), 0.0  # seconds to its first answer
        with log.open("wb") as sink:
            self.child = subprocess.Popen(
                ["taskset", "-c", str(cpu), *command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env={**os.environ, **(environment or {})},
            )

    def wait_until_it_answers(self, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.child.poll() is not None:
                break
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=2) as probe:
                    probe.sendall(b"GET /ready HTTP/1.1\r\nHost: ready.test\r\nConnection: close\r\n\r\n")
                    # 503 is a proxy that is up and has not read its configuration yet.
                    answer = probe.recv(12)
                    if answer.startswith(b"HTTP") and not answer.endswith(b"503"):
                        self.took = time.monotonic() - self.began
                        return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"{' '.join(self.child.args)} does not answer:\n{self.log.read_text()[-2000:]}")

    def pids(self) -> list[int]:
        """The process and its descendants."""
        found, queue = [], [self.child.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                queue.extend(int(child) for child in children.read_text().split())
        return found

    def tasks(self) -> list[Path]:
        return [task for pid in self.pids() for task in Path(f"/proc/{pid}/task").iterdir()]

    def cpu_nanoseconds(self) -> int:
        """Time on a CPU of all threads: field 1 of schedstat."""
        return sum(int((task / "schedstat").read_text().split()[0]) for task in self.tasks())

    def switches(self) -> tuple[int, int]:
        """Context switches of all threads: the thread waited, the thread was taken off."""
        waited = taken = 0
        for task in self.tasks():
            for line in (task / "status").read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    waited += int(line.split()[1])
                elif line.startswith("nonvoluntary_ctxt_switches"):
                    taken += int(line.split()[1])
        return waited, taken

    def memory_bytes(self, of: str = "Pss") -> int:
        """Resident memory, pages that several of its processes share counted once (PSS). `Pss_Anon` is
        what of it is not read from the executable's file, which the system drops when it needs the room."""
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(of + ":"):
                    total += int(line.split()[1]) * 1024
        return total

    def peak_bytes(self) -> int:
        """The most resident memory that its processes have had, each by itself."""
        lines = [line for pid in self.pids() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))

    def stop(self) -> None:
        self.child.terminate()
        try:
            self.child.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
