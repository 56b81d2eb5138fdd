"""Filings in PostgreSQL. A connection per thread, made again when the database was away."""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg2

from filing.declaration import Declaration

Result = TypeVar("Result")

# Two versions of the application may start at once while one takes over from the other: the lock lets one go first.
_SCHEMA = """
SELECT pg_advisory_xact_lock(7316001);
CREATE TABLE IF NOT EXISTS filing (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    receipt    text NOT NULL UNIQUE,
    submission text NOT NULL UNIQUE,
    taxpayer   text NOT NULL,
    name       text NOT NULL,
    period     text NOT NULL,
    kind       text NOT NULL,
    amount     numeric(14, 2) NOT NULL CHECK (amount >= 0),
    filed      timestamptz NOT NULL DEFAULT now()
);
"""
_FILE = """
INSERT INTO filing (receipt, submission, taxpayer, name, period, kind, amount) VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (submission) DO UPDATE SET submission = filing.submission RETURNING receipt
"""
_READ = "SELECT number, receipt, taxpayer, name, period, kind, amount, filed FROM filing WHERE receipt = %s"


class UnavailableError(Exception):
    """The database cannot be asked now."""


@dataclass(frozen=True)
class Receipt:
    """A filing as it is shown to who filed it. ``receipt`` cannot be guessed; ``number`` is for people."""

    number: int
    receipt: str
    taxpayer: str
    name: str
    period: str
    kind: str
    amount: Any  # Decimal
    filed: datetime

    @property
    def title(self) -> str:
        """The receipt number as printed: F-2026-00000042."""
        return f"F-{self.filed.year}-{self.number:08d}"


class Store:
    """The filings of one database."""

    def __init__(self, host: str, port: str, name: str, user: str, password_file: Path) -> None:
        self._where = {"host": host, "port": port, "dbname": name, "user": user}
        self._password_file = password_file
        self._thread = threading.local()
        self._ready = threading.Event()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Store:
        """From IDC_DATABASE_HOST, _PORT, _NAME, _USER and IDC_PASSWORD_FILE."""
        prefix = "IDC_DATABASE_"
        return cls(
            host=environment[f"{prefix}HOST"],
            port=environment.get(f"{prefix}PORT", "5432"),
            name=environment[f"{prefix}NAME"],
            user=environment[f"{prefix}USER"],
            password_file=Path(environment["IDC_PASSWORD_FILE"]),
        )

    def prepare(self) -> None:
        """Make the table where there is none; tries until the database is there."""
        said = ""
        while not self._ready.is_set():
            try:
                self._run(lambda cursor: cursor.execute(_SCHEMA))
                self._ready.set()
            except UnavailableError as error:
                if str(error) != said:
                    said = str(error)
                    print(f"waiting for the database: {said}", file=sys.stderr)
                time.sleep(0.5)

    def check(self) -> None:
        """Raises UnavailableError unless filings can be taken."""
        if not self._ready.is_set():
            raise UnavailableError("not prepared yet")
        self._run(lambda cursor: cursor.execute("SELECT 1 FROM filing LIMIT 1"))

    def file(self, declaration: Declaration) -> str:
        """Keep a declaration; returns its receipt. The same submission again returns the same receipt."""
        row = (secrets.token_urlsafe(18), declaration.submission, declaration.taxpayer, declaration.name,
               declaration.period, declaration.kind, declaration.amount)  # fmt: skip

        def insert(cursor: Any) -> str:
            cursor.execute(_FILE, row)
            return str(cursor.fetchone()[0])

        return self._run(insert)

    def receipt(self, receipt: str) -> Receipt | None:
        """The filing with this receipt."""

        def select(cursor: Any) -> Receipt | None:
            cursor.execute(_READ, (receipt,))
            row = cursor.fetchone()
            return Receipt(*row) if row else None

        return self._run(select)

    def _run(self, work: Callable[[Any], Result]) -> Result:
        """Run one transaction; once more on a new connection when the old one had died meanwhile."""
        for attempt in (1, 2):
            try:
                connection = self._connection()
                with connection, connection.cursor() as cursor:
                    return work(cursor)
            except (psycopg2.OperationalError, psycopg2.InterfaceError, OSError) as error:
                self._drop()
                if attempt == 2:
                    raise UnavailableError(str(error).strip().splitlines()[0]) from error
        raise AssertionError("unreachable")

    def _connection(self) -> Any:
        connection = getattr(self._thread, "connection", None)
        if connection is None or connection.closed:
            connection = psycopg2.connect(
                **self._where,
                password=self._password_file.read_text().strip(),  # read anew: it may have been rotated
                connect_timeout=3,
                application_name="filing",
                options="-c statement_timeout=5000",
                keepalives_idle=10,
                keepalives_interval=3,
                keepalives_count=3,
                tcp_user_timeout=10000,
            )
            self._thread.connection = connection
        return connection

    def _drop(self) -> None:
        connection = getattr(self._thread, "connection", None)
        self._thread.connection = None
        if connection is not None and not connection.closed:
            connection.close()
