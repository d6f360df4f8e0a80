"""The explorer's local server: this machine only, a port that is free, one corpus, nothing but reading.

A page of another site cannot use it: requests must name this machine as their host (so that no other name can be made to point here) and
must not come from another site's page.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import InputError
from .assemble import script

if TYPE_CHECKING:
    from .files import Contents

_HEADERS = {
    "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY", "Cache-Control": "no-store",
}  # fmt: skip
_SAME = ("same-origin", "none", None)


class ExplorerServer(ThreadingHTTPServer):
    """Serves :class:`~hetero_xmodal.explorer.files.Contents` at ``http://127.0.0.1:PORT/`` until it is shut down.

    Raises
    ------
    InputError : the port cannot be used.
    """

    daemon_threads = True

    def __init__(self, contents: Contents, port: int = 0):
        self.contents = contents
        self.page, self.list = contents.page().encode(), script("list", contents.value("list")).encode()
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise InputError(f"port {port} cannot be used ({error.strerror}); leave it out, and a free one is taken") from None

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: ExplorerServer
    server_version, sys_version = "hetero-xmodal", ""

    def do_GET(self) -> None:
        port = self.server.server_port
        if self.headers.get("Host") not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            return self._answer(403, "text/plain", b"this server answers to 127.0.0.1 only")
        path = urlsplit(self.path).path
        if path == "/":
            return self._answer(200, "text/html; charset=utf-8", self.server.page)
        if self.headers.get("Sec-Fetch-Site") not in _SAME:
            return self._answer(403, "text/plain", b"not for other sites")
        try:
            self._answer(200, *self._found(path))
        except (KeyError, ValueError):
            self._answer(404, "text/plain", b"not found")
        except InputError as error:
            self._answer(404, "application/json", json.dumps(str(error)).encode())

    def _found(self, path: str) -> tuple[str, bytes]:
        folder, _, name = path.lstrip("/").partition("/")
        if folder == "data" and name.endswith(".js"):
            name = name.removesuffix(".js")
            made = self.server.list if name == "list" else script(name, self.server.contents.value(name)).encode()
            return "text/javascript", made
        if folder == "images" and name.endswith(".jpg"):
            return "image/jpeg", self.server.contents.image(int(name.removesuffix(".jpg")))
        raise KeyError(path)

    def _answer(self, code: int, kind: str, data: bytes) -> None:
        self.send_response(code)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **_HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not reported."""
