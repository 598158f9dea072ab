"""Who owns the organization of a database, and asks the management API with a token."""

import http.client
import json
import os
import socket
import sqlite3
import subprocess
import time
import uuid
from pathlib import Path

import database
from peers import portunus

ADDRESS = "owner@bench.test"
SCOPES = ["apis:write", "applications:write", "traffic:read"]
# Of no worth, as the gateway's.
ENVIRONMENT = {
    "PORTUNUS_GATEWAY_KEY": database.GATEWAY_KEY,
    "PORTUNUS_PORTAL_KEY": "cHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHA=",
}
# A connection that rested longer is not used again: the other side may be about to end it.
RESTED = 4


def put(folder: Path) -> None:
    """Into the database in `folder`, which `database.fill` has made."""
    db = sqlite3.connect(folder / "portunus.sqlite")
    (organization,) = db.execute("SELECT id FROM organization").fetchone()
    user = uuid.uuid4().bytes
    db.execute(
        'INSERT INTO "user" (id, email, email_key, name, password_hash, operator, verified_at, failed_count, created_at, etag)'
        " VALUES (?, ?, ?, 'Owner', '', 0, ?, 0, ?, 1)",
        [user, ADDRESS, ADDRESS, database.NOW, database.NOW],
    )
    db.execute("INSERT INTO organization_member (organization_id, user_id, role, created_at, etag) VALUES (?, ?, 'owner', ?, 1)",
               [organization, user, database.NOW])
    # What the API shows of a version is also its draft.
    drafts = []
    for version, snapshot in db.execute("SELECT version_id, snapshot FROM revision").fetchall():
        published = json.loads(snapshot)
        settings = {name: published[name] for name in ("route", "upstream", "policies", "operations_mode", "operations")}
        drafts.append((version, json.dumps(settings), database.NOW))
    db.executemany("INSERT INTO draft (version_id, settings, updated_at, etag) VALUES (?, ?, ?, 1)", drafts)
    db.commit()
    db.close()


def token(url: str, folder: Path) -> str:
    command = [portunus.binary(), "token", "--database", url, "--data", str(folder), "--log", "error"]
    command += ["--user", ADDRESS, "--expires", "1d", *(word for scope in SCOPES for word in ("--scope", scope))]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **ENVIRONMENT})
    if done.returncode != 0:
        raise SystemExit(f"There is no token for the owner:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


class Management:
    """The management API on one connection."""

    def __init__(self, port: int, token: str):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.headers = {"Authorization": f"Bearer {token}"}
        self.answered = 0.0  # when the head of the last answer was read

    def ask(self, method: str, path: str) -> dict:
        status, body = self.answer(method, path)
        if status != 200:
            raise SystemExit(f"The management API answered {status} to {method} {path}: {body[:300]!r}")
        return json.loads(body)

    def answer(self, method: str, path: str) -> tuple[int, bytes]:
        if time.monotonic() > self.answered + RESTED:
            self.connection.close()
        if self.connection.sock is None:
            self.connection.connect()
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.request(method, "/api/v1" + path, headers=self.headers)
        answer = self.connection.getresponse()
        self.answered = time.monotonic()
        return answer.status, answer.read()
