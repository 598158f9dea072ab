"""What memory a gateway holds at rest and how long starts take, against what they must be. A figure that is
for so many routes, keys or connections is what a gateway with them holds more than one without."""

import socket
import time
from dataclasses import dataclass

import report
import served
import work
from peers import portunus
from process import Process, free_port
from rig import BASE, OUT, Point, Rig

MILLION = 1_000_000
MANY = 250_000  # keys: about what a declarative file may hold (64 MiB)
# Free memory goes back to the system each five seconds (`src/memory.rs`), and what was only just let go of
# the time after.
AT_REST = 12
# One with a database also writes its last good state.
AT_REST_WITH_DATABASE = 25
CONNECTIONS = 2_000

HEAD = ["what", "PSS", "of it anonymous", "must", "goal", "reached"]
STARTS = ["start, to the first answer", "took", "must", "goal", "reached"]
TOLD = (
    "MB and KB are 10⁶ and 10³ bytes. All of a process's PSS has to keep the must; what of it is not anonymous are\n"
    "pages of the executable's file, which the system drops when it needs the room.\n"
)
# Must and goal, in MB; of a connection in KB; of a start in seconds.
IDLE, ROUTES, KEYS, ALL_IN_ONE = (20, 8), (20, 6), (150, 80), (60, 30)
CONNECTION, START = (20, 4), (3.0, 0.8)


@dataclass
class Held:
    """Bytes."""

    pss: float
    anonymous: float

    @classmethod
    def by(cls, process: Process, after: float = 0) -> "Held":
        time.sleep(after)
        return cls(process.memory_bytes(), process.memory_bytes("Pss_Anon"))

    def more_than(self, other: "Held", shares: float = 1) -> "Held":
        """For each of so many."""
        return Held((self.pss - other.pss) / shares, (self.anonymous - other.anonymous) / shares)

    def row(self, what: str, wanted: tuple, unit: str = "MB") -> list[str]:
        size = {"MB": 1e6, "KB": 1e3}[unit]
        pss, anonymous = self.pss / size, self.anonymous / size
        return [what, f"{pss:.1f} {unit}", f"{anonymous:.1f} {unit}", *against(pss, wanted, unit)]


def against(value: float, wanted: tuple, unit: str) -> list[str]:
    must, goal = wanted
    return [f"≤ {must:g} {unit}", f"≤ {goal:g} {unit}", report.reached(value, must, goal)]


def gateway_of_a_file(rig: Rig) -> list[list[str]]:
    """Each in a process of its own, which has the executable's pages for itself."""
    def at_rest(routes: int, keys: int) -> tuple[Held, Process]:
        rig.forget()
        process, _ = rig.proxy(Point("", portunus, BASE, routes, keys))
        return Held.by(process, AT_REST), process

    small, process = at_rest(1, 1)
    out = [small.row("gateway, idle: one route, one key", IDLE)]
    holding = connections(process).more_than(small, CONNECTIONS)
    out.append(holding.row(f"an idle client connection, of {CONNECTIONS:,} after a request each", CONNECTION, "KB"))
    many, _ = at_rest(10_000, 1)
    out.append(many.more_than(small).row("10,000 routes more", ROUTES))
    many, _ = at_rest(1, MANY)
    out.append(many.more_than(small, MANY / MILLION).row(f"a million keys more, of as many applications: four times {MANY:,}", KEYS))
    rig.forget()
    return out


def connections(process: Process) -> Held:
    asks = f"GET {work.prefix(0)}/small HTTP/1.1\r\nHost: {work.HOST}\r\nX-Api-Key: {work.key(0)}\r\n\r\n".encode()
    held = [socket.create_connection(("127.0.0.1", process.port)) for _ in range(CONNECTIONS)]
    for one in held:
        one.sendall(asks)
        if not one.recv(65536).startswith(b"HTTP/1.1 200"):
            raise SystemExit("A connection that was to rest after its request was not answered 200.")
    holding = Held.by(process, AT_REST)
    for one in held:
        one.close()
    return holding


def all_in_one(rig: Rig) -> list[str]:
    """`portunus up` on a data directory that is there already, with settings as they are by default."""
    folder = OUT / "up"
    folder.mkdir()

    def start() -> Process:
        port = free_port()
        command = [portunus.binary(), "up", "--data", str(folder / "data"), "--log", "warn", "--gateway", f"127.0.0.1:{port}"]
        command += ["--portal", f"127.0.0.1:{free_port()}", "--admin", f"127.0.0.1:{free_port()}"]
        process = Process(command, f"{rig.proxy_cpu},{rig.load_cpu}", port, folder / "out.log")
        rig.started.append(process)
        process.wait_until_it_answers()
        return process

    def stop(process: Process) -> None:
        process.stop()
        rig.started.remove(process)

    stop(start())
    process = start()
    holding = Held.by(process, AT_REST_WITH_DATABASE)
    stop(process)
    return holding.row("`portunus up`, idle: a worker per CPU, nothing published", ALL_IN_ONE)


def start_from_a_file(rig: Rig) -> list[str]:
    """Reading the file is most of it."""
    process, _ = rig.proxy(Point("", portunus, BASE, 10_000, MANY))
    rig.forget()
    return [f"10,000 routes and {MANY:,} keys", f"{process.took:.1f} s", "–", "–", "–"]


def gateway_of_a_database(rig: Rig) -> tuple[list[list[str]], list[list[str]]]:
    """A gateway on a SQLite database: its memory, and how long starts take."""
    def at_rest(routes: int, keys: int, per_application: int) -> tuple[Held, float]:
        one = served.Served(rig, routes, keys, per_application)
        held = Held.by(one.process, AT_REST_WITH_DATABASE)
        one.stop()
        return held, one.process.took

    small, _ = at_rest(1, 1, 1)
    out = [small.row("gateway, idle: one route, one key", IDLE)]
    many, _ = at_rest(10_000, 1, 1)
    out.append(many.more_than(small).row("10,000 routes more", ROUTES))
    many, _ = at_rest(1, MILLION, 10)
    out.append(many.more_than(small).row("a million keys more, of 100,000 applications", KEYS))
    many, _ = at_rest(1, MILLION, 1)
    out.append(many.more_than(small).row("a million keys more, of a million applications", KEYS))
    _, first = at_rest(10_000, MILLION, 1)
    again = served.Served(rig, 10_000, MILLION, 1)
    again.stop()
    starts = [
        [what, f"{took:.1f} s", *against(took, START, "s")]
        for what, took in [
            ("10,000 routes and a million keys of as many applications, for the first time", first),
            ("the same once more, with the last good state on disk", again.process.took),
        ]
    ]
    return out, starts


def from_files(rig: Rig) -> str:
    kept = [*gateway_of_a_file(rig), all_in_one(rig)]
    head = "## Memory and start, from a file\n" + TOLD + "\n"
    return head + report.table(HEAD, kept) + "\n" + report.table(STARTS, [start_from_a_file(rig)])


def from_databases(rig: Rig) -> str:
    kept, starts = gateway_of_a_database(rig)
    return "## Memory and start, from a database\n" + TOLD + "\n" + report.table(HEAD, kept) + "\n" + report.table(STARTS, starts)
