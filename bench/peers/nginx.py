"""nginx as Debian ships it, set up for the same work (bench.md: without upstream keep-alive it
would look many times slower than it is)."""

import os
import re
import subprocess
from pathlib import Path

import work

NAME = "nginx"
PACKAGES = ["nginx-light"]

# Who its worker runs as when started by root; the folders belong to whoever runs the benchmark.
USER = "user root;\n" if os.geteuid() == 0 else ""

HEAD = """
{user}worker_processes 1;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 60s;
  tcp_nodelay on;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  upstream backend {{
    server 127.0.0.1:{backend};
    keepalive 128;
    keepalive_requests 1000000000;
  }}
"""

# nginx keeps no histogram per route: that part of W5 it is spared.
W5 = """
  map_hash_max_size 524288;
  map_hash_bucket_size 128;
  map $http_x_api_key $application {{
    default "";
    include {folder}/keys.map;
  }}
  limit_req_zone $application zone=keys:64m rate=1000000r/s;
  limit_req_status 429;
  log_format record '$msec $request_id $remote_addr $request_method $uri $host $status '
                    '$request_length $bytes_sent $request_time $upstream_addr $application';
  access_log {folder}/access.log record buffer=64k flush=1s;
  proxy_set_header X-Api-Key "";
  proxy_set_header X-Application $application;
  proxy_set_header X-Request-Id $request_id;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Host $host;
  proxy_set_header X-Forwarded-Proto $scheme;
  add_header X-Request-Id $request_id;
  server {{
    listen 127.0.0.1:{port} default_server backlog=1024;
    return 404;
  }}
  server {{
    listen 127.0.0.1:{port};
    server_name {host};
    if ($application = "") {{ return 401 '{{"status":401,"code":"key_invalid"}}'; }}
    limit_req zone=keys burst=1000000 nodelay;
"""

W0 = """
  access_log off;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
"""


def version() -> str:
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr
    return re.search(r"nginx/(\S+)", said)[1]


def configure(setting: str, folder: Path, port: int, backend: int) -> tuple[list[str], dict[str, str]]:
    """Writes the configuration; gives the command and its environment."""
    names = {"folder": folder, "port": port, "backend": backend, "host": work.HOST, "user": USER}
    text = HEAD.format(**names) + (W5 if setting == "w5" else W0).format(**names)
    for route in range(work.ROUTES if setting == "w5" else 1):
        text += f"    location {work.prefix(route)}/ {{ proxy_pass http://backend/; }}\n"
    config = folder / "nginx.conf"
    config.write_text(text + "  }\n}\n")
    if setting == "w5":
        lines = (f'"{work.key(index)}" app-{index};\n' for index in range(work.KEYS))
        (folder / "keys.map").write_text("".join(lines))
    return ["nginx", "-p", str(folder), "-c", str(config)], {}


def logs(folder: Path) -> list[Path]:
    """Files that grow with the requests; emptied between runs."""
    return [folder / "access.log"]
