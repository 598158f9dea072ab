"""A gateway in Lua on Debian's nginx, in the style of those on OpenResty, with nothing in it but
this work: keys and routes in tables of the worker, counters and histograms in shared dictionaries,
the access log nginx's own. A lower bound for gateways of that kind."""

from pathlib import Path

import work
from peers import nginx

NAME = "lua gateway"
PACKAGES = ["nginx-light", "libnginx-mod-http-lua"]
SETTINGS = ("w5",)

version = nginx.version

TOP = "load_module modules/ndk_http_module.so;\nload_module modules/ngx_http_lua_module.so;\n"

W5 = """
  lua_shared_dict limits 64m;
  lua_shared_dict counts 16m;
  init_worker_by_lua_block {{
    keys, routes = {{}}, {{}}
    for line in io.lines("{folder}/keys.txt") do
      local key, application = line:match("(%S+) (%S+)")
      keys[key] = application
    end
    for line in io.lines("{folder}/routes.txt") do routes[line] = true end
  }}
  log_format record '$msec $request_id $remote_addr $request_method $record_path $host $status '
                    '$request_length $bytes_sent $request_time $upstream_addr $application';
  access_log {folder}/access.log record buffer=64k flush=1s;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    set $application "";
    set $record_path $uri;
    location / {{
      access_by_lua_block {{
        local var = ngx.var
        local path = var.uri
        -- The longest prefix on segment borders.
        local cut = #path
        local found
        while cut > 0 do
          local prefix = var.host .. path:sub(1, cut)
          if routes[prefix] then found = prefix break end
          cut = cut - 1
          while cut > 0 and path:byte(cut + 1) ~= 47 do cut = cut - 1 end
        end
        if not found then return ngx.exit(404) end
        ngx.ctx.route = found
        local application = keys[var.http_x_api_key or ""]
        if not application then
          ngx.status = 401
          ngx.header["Content-Type"] = "application/json"
          ngx.print('{{"status":401,"code":"key_invalid"}}')
          return ngx.exit(401)
        end
        var.application = application
        local taken = ngx.shared.limits:incr(application .. ":" .. ngx.time(), 1, 0, 2)
        if taken and taken > 1000000 then return ngx.exit(429) end
        ngx.req.clear_header("X-Api-Key")
        ngx.req.set_header("X-Application", application)
        ngx.req.set_header("X-Request-Id", var.request_id)
        ngx.req.set_header("X-Forwarded-For", var.remote_addr)
        ngx.req.set_header("X-Forwarded-Host", var.host)
        ngx.req.set_header("X-Forwarded-Proto", var.scheme)
        ngx.header["X-Request-Id"] = var.request_id
        ngx.req.set_uri(path:sub(cut + 1))
      }}
      log_by_lua_block {{
        local route = ngx.ctx.route or "none"
        local millis = (tonumber(ngx.var.request_time) or 0) * 1000
        local bucket = 1
        while bucket < millis do bucket = bucket * 2 end
        ngx.shared.counts:incr(route .. ":" .. ngx.status, 1, 0)
        ngx.shared.counts:incr(route .. ":le:" .. bucket, 1, 0)
      }}
      proxy_pass http://backend;
    }}
  }}
}}
"""


def configure(setting: str, folder: Path, port: int, backend: int) -> tuple[list[str], dict[str, str]]:
    names = {"folder": folder, "port": port, "backend": backend, "user": nginx.USER}
    config = folder / "nginx.conf"
    config.write_text(TOP + nginx.HEAD.format(**names) + W5.format(**names))
    (folder / "keys.txt").write_text("".join(f"{work.key(index)} app-{index}\n" for index in range(work.KEYS)))
    (folder / "routes.txt").write_text("".join(f"{work.HOST}{work.prefix(route)}\n" for route in range(work.ROUTES)))
    # Modules are found beside nginx's own prefix.
    config.write_text(config.read_text().replace("load_module modules/", "load_module /usr/lib/nginx/modules/"))
    return ["nginx", "-p", str(folder), "-c", str(config)], {}


def logs(folder: Path) -> list[Path]:
    return [folder / "access.log"]
