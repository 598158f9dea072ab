"""What the parts of `bench/curves` share: proxies that are started once, and asked at several points in
interleaved rounds."""

import os
import shutil
import statistics
from dataclasses import dataclass
from pathlib import Path

import backend
import load
import report
import work
from peers import nginx, portunus
from process import Process, free_port

OUT = Path(__file__).resolve().parent / "out" / "curves"
BASE = work.Case("", "w5", "/small", "known", 200)


@dataclass
class Point:
    """One instance of a proxy, what it is asked, and what its ratio must be."""

    label: str
    peer: object
    case: work.Case
    routes: int = work.ROUTES
    keys: int = 10_000
    must: float | None = None


class Rig:
    """Proxies by what they are configured for; each is started once."""

    def __init__(self, proxy_cpu: int, load_cpu: int):
        self.proxy_cpu, self.load_cpu = proxy_cpu, load_cpu
        self.started = [backend.start(OUT / "backend", nginx.USER, load_cpu)]
        self.running: dict[tuple, tuple[Process, Path]] = {}
        self.scripts: dict[tuple, Path] = {}

    def proxy(self, point: Point) -> tuple[Process, Path]:
        which = (point.peer.NAME, point.routes, point.keys)
        if which not in self.running:
            work.ROUTES, work.KEYS = point.routes, point.keys
            folder = OUT / "-".join(map(str, which)).replace(" ", "-")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            port = free_port()
            command, environment = point.peer.configure("w5", folder, port, self.started[0].port)
            if point.peer is portunus:
                environment |= {"PORTUNUS_CONNECTIONS_PER_ADDRESS": "20000"}
            cpus = getattr(point.peer, "cpus", self.proxy_cpu)
            process = Process(command, cpus, port, folder / "out.log", environment)
            self.started.append(process)
            process.wait_until_it_answers(300)
            self.running[which] = process, folder
        return self.running[which]

    def script(self, point: Point) -> Path:
        work.ROUTES, work.KEYS = point.routes, point.keys
        which = (point.routes, point.keys, point.case)
        if which not in self.scripts:
            self.scripts[which] = OUT / f"script-{len(self.scripts)}.lua"
            self.scripts[which].write_text(point.case.script())
        return self.scripts[which]

    def measure(self, point: Point, seconds: float) -> load.Figures:
        process, folder = self.proxy(point)
        figures = load.run(point.case, self.script(point), process, self.load_cpu, seconds)
        for log in point.peer.logs(folder):
            if log.exists():
                os.truncate(log, 0)
        return figures

    def forget(self, but: Process | None = None) -> None:
        """Stops the proxies, so that the next curve has the CPU's caches alone, and that pages of the
        executable count whole for the one whose memory is asked for."""
        for which, (process, _) in list(self.running.items()):
            if process is not but:
                process.stop()
                self.started.remove(process)
                del self.running[which]

    def stop(self) -> None:
        for process in reversed(self.started):
            process.stop()

    def curve(self, points: list[Point], rounds: int, seconds: float) -> list[list[load.Figures]]:
        """Every point in every round, each time with another one first; the first round warms up and
        is not counted."""
        found: list[list[load.Figures]] = [[] for _ in points]
        for turn in range(-1, rounds):
            order = [(turn + step) % len(points) for step in range(len(points))]
            for index in order:
                figures = self.measure(points[index], seconds if turn >= 0 else 1)
                if turn >= 0:
                    found[index].append(figures)
        return found


HEAD = ["point", "CPU µs/request", "ratio", "must", "reached", "requests/s", "p50 ms", "p99 ms"]


def rows(points: list[Point], found: list[list[load.Figures]]) -> list[list[str]]:
    """Beside nginx each against nginx at the same point, else against the first point."""
    out = []
    for index, (point, figures) in enumerate(zip(points, found)):
        beside = point.peer is portunus and index > 0 and points[index - 1].peer is nginx
        base = found[index - 1] if beside else found[0]
        told, said = "–", "–"
        if point.peer is not nginx and base is not figures:
            ratios = [own.cpu_ns / other.cpu_ns for own, other in zip(figures, base)]
            told, said = report.spread(ratios), report.reached(statistics.median(ratios), point.must)
        out.append([point.label, micros(figures), told, report.most(point.must), said, *speed(figures)])
    return out


def micros(figures: list[load.Figures]) -> str:
    return f"{statistics.median(one.cpu_ns for one in figures) / 1000:.1f}"


def speed(figures: list[load.Figures]) -> list[str]:
    middle = lambda get: statistics.median(get(one) for one in figures)
    return [
        f"{middle(lambda f: f.per_second):,.0f}",
        f"{middle(lambda f: f.p50_us) / 1000:.2f}", f"{middle(lambda f: f.p99_us) / 1000:.2f}",
    ]
