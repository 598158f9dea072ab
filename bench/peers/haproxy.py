"""HAProxy as Debian ships it: keys and routes from maps, a rate per application in a stick table,
a unique id, and log lines into a ring in memory (cheaper than any file)."""

import re
import socket
import subprocess
from pathlib import Path

import work

NAME = "haproxy"
PACKAGES = ["haproxy"]
SETTINGS = ("w5", "w0")

HEAD = """
global
  nbthread 1
  maxconn 9000
  stats socket {folder}/control level admin
ring records
  maxlen 1200
  size 4194304
defaults
  mode http
  maxconn 9000
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
backend backend
  http-reuse always
  server one 127.0.0.1:{backend} pool-max-conn 256
"""

# It keeps no histogram per route: that part of W5 it is spared.
W5 = """
backend keys
  stick-table type string len 16 size 200k expire 60s store http_req_rate(1s)
frontend front
  bind 127.0.0.1:{port} backlog 1024
  log ring@records local0
  log-format "%Ts %ID %ci %HM %HPO %[var(txn.host)] %ST %U %B %Ta %si:%sp %[var(txn.application)]"
  unique-id-format "%[uuid()]"
  unique-id-header X-Request-Id
  http-request set-var(txn.host) req.hdr(host)
  http-request set-var(txn.route) base,map_beg({folder}/routes.map)
  http-request return status 404 unless {{ var(txn.route) -m found }}
  http-request set-var(txn.application) req.hdr(X-Api-Key),map_str({folder}/keys.map)
  http-request return status 401 content-type application/json string '{{"status":401,"code":"key_invalid"}}' unless {{ var(txn.application) -m found }}
  http-request track-sc0 var(txn.application) table keys
  http-request deny deny_status 429 if {{ sc_http_req_rate(0,keys) gt 1000000 }}
  http-request del-header X-Api-Key
  http-request set-header X-Application %[var(txn.application)]
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Host %[var(txn.host)]
  http-request set-header X-Forwarded-Proto http
  http-request set-path /%[path,field(5,/,0)]
  http-response set-header X-Request-Id %[unique-id]
  use_backend %[var(txn.route)]
"""

W0 = """
frontend front
  bind 127.0.0.1:{port} backlog 1024
  http-request set-path /%[path,field(5,/,0)]
  default_backend backend
"""


def version() -> str:
    said = subprocess.run(["haproxy", "-v"], capture_output=True, text=True).stdout
    return re.search(r"version (\S+)", said)[1]


def configure(setting: str, folder: Path, port: int, backend: int) -> tuple[list[str], dict[str, str]]:
    config = folder / "haproxy.cfg"
    text = HEAD + (W5 if setting == "w5" else W0)
    config.write_text(text.format(folder=folder, port=port, backend=backend))
    if setting == "w5":
        (folder / "keys.map").write_text("".join(f"{work.key(index)} app-{index}\n" for index in range(work.KEYS)))
        (folder / "routes.map").write_text("".join(f"{work.HOST}{work.prefix(route)}/ backend\n" for route in range(work.ROUTES)))
    return ["haproxy", "-db", "-f", str(config)], {}


def logs(folder: Path) -> list[Path]:
    return []


def logged(folder: Path) -> str:
    """The access log, wherever it is."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(folder / "control"))
        control.sendall(b"show events records\n")
        return b"".join(iter(lambda: control.recv(65536), b"")).decode(errors="replace")
