"""What a SQLite database holds, in a database of the PostgreSQL whose address is in PORTUNUS_TEST_POSTGRES
(`.ci/with-postgres` starts one)."""

import os
import sqlite3
import subprocess
from pathlib import Path

import owner
from peers import portunus

NAME = "bench"
# Rows that are read at once.
AT_ONCE = 20_000
ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def server() -> str | None:
    return os.environ.get("PORTUNUS_TEST_POSTGRES")


def version() -> str:
    return psql(server(), "SHOW server_version")[0][0].split()[0]


def psql(url: str, sql: str) -> list[list[str]]:
    """Its rows, by column."""
    command = ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"PostgreSQL refused {sql[:200]}:\n{done.stderr}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def copy(folder: Path) -> str:
    """Gives the address of the copy of the configuration in `folder`."""
    psql(server(), f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    psql(server(), f"CREATE DATABASE {NAME}")
    url = server().rsplit("/", 1)[0] + "/" + NAME
    command = [portunus.binary(), "migrate", "--data", str(folder), "--database", url, "--log", "error"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **owner.ENVIRONMENT})
    db = sqlite3.connect(folder / "portunus.sqlite")
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    for table in names:
        if not table.startswith("migration_"):
            copy_table(db, url, table)
    # As a server does by itself in time.
    psql(url, "ANALYZE")
    return url


def copy_table(db: sqlite3.Connection, url: str, table: str) -> None:
    about = f"FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '{table}'"
    kinds = dict(psql(url, f"SELECT column_name, data_type {about}"))
    columns = ", ".join(f'"{name}"' for name in kinds)
    write = [text_of(kind) for kind in kinds.values()]
    # Rows come table by table, so what they refer to may come later.
    head = f"SET session_replication_role = replica;\nDELETE FROM \"{table}\";\nCOPY \"{table}\" ({columns}) FROM STDIN;\n"
    sink = subprocess.Popen(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url], stdin=subprocess.PIPE, text=True)
    sink.stdin.write(head)
    rows = db.execute(f'SELECT {columns} FROM "{table}"')
    while some := rows.fetchmany(AT_ONCE):
        sink.stdin.writelines(
            "\t".join("\\N" if value is None else form(value) for form, value in zip(write, row)) + "\n" for row in some
        )
    sink.stdin.write("\\.\n")
    sink.stdin.close()
    if sink.wait() != 0:
        raise SystemExit(f"PostgreSQL did not take the rows of {table}.")
    for (name,) in psql(url, f"SELECT column_name {about} AND (column_default LIKE 'nextval%' OR is_identity = 'YES')"):
        psql(url, f"SELECT setval(pg_get_serial_sequence('\"{table}\"', '{name}'), max(\"{name}\")) FROM \"{table}\" HAVING max(\"{name}\") > 0")


def text_of(kind: str):
    """How `COPY` reads a value of this type."""
    match kind:
        case "uuid":
            return bytes.hex
        case "bytea":
            return lambda value: "\\\\x" + value.hex()
        case "boolean":
            return lambda value: "t" if value else "f"
        case "text" | "character varying":
            return lambda value: value.translate(ESCAPED)
        case _:
            return str
