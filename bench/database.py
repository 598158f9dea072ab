"""A SQLite database with as many routes and keys as are wanted: what a gateway loads, and no more."""

import hashlib
import json
import random
import sqlite3
import subprocess
import uuid
from datetime import datetime, timezone
from pathlib import Path

import work

NOW = "2026-01-01T00:00:00.000000+00:00"
AT_ONCE = 50_000
# 32 bytes in base64, of no worth.
GATEWAY_KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="


def url(folder: Path) -> str:
    return f"sqlite://{folder / 'portunus.sqlite'}"


def key_digest(index: int) -> bytes:
    return hashlib.sha256(work.key(index).encode()).digest()


def ids():
    """In the order of their making, as ours are (RFC 9562 §5.7)."""
    index = 0
    while True:
        index += 1
        yield (index << 80 | 7 << 76 | 2 << 62 | uuid.uuid4().int & (1 << 62) - 1).to_bytes(16, "big")


def fill(binary: str, folder: Path, routes: int, keys: int, keys_per_application: int, backend: int) -> None:
    """Makes the database in `folder`. Routes are `work.prefix(n)` with a key each
    may use, as in W5; keys are those of `work.key`."""
    command = [binary, "migrate", "--data", str(folder), "--database", url(folder), "--log", "error"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    db = sqlite3.connect(folder / "portunus.sqlite")
    db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF; PRAGMA cache_size=-1000000;")
    new = ids()
    organization, team, upstream, product, plan = (next(new) for _ in range(5))

    def put(table: str, **row) -> None:
        names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
        db.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', list(row.values()))

    def put_all(table: str, names: str, rows) -> None:
        marks = ", ".join("?" * len(names.split(", ")))
        db.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)

    put("organization", id=organization, slug="bench", name="Bench", state="active",
        grants='[{"path":"/"}]', policies="[]", created_at=NOW, etag=1)
    put("team", id=team, organization_id=organization, slug="main", name="Main", description="",
        created_at=NOW, etag=1)
    settings = {"targets": [{"url": f"http://127.0.0.1:{backend}", "weight": 1}]}
    put("upstream", id=upstream, organization_id=organization, team_id=team, name="backend",
        settings=json.dumps(settings), created_at=NOW, updated_at=NOW, etag=1)
    put("product", id=product, organization_id=organization, team_id=team, slug="bench",
        name="Bench", description="", created_at=NOW, etag=1)
    limit = [{"rate_limit": {"limit": 1_000_000, "window": "1s", "by": ["key"]}}]
    put("plan", id=plan, organization_id=organization, product_id=product, slug="free", name="Free",
        description="", state="published", approval="auto", terms="", terms_revision=0, price="",
        policies=json.dumps(limit), organizations="[]", position=0, created_at=NOW, etag=1)
    allow = json.dumps(["127.0.0.0/8", "::1/128"])
    put("setting", name="upstream_allow", value=allow, updated_at=NOW, etag=1)
    for route in range(routes):
        api, version, revision = next(new), next(new), uuid.UUID(bytes=next(new))
        snapshot = {
            "id": str(revision), "number": 1,
            "route": {"path": work.prefix(route), "hosts": [work.HOST], "strip_path": True},
            "upstream": str(uuid.UUID(bytes=upstream)), "policies": [{"key_auth": {}}],
            "operations_mode": "open", "operations": [],
        }
        put("api", id=api, organization_id=organization, team_id=team, slug=f"api-{route:04}",
            name="", summary="", description="", category="", tags="[]", labels="[]",
            visibility="private", policies="[]", search="", created_at=NOW, updated_at=NOW, etag=1)
        put("version", id=version, organization_id=organization, api_id=api, slug="v1",
            state="published", enabled=1, current_revision_id=revision.bytes, message="",
            created_at=NOW, published_at=NOW, etag=1)
        put("revision", id=revision.bytes, version_id=version, number=1,
            snapshot=json.dumps(snapshot), note="", created_at=NOW)
        put("product_version", product_id=product, version_id=version)
    application = b""
    for first in range(0, keys, AT_ONCE):
        applications, credentials, subscriptions = [], [], []
        for index in range(first, min(first + AT_ONCE, keys)):
            if index % keys_per_application == 0:
                application = next(new)
                applications.append((application, organization, team, f"app-{index}", "", "", "active", NOW, 1))
                subscriptions.append((next(new), organization, organization, application, product,
                                      plan, "approved", 0, "", "", NOW, NOW, NOW, 1))
            credentials.append((next(new), organization, application, "key", key_digest(index),
                                "", "", "live", "[]", NOW, 1))
        put_all("application", "id, organization_id, team_id, slug, name, description, state, created_at, etag", applications)
        put_all("credential", "id, organization_id, application_id, kind, digest, display_id, name, environment, cidrs, created_at, etag", credentials)
        put_all("subscription", "id, provider_id, consumer_id, application_id, product_id, plan_id, state, paused, reason, decision_note, requested_at, approved_at, updated_at, etag", subscriptions)
    put("change", kind="settings", object_id=bytes(16), at=NOW)
    db.commit()
    db.execute("PRAGMA journal_mode=WAL")
    db.close()


class Changes:
    """What people change, as the management plane writes it: each in a transaction with its row of `change`.
    Keys, applications and subscriptions are those of the last `spare` keys, with which nobody asks."""

    def __init__(self, folder: Path, spare: int):
        # Of whichever thread writes; transactions are begun by hand.
        self.db = sqlite3.connect(folder / "portunus.sqlite", timeout=30, isolation_level=None, check_same_thread=False)
        self.db.execute("PRAGMA synchronous=NORMAL")
        newest = f"ORDER BY id DESC LIMIT {spare}"
        self.ids = {
            table: [row[0] for row in self.db.execute(f'SELECT id FROM "{table}" {which}')]
            for table, which in {"credential": newest, "application": newest, "subscription": newest, "version": "", "plan": ""}.items()
        }
        self.draw = random.Random(7)

    # Six of ten are of keys: made invalid, and valid again.
    TURNS = ["credential"] * 6 + ["application", "subscription", "version", "plan"]
    SETS = {
        "credential": "revoked_at = CASE WHEN revoked_at IS NULL THEN :now END",
        "application": "state = CASE state WHEN 'active' THEN 'disabled' ELSE 'active' END",
        "subscription": "paused = 1 - paused, updated_at = :now",
        "version": "enabled = 1",  # it is loaded and compiled anew all the same
        "plan": """policies = CASE WHEN policies LIKE '%1000000%' THEN replace(policies, '1000000', '1000001')
            ELSE replace(policies, '1000001', '1000000') END""",
    }

    def write(self, turn: int) -> int:
        """Writes one change, and says its number."""
        kind = self.TURNS[turn % len(self.TURNS)]
        one = {"id": self.draw.choice(self.ids[kind]), "now": datetime.now(timezone.utc).isoformat(timespec="microseconds")}
        self.db.execute("BEGIN IMMEDIATE")
        self.db.execute(f'UPDATE "{kind}" SET {self.SETS[kind]}, etag = etag + 1 WHERE id = :id', one)
        number = self.db.execute("INSERT INTO change (kind, object_id, at) VALUES (:kind, :id, :now)", one | {"kind": kind}).lastrowid
        self.db.execute("COMMIT")
        return number
