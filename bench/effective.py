"""How long it takes until what somebody changes by the management API is what the gateways do, what a
change costs, and how long a request takes to the dashboard."""

import random
import re
import socket
import sqlite3
import statistics
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import database
import owner
import postgres
import report
import work
from peers import portunus
from process import Process, free_port
from report import percentile

CHANGES, COSTED, SEEN = 50, 100, 20
# Behind a start and behind changes the last good state is written to the disk.
REST = 15
AT_REST = 25
PATIENCE = 30
# Must and goal, in milliseconds; the dashboard's in seconds.
SAME_NODE, OTHER_NODE, CPU, DASHBOARD = (50, 5), (500, 50), (20, 1), (10, 1)


class Line:
    """A client's connection, which is one worker's for as long as it lasts."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def status(self, path: str, key: str) -> int:
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {work.HOST}\r\nX-Api-Key: {key}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.more()
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
        while len(body) < length:
            body += self.more()
        return int(head[9:12])

    def more(self) -> bytes:
        if got := self.socket.recv(65536):
            return got
        raise SystemExit("A gateway ended a connection on which it was asked for the next change.")


@dataclass
class Node:
    process: Process
    portal: int

    def lines(self) -> list[Line]:
        """One to each worker. Whose a connection is, is told by the thread that works when it is used."""
        workers = [task for task in self.process.tasks() if (task / "comm").read_text().startswith("gateway-")]
        spent = lambda: [int((task / "schedstat").read_text().split()[0]) for task in workers]
        found: dict[int, Line] = {}
        until = time.monotonic() + PATIENCE
        while len(found) < len(workers):
            if time.monotonic() > until:
                raise SystemExit(f"In {PATIENCE} s no connection came to some of {len(workers)} workers.")
            line, before = Line(self.process.port), spent()
            for _ in range(200):
                line.status(work.prefix(0) + "/small", work.key(0))
            used = [now - then for now, then in zip(spent(), before)]
            if (busiest := used.index(max(used))) in found:
                line.socket.close()
            else:
                found[busiest] = line
        return list(found.values())


@dataclass
class Change:
    """What is asked of the management API, and by what requests notice it."""

    what: str
    call: str
    path: str
    key: str
    before: int
    after: int


class Changes:
    """Keys are revoked, versions switched off and on again; keys from the last one on, and never twice."""

    def __init__(self, folder: Path, routes: int, keys: int):
        self.db = sqlite3.connect(folder / "portunus.sqlite")
        self.routes, self.key, self.turn = routes, keys, 0

    def next(self) -> Change:
        turn, self.turn = self.turn, self.turn + 1
        if turn % 3 == 0:
            self.key -= 1
            return Change("a key is revoked", f"/credentials/{self.credential(self.key)}/revoke", work.prefix(0) + "/small", work.key(self.key), 200, 401)
        route = turn // 3 * 7919 % (self.routes - 1) + 1
        what, verb, before, after = ("off", "disable", 200, 503) if turn % 3 == 1 else ("on", "enable", 503, 200)
        return Change(f"a version is switched {what}", f"/versions/{self.version(route)}/{verb}", work.prefix(route) + "/small", work.key(0), before, after)

    def credential(self, key: int) -> str:
        return self.one("SELECT id FROM credential WHERE digest = ?", database.key_digest(key))

    def application(self, key: int) -> str:
        return self.one("SELECT application_id FROM credential WHERE digest = ?", database.key_digest(key))

    def version(self, route: int) -> str:
        return self.one("SELECT version.id FROM version JOIN api ON api.id = version.api_id WHERE api.slug = ?", f"api-{route:04}")

    def one(self, sql: str, argument: bytes | str) -> str:
        return str(uuid.UUID(bytes=self.db.execute(sql, [argument]).fetchone()[0]))


def start(started: list[Process], folder: Path, url: str, cpus: str, role: str) -> Node:
    """`up`, or a `gateway` beside it. Each has a worker for each CPU."""
    port, portal = free_port(), free_port()
    words = [portunus.binary(), role, "--database", url, "--data", str(folder / f"data-{role}"), "--log", "warn"]
    words += ["--gateway", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{free_port()}"]
    if role == "up":
        words += ["--portal", f"127.0.0.1:{portal}"]
    process = Process(words, cpus, port, folder / f"{role}.log", owner.ENVIRONMENT)
    started.append(process)
    process.wait_until_it_answers(300)
    time.sleep(AT_REST)
    return Node(process, portal)


def times(node: Node, management: owner.Management, changes: Changes) -> dict[str, list[float]]:
    """Milliseconds from the API's 200 until each worker of the node acts by the change."""
    lines, draw = node.lines(), random.Random(13)
    found: dict[str, list[float]] = {}
    for _ in range(CHANGES):
        change = changes.next()
        wait(lines, change, change.before, time.monotonic())
        management.ask("POST", change.call)
        found.setdefault(change.what, []).append(wait(lines, change, change.after, management.answered))
        # Not in step with who looks for changes from time to time.
        time.sleep(draw.uniform(0.02, 0.25))
    for line in lines:
        line.socket.close()
    return found


def wait(lines: list[Line], change: Change, status: int, since: float) -> float:
    pending = list(lines)
    while pending := [line for line in pending if line.status(change.path, change.key) != status]:
        if time.monotonic() > since + PATIENCE:
            raise SystemExit(f"In {PATIENCE} s requests were not answered {status}: {change}")
    return 1000 * (time.monotonic() - since)


def cost(nodes: list[Node], management: owner.Management, changes: Changes) -> list[float]:
    """Milliseconds of each node's CPU for a change, beside what it does at rest."""
    spent = lambda: [node.process.cpu_nanoseconds() for node in nodes]
    before, began = spent(), time.monotonic()
    time.sleep(REST)
    resting = [(now - then) / (time.monotonic() - began) for now, then in zip(spent(), before)]
    before, began = spent(), time.monotonic()
    for _ in range(COSTED):
        management.ask("POST", changes.next().call)
        time.sleep(0.1)
    time.sleep(REST)
    took = time.monotonic() - began
    return [(now - then - rest * took) / COSTED / 1e6 for now, then, rest in zip(spent(), before, resting)]


def seen(node: Node, management: owner.Management, changes: Changes) -> list[float]:
    """Seconds from the answer to a request until its application's dashboard counts it."""
    line, found = Line(node.process.port), []
    for _ in range(SEEN):
        changes.key -= 1
        usage = f"/applications/{changes.application(changes.key)}/usage?range=1h"
        if line.status(work.prefix(0) + "/small", work.key(changes.key)) != 200:
            raise SystemExit("A request that was to be counted was not answered 200.")
        since = time.monotonic()
        while management.ask("GET", usage)["totals"]["requests"] == 0:
            if time.monotonic() > since + PATIENCE:
                raise SystemExit(f"In {PATIENCE} s no dashboard counted a request.")
            time.sleep(0.005)
        found.append(time.monotonic() - since)
    line.socket.close()
    return found


HEAD = ["what", "median", "p99", "most", "must", "goal", "reached by p99"]


def rows(what: str, found: dict[str, list[float]], wanted: tuple) -> list[list[str]]:
    all_of_them = [value for values in found.values() for value in values]
    return [
        row(what, all_of_them, wanted, "ms"),
        *(row(f"… {name}", values, (None, None), "ms") for name, values in found.items()),
    ]


def row(what: str, values: list[float], wanted: tuple, unit: str) -> list[str]:
    must, goal = wanted
    bound = lambda value: "–" if value is None else f"≤ {value:g} {unit}"
    p99 = percentile(values, 0.99)
    shown = [f"{value:.2f} {unit}" for value in (statistics.median(values), p99, max(values))]
    return [f"{what} ({len(values)} times)", *shown, bound(must), bound(goal), report.reached(p99, must, goal)]


def on(name: str, url: str, folder: Path, changes: Changes, cpus: str, started: list[Process]) -> tuple[list, list, list]:
    """Rows of times, of costs and of dashboards."""
    known = owner.token(url, folder)
    place = folder / name
    place.mkdir()
    first = start(started, place, url, cpus, "up")
    management = owner.Management(first.portal, known)

    def time_of(where: str, node: Node, wanted: tuple) -> list[list[str]]:
        what, found = f"{name}: all workers of {where}", times(node, management, changes)
        report.keep(folder.parent, what, found)
        return rows(what, found, wanted)

    timed = time_of("the same node", first, SAME_NODE)
    counted = seen(first, management, changes)
    report.keep(folder.parent, f"{name}: from a request to the dashboard, in s", counted)
    dashboards = [row(name, counted, DASHBOARD, "s")]
    other = start(started, place, url, cpus, "gateway")
    timed += time_of("another node", other, OTHER_NODE)
    costs = []
    for node, spent in zip(("`up`: management API and gateway", "`gateway`: the other node"), cost([first, other], management, changes)):
        must, goal = CPU
        costs.append([f"{name}, {node}", f"{spent:.2f} ms", f"≤ {must} ms", f"≤ {goal} ms", report.reached(spent, must, goal)])
    for node in (other, first):
        node.process.stop()
        started.remove(node.process)
    return timed, costs, dashboards


def part(folder: Path, routes: int, keys: int, cpus: list[int], upstream: int, started: list[Process]) -> str:
    work.ROUTES, work.KEYS = routes, keys
    folder.mkdir()
    database.fill(portunus.binary(), folder, routes, keys, 1, upstream)
    owner.put(folder)
    all_cpus = ",".join(map(str, cpus))
    # Before the first change: of what is changed, nothing is in both.
    copied = postgres.copy(folder) if postgres.server() else None
    changes = Changes(folder, routes, keys)
    found = [on("SQLite", database.url(folder), folder, changes, all_cpus, started)]
    if copied:
        # Keys go on from where they were; versions are all on, as a pair is never left open between.
        changes.turn += -changes.turn % 3
        found.append(on("PostgreSQL", copied, folder, changes, all_cpus, started))
    timed, costs, dashboards = ([one for rows in of for one in rows] for of in zip(*found))
    return (
        "## Changes\n"
        f"{routes:,} routes, {keys:,} keys of as many applications; `up` with {len(cpus)} workers, and a `gateway` with as many beside\n"
        "it on the same machine and database, all of it, load and backend on the same CPUs. Each worker has a connection of the\n"
        "client's own, on which it is asked over and over from the management API's 200 on, until it acts by the change; the time\n"
        "is that of the last of them. On SQLite another process hears of changes by looking each 200 ms, on PostgreSQL, which waits\n"
        "for no disk here, it is told.\n\n"
        + report.table(HEAD, timed)
        + f"\nCPU of a change: that of the process during {COSTED} changes and {REST} s behind them, in which it writes its state to\n"
        f"the disk, less what it uses at rest.\n\n"
        + report.table(["CPU of one change", "figure", "must", "goal", "reached"], costs)
        + "\n## From a request to the dashboard\n"
        "From the answer at the gateway until `GET /applications/…/usage` counts it, of an application without requests before.\n\n"
        + report.table(HEAD, dashboards)
        + ("" if copied else "\nNot measured on PostgreSQL: PORTUNUS_TEST_POSTGRES names none.\n")
    )
