"""What the proxies forward to: nginx with fixed answers and one that says what came, on the load generator's CPU."""

import json
from pathlib import Path

from process import Process, free_port

CONFIG = """
{user}worker_processes 1;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  default_type application/json;
  keepalive_requests 1000000000;
  keepalive_timeout 75s;
  tcp_nodelay on;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location = /small {{ return 200 '{small}'; }}
    location = /public {{ add_header Cache-Control "public, max-age=3600"; return 200 '{small}'; }}
    location = /large {{ return 200 '{large}'; }}
    location = /said {{ return 200 '{said}'; }}
    location /files/ {{ root {folder}; }}
    location / {{ return 404; }}
  }}
}}
"""


# What a peer must have set or taken away before the backend.
SAID = {
    "request_id": "$http_x_request_id",
    "for": "$http_x_forwarded_for",
    "host": "$http_x_forwarded_host",
    "proto": "$http_x_forwarded_proto",
    "key": "$http_x_api_key",
}


def body(size: int) -> str:
    return '{"text":"' + "x" * (size - 11) + '"}'


# Longer bodies than nginx takes in its configuration, under /files/.
FILES = {"100k": 100_000, "10m": 10_000_000}


def start(folder: Path, user: str, cpu: int) -> Process:
    (folder / "files").mkdir(parents=True, exist_ok=True)
    for name, size in FILES.items():
        (folder / "files" / name).write_text(body(size))
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, user=user, small=body(200), large=body(1024), said=json.dumps(SAID)))
    process = Process(["nginx", "-p", str(folder), "-c", str(config)], cpu, port, folder / "out.log")
    process.wait_until_it_answers()
    return process
