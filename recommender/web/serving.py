"""Routes of the page, of its files, and of the widget: read once, and answered from memory."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from importlib.resources import files
from typing import Final, NamedTuple

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

_TYPES: Final = {".css": "text/css", ".html": "text/html", ".js": "text/javascript"}

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src https: http: data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing runs, or decides how the page looks, but its own files; pictures are those of stories."""

_KEPT: Final = {"page": "no-cache", "widget": "public, max-age=3600"}
"""A page asks whether its files are still the same; a widget in others' pages may be an hour old."""


class File(NamedTuple):
    """A file as it is answered."""

    content: bytes
    headers: dict[str, str]

    @classmethod
    def read(cls, folder: str, name: str, kept: str) -> File:
        """Read a file of this package."""
        content = (files("recommender.web") / folder / name).read_bytes()
        kind = _TYPES[name[name.rindex(".") :]]
        tag = f'"{blake2b(content, digest_size=12).hexdigest()}"'
        headers = {"Content-Type": f"{kind}; charset=utf-8", "Cache-Control": kept, "ETag": tag}
        return cls(content, headers)

    def answer(self, request: Request) -> Response:
        """Answer with it, or that it is as the reader has it."""
        if request.headers.get("if-none-match") == self.headers["ETag"]:
            return Response(status_code=304, headers=self.headers)
        return Response(self.content, headers=self.headers)


def install(app: FastAPI) -> None:
    """Give the application the page at ``/``, its files below ``/web/``, and ``/widget.js``."""
    page = File.read("templates", "page.html", _KEPT["page"])
    page.headers["Content-Security-Policy"] = POLICY
    widget = File.read("static", "widget.js", _KEPT["widget"])
    # Any page may run it: that is what it is for.
    widget.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    names = [one.name for one in (files("recommender.web") / "static").iterdir() if one.name != "widget.js"]
    parts = {f"/web/{name}": File.read("static", name, _KEPT["page"]) for name in names}
    for path, file in {"/": page, "/widget.js": widget, **parts}.items():
        app.router.add_route(path, _answering(file), include_in_schema=False)


def _answering(file: File) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        return file.answer(request)

    return answer
