"""The pages: a form, a receipt, a health check."""

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from filing.declaration import KINDS, periods, read
from filing.store import Store, UnavailableError

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # a receipt's address is as good as the receipt
    "Cache-Control": "no-store",
}
_LARGEST_FORM = 16 * 1024


def make_app(store: Store) -> Flask:
    """The application over a store."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_FORM
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.before_request
    def begin() -> None:
        g.began = time.monotonic()

    @app.get("/")
    def form() -> str:
        return _form({}, {})

    @app.post("/filings")
    def file() -> AnyResponse:
        if not _from_our_own_page():
            abort(403)
        declaration, wrong = read(request.form, _today())
        if declaration is None:
            return Response(_form(request.form.to_dict(), wrong), status=422)
        return redirect(url_for("receipt", receipt=store.file(declaration)), code=303)

    @app.get("/receipts/<receipt>")
    def receipt(receipt: str) -> str:
        found = store.receipt(receipt)
        if found is None:
            abort(404)
        return render_template("receipt.html", receipt=found, kind=KINDS.get(found.kind, found.kind))

    @app.get("/healthz")
    def healthz() -> tuple[str, int]:
        try:
            store.check()
        except UnavailableError as error:
            return f"database: {error}\n", 503
        return "ok\n", 200

    @app.errorhandler(UnavailableError)
    def unavailable(error: UnavailableError) -> Response:
        print(f"database: {error}", flush=True)
        page = render_template("problem.html", title="Filing is not possible right now",
                               text="Nothing was filed. Please try again in a few minutes.")  # fmt: skip
        return Response(page, status=503, headers={"Retry-After": "30"})

    @app.errorhandler(403)
    @app.errorhandler(404)
    @app.errorhandler(405)
    @app.errorhandler(413)
    def problem(error: Exception) -> Response:
        code = getattr(error, "code", 500)
        title, text = _PROBLEMS[code]
        return Response(render_template("problem.html", title=title, text=text), status=code)

    @app.after_request
    def finish(response: AnyResponse) -> AnyResponse:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if request.path.startswith("/static/"):
            response.headers["Cache-Control"] = "public, max-age=3600"
        if request.path != "/healthz":
            _log(response)
        return response

    return app


_PROBLEMS = {
    403: ("The form came from another site", "Please open the form here and fill it in again."),
    404: ("There is nothing here", "Check the address. A receipt's address is long; copy it whole."),
    405: ("This address takes no such request", "Please start from the form."),
    413: ("The form is too large", "Please shorten what you entered."),
}


def _form(values: dict[str, str], wrong: dict[str, str]) -> str:
    values = {**values, "submission": values.get("submission") or secrets.token_urlsafe(18)}
    if "submission" in wrong:
        values["submission"] = secrets.token_urlsafe(18)
    return render_template("form.html", values=values, wrong=wrong, kinds=KINDS, periods=periods(_today()))


def _from_our_own_page() -> bool:
    """No session or cookie exists to be misused; still, another site's page must not file in a visitor's name."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def _today() -> date:
    return datetime.now(UTC).date()


def _log(response: AnyResponse) -> None:
    """One line a request, without what was filed: a receipt's address does not go to the log either."""
    path = "/receipts/…" if request.path.startswith("/receipts/") else request.path
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request_id": request.headers.get("X-Request-Id", ""),
        "client": request.headers.get("X-Forwarded-For", ""),
        "method": request.method,
        "path": path,
        "status": response.status_code,
        "seconds": round(time.monotonic() - g.get("began", time.monotonic()), 4),
    }
    print(json.dumps(line), flush=True)
