"""Stands for our own processes: `child.py migrate|serve|worker`. A file `home/fail-NOUN` holds the sentence it fails with."""

import http.server
import os
import sys
import threading
import time
from pathlib import Path

from server.embedded.ready import announce_ready
from server.settings import load_settings


class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


def main(noun: str) -> None:
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.temporal_address is not None
    order = Path(settings.home / f"fail-{noun}")
    if order.exists():
        text = order.read_text()
        code = 3 if text.startswith("error: ") else 1
        print(text, file=sys.stderr)
        sys.exit(code)
    if noun == "migrate":
        (settings.home / "migrated").write_text(settings.database_url)
        return
    if noun == "serve":
        server = http.server.ThreadingHTTPServer((settings.host, settings.port), Ready)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    announce_ready(settings.ready_fd)
    while os.getppid() != 1:
        time.sleep(0.05)


main(sys.argv[1])
