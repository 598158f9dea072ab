"""How long dashboards take, by how many requests were logged. What the requests would have left in the
traffic database is written there directly."""

import functools
import math
import random
import sqlite3
import time
import uuid
from collections import Counter
from pathlib import Path

import database
import owner
import report
import work
from peers import portunus
from process import Process, free_port
from report import percentile

SIZES = [1_000_000, 10_000_000, 100_000_000]
ROUTES, APPLICATIONS, CALLED = 100, 1_000, 3
DAYS, MINUTES_KEPT, LOG_KEPT = 30, 2 * 24 * 60, 7
RANGES = ["1h", "24h", "7d", "30d"]
REFUSED = 0.02
QUERIES, AT_LEAST = 200, 3
PATIENCE = 3600
MUST, GOAL = 100, 15
SECOND = 1_000_000  # traffic is kept in microseconds
NOBODY = bytes(16)
ROLLUP = "provider, at, consumer, version, operation, plan, application, environment, class, count, bytes_in, bytes_out, latency"

draw = random.Random(11)


def bucket(micros: float) -> int:
    """As `domain::traffic::Histogram` has them."""
    return min(1500, max(0, math.ceil(math.log(max(micros, 1)) / math.log(1.02))))


# What requests take: 15 ms, most of them between 8 and 30.
TIMES = [bucket(draw.lognormvariate(math.log(15_000), 0.6)) for _ in range(1 << 17)]


@functools.cache
def histogram(count: int, turn: int) -> bytes:
    """Of so many requests, in the stored form; one of a few for each count."""
    first = turn * 7919 % (len(TIMES) - count)
    out, before = bytearray([1]), 0
    for index, times in sorted(Counter(TIMES[first : first + count]).items()):
        for value in (index - before, times):
            while value >= 0x80:
                out.append(value & 0x7F | 0x80)
                value >>= 7
            out.append(value)
        before = index
    return bytes(out)


def drawn(mean: float) -> int:
    """By Poisson."""
    if mean > 30:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    count, left, bound = 0, draw.random(), math.exp(-mean)
    while left > bound:
        count, left = count + 1, left * draw.random()
    return count


class Traffic:
    """Who calls what: of so many applications the n-th calls 1/n as often as the first, each CALLED
    of the versions alike."""

    def __init__(self, folder: Path):
        self.file, self.took = folder / "portunus-traffic.sqlite", 0.0
        main = sqlite3.connect(folder / "portunus.sqlite")
        ids = lambda sql: [row[0] for row in main.execute(sql)]
        (self.organization,), (self.plan,) = ids("SELECT id FROM organization"), ids("SELECT id FROM plan")
        self.versions, self.apis = ids("SELECT id FROM version ORDER BY id"), ids("SELECT api_id FROM version ORDER BY id")
        self.applications = ids("SELECT id FROM application ORDER BY id")
        main.close()
        self.now = int(time.time()) * SECOND
        every = sum(1 / place for place in range(1, APPLICATIONS + 1))
        # In the order of a rollup's key, so that rows are written behind each other.
        self.pairs = sorted(
            (self.versions[(rank * CALLED + which) % ROUTES], application, 1 / (rank + 1) / every / CALLED)
            for rank, application in enumerate(self.applications) for which in range(CALLED)
        )

    def open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.file)
        db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-1000000;")
        return db

    def close(self, db: sqlite3.Connection) -> None:
        db.commit()
        db.execute("PRAGMA journal_mode=WAL")
        db.close()

    def fill(self, requests: int) -> tuple[int, int]:
        """Gives how many rows hours and minutes have."""
        db, counts = self.open(), []
        for table, width, steps in [("rollup_hour", 3600 * SECOND, DAYS * 24), ("rollup_minute", 60 * SECOND, MINUTES_KEPT)]:
            db.execute(f"DELETE FROM {table}")
            last = self.now // width * width
            in_step = requests / (DAYS * 86_400 * SECOND) * width
            for step in range(steps - 1, -1, -1):
                # The present one has only begun.
                share = (self.now - last) / width if step == 0 else 1
                rows = self.rows(last - step * width, in_step * share)
                db.executemany(f"INSERT INTO {table} ({ROLLUP}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            counts.append(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        # From here on as an upgrade leaves it: the portal makes of them what dashboards read.
        for table in ("usage_minute", "usage_hour", "usage_day", "usage_past"):
            db.execute(f"DELETE FROM {table}")
        until = (self.now // (3600 * SECOND) - 24) * 3600 * SECOND
        db.execute("INSERT INTO usage_past (next, until) SELECT min(at), ? FROM rollup_hour", (until,))
        db.execute("DELETE FROM rollup_minute WHERE at < ?", (until,))
        self.close(db)
        return counts[0], counts[1]

    def summed_up(self) -> float:
        """Seconds until all is where dashboards read it, but for the last minutes."""
        db, began = sqlite3.connect(self.file, timeout=60), time.monotonic()
        while time.monotonic() < began + PATIENCE:
            (past,) = db.execute("SELECT count(*) FROM usage_past").fetchone()
            before = (int(time.time()) - 120) * SECOND
            (waiting,) = db.execute("SELECT EXISTS (SELECT 1 FROM rollup_minute WHERE at < ?)", (before,)).fetchone()
            if not past and not waiting:
                db.close()
                return time.monotonic() - began
            time.sleep(0.5)
        raise SystemExit(f"After {PATIENCE:,} s the portal has not summed up what was stored.")

    def rows(self, at: int, requests: float):
        for version, application, share in self.pairs:
            for status, part in ((2, 1 - REFUSED), (4, REFUSED)):
                if count := drawn(requests * share * part):
                    latency = histogram(count, draw.randrange(8))
                    yield (self.organization, at, self.organization, version, NOBODY, self.plan, application, 0, status,
                           count, 0, 200 * count, latency)

    def log(self, requests: int) -> None:
        """The log's rows of as many requests, in the days that it is kept."""
        db = self.open()
        db.execute("DELETE FROM request")
        values = {
            "code": "", "decided_by": "", "node": "bench", "client": "192.0.2.7", "target": "192.0.2.8:8080", "method": "GET", "path_cut": 0, "state": 1,
            "revision": 1, "environment": 0, "observed": 0, "tries": 1, "bytes_in": 0, "bytes_out": 200, "policies_us": 40,
            "connect_us": 0, "first_byte_us": 14_000, "units": 1, "provider": self.organization, "consumer": self.organization,
            "operation": NOBODY, "credential": NOBODY, "subscription": NOBODY, "plan": self.plan,
        }
        own = ["at", "request_id", "api", "version", "application", "path", "status", "total_us"]
        names = [*own, *values]
        width = LOG_KEPT * 86_400 * SECOND // requests
        api_of = dict(zip(self.versions, self.apis))
        shares = [share for *_, share in self.pairs]

        def rows():
            first, fixed = self.now - requests * width, list(values.values())
            chosen = draw.choices(self.pairs, shares, k=requests)
            for number, (version, application, _) in enumerate(chosen):
                at, status = first + number * width, 429 if draw.random() < REFUSED else 200
                yield [at, f"{at:014x}{draw.getrandbits(72):018x}", api_of[version], version, application, "/bench/orders/17", status, 15_000, *fixed]

        db.executemany(f"INSERT INTO request ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", rows())
        self.close(db)

    def dashboards(self) -> dict[str, list[str]]:
        """By whose they are, the paths that are asked in turn."""
        text = lambda ids: [str(uuid.UUID(bytes=one)) for one in ids]
        organization = str(uuid.UUID(bytes=self.organization))
        return {
            "an application": [f"/applications/{one}/usage?" for one in text(self.applications)],
            "a version": [f"/versions/{one}/usage?" for one in text(self.versions)],
            "an API": [f"/apis/{one}/usage?" for one in text(self.apis)],
            "all that an organization is asked": [f"/organizations/{organization}/usage?side=provider&"],
            "all that an organization asks": [f"/organizations/{organization}/usage?side=consumer&"],
            "for comparison: a page of the request log": [f"/organizations/{organization}/requests?side=provider&limit=50&"],
        }


def timed(management: owner.Management, paths: list[str], window: str, seconds: float) -> list[float]:
    """Milliseconds of queries one behind the other; fewer where they take longer than the time for them.
    What the portal gave up, after 30 s, takes for ever."""
    which = random.Random(3)

    def query() -> float:
        path, began = which.choice(paths) + f"range={window}", time.monotonic()
        status, body = management.answer("GET", path)
        if status not in (200, 503):
            raise SystemExit(f"The management API answered {status} to {path}: {body[:300]!r}")
        return 1000 * (time.monotonic() - began) if status == 200 else math.inf

    query()
    found, until = [], time.monotonic() + seconds
    while len(found) < QUERIES and (len(found) < AT_LEAST or time.monotonic() < until):
        found.append(query())
    return found


def measure(label: str, traffic: Traffic, folder: Path, cpus: str, seconds: float, started: list[Process]) -> list[list[str]]:
    url, port = database.url(folder), free_port()
    command = [portunus.binary(), "portal", "--database", url, "--data", str(folder / "data"), "--log", "warn"]
    command += ["--portal", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{free_port()}"]
    process = Process(command, cpus, port, folder / "portal.log", owner.ENVIRONMENT)
    started.append(process)
    process.wait_until_it_answers()
    traffic.took = max(traffic.took, traffic.summed_up())
    management = owner.Management(port, owner.token(url, folder))
    rows = []
    for whose, paths in traffic.dashboards().items():
        # The log has no ranges.
        is_log = "/requests?" in paths[0]
        found = [timed(management, paths, window, seconds) for window in (RANGES[:1] if is_log else RANGES)]
        cells = [f"{percentile(one, 0.5):.1f} / {percentile(one, 0.99):.1f} ({len(one)})" for one in found]
        report.keep(folder.parent, f"{label}, {whose}", found)
        worst = max(percentile(one, 0.99) for one in found)
        rows.append([label, whose, *cells, *["–"] * (len(RANGES) - len(cells)), "–" if is_log else report.reached(worst, MUST, GOAL)])
        print(" | ".join(rows[-1]), flush=True)
    process.stop()
    started.remove(process)
    return rows


def part(folder: Path, cpus: list[int], seconds: float, sizes: list[int], started: list[Process]) -> str:
    work.ROUTES, work.KEYS = ROUTES, APPLICATIONS
    folder.mkdir()
    database.fill(portunus.binary(), folder, ROUTES, APPLICATIONS, 1, free_port())
    owner.put(folder)
    all_cpus, rows, held = ",".join(map(str, cpus)), [], []
    for size in sizes:
        traffic = Traffic(folder)
        hours, minutes = traffic.fill(size)
        rows += measure(f"{size:,}", traffic, folder, all_cpus, seconds, started)
        if size == SIZES[0]:
            traffic.log(size)
            rows += measure(f"{size:,}, and their rows in the log", traffic, folder, all_cpus, seconds, started)
            db = traffic.open()
            db.execute("DELETE FROM request")
            traffic.close(db)
        held.append(f"{size:,} requests left {hours:,} rows by hour and {minutes:,} by minute, summed up in {traffic.took:,.0f} s")
    return (
        "## Dashboards\n"
        f"SQLite; `GET …/usage` of the management API, one query behind the other on one connection, at most {QUERIES} of each or as\n"
        f"many as fit into {seconds:g} s, but {AT_LEAST}: median / p99 in ms, in brackets how many. Of all versions, APIs and applications one\n"
        f"is drawn for each query. The requests are spread evenly over {DAYS} days, of {APPLICATIONS:,} applications of which the n-th calls 1/n as\n"
        f"often as the first, each {CALLED} of {ROUTES} versions without operations of their own, {REFUSED:.0%} of them refused; before these {DAYS} days\n"
        "there was nothing. What they would have left in the sums by hour, and of two days by minute, was written there directly,\n"
        f"and of a million requests also their rows in the log of {LOG_KEPT} days: dashboards read none of these. As after an upgrade, the\n"
        "portal first made of them the sums that dashboards read, which is done when the queries begin.\n"
        + "; ".join(held) + ".\n"
        f"Must: p99 ≤ {MUST} ms in every range; goal: {GOAL} ms.\n\n"
        + report.table(["logged requests", "dashboard of", *RANGES, "reached"], rows)
    )
