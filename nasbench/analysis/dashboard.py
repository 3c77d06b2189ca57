"""optuna-dashboard for a study, on this machine only, and on a copy of the ledger.

The dashboard has no passwords, and it can delete studies. So it never opens the ledger itself. It works on a copy in a temporary folder,
which is made again whenever the ledger has changed. It answers only requests to a loopback address that come from its own pages.
"""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from nasbench.errors import NasbenchError, StudyError
from nasbench.processes import TemporaryFolder
from nasbench.study.directory import StudyDirectory
from nasbench.study.snapshot import copy_ledger, has_tables

HOST = "127.0.0.1"
REFRESH_S = 5.0
REWARDED = ("search", "random")  # phases whose value is the reward

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class _Shown:
    """A copy of the ledger, and the web application that shows it."""

    path: Path
    stamp: tuple[float, ...]
    application: Application
    close: Callable[[], None]


class Dashboard:
    """Serves the dashboard at `url` from `start` until `close`; a context manager.

    Args:
        folder: the study directory.
        port: the port to listen on; 0 takes a free one.
        refresh_s: seconds between two looks at the ledger.

    Raises:
        NasbenchError: optuna-dashboard is not installed, or the port is taken.
        StudyError: the study has no trial yet, is a copy without a ledger, or its ledger is damaged.
    """

    def __init__(self, folder: StudyDirectory, port: int = 8080, refresh_s: float = REFRESH_S) -> None:
        if importlib.util.find_spec("optuna_dashboard") is None:
            raise NasbenchError("the dashboard is optuna-dashboard, which is not installed; run: pip install 'nasbench[dashboard]'")
        if folder.is_copy:
            raise StudyError(f"a dashboard shows a study's ledger; {folder.path} is a copy without a ledger; name the study itself")
        if not has_tables(folder):
            raise StudyError(f"a dashboard shows trials; {folder.path} has no trial yet; wait for the first")
        self._ledger, self._command, self._refresh_s = folder.ledger, folder.command, refresh_s
        self._temporary = TemporaryFolder("dashboard")
        self._count = 0
        self._ended, self._serves = threading.Event(), False
        try:
            self._shown = self._copy()
            self._server = _listen(port, self._answer)
        except BaseException:
            self._temporary.close()
            raise
        self.url = f"http://{HOST}:{self._server.server_port}/dashboard"

    def start(self) -> None:
        """Serve in threads of this process, and return at once."""
        self._serves = True
        for work in (lambda: self._server.serve_forever(poll_interval=0.2), self._keep_fresh):
            threading.Thread(target=work, daemon=True).start()

    def close(self) -> None:
        """Stop serving, and remove the copy."""
        self._ended.set()
        if self._serves:  # without a running server, `shutdown` waits for ever
            self._server.shutdown()
        self._server.server_close()
        self._shown.close()
        self._temporary.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # A web page elsewhere can let its own host name resolve to this machine (DNS rebinding). Its requests still carry that name.
        if environ.get("HTTP_HOST", "").rsplit(":", 1)[0] not in (HOST, "localhost"):
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"only requests to 127.0.0.1 or localhost are answered\n"]
        if _is_foreign(environ):
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"only requests of the dashboard's own pages are answered\n"]
        return self._shown.application(environ, start_response)

    def _keep_fresh(self) -> None:
        while not self._ended.wait(self._refresh_s):
            if _stamp(self._ledger) == self._shown.stamp:
                continue
            try:
                new = self._copy()
            except StudyError:  # the ledger is being moved or replaced; the old copy stays valid
                continue
            old, self._shown = self._shown, new
            time.sleep(min(1.0, self._refresh_s))  # requests to the old copy may still be running
            old.close()

    def _copy(self) -> _Shown:
        import optuna
        from optuna_dashboard import wsgi

        self._count += 1
        stamp = _stamp(self._ledger)
        path = copy_ledger(self._ledger, self._temporary.path / f"{self._count}.db")
        show_constraints(path)
        name_objectives(path, self._command)
        storage = optuna.storages.RDBStorage(
            "sqlite:///copy.db",  # only a name; `creator` opens the file
            engine_kwargs={"creator": lambda: sqlite3.connect(path, timeout=60, check_same_thread=False)},
        )

        def close() -> None:
            storage.remove_session()
            storage.engine.dispose()
            path.unlink(missing_ok=True)

        return _Shown(path, stamp, wsgi(storage), close)


def show_constraints(copy: Path) -> None:
    """Repeat the constraints of each trial in a copied ledger under the old name that optuna-dashboard reads.

    Optuna 5 stores one system attribute per constraint, `constraints:latency`; optuna-dashboard 0.21 only reads one list, `constraints`.
    With it, a trial with any constraint above zero is drawn as infeasible.
    """
    with closing(sqlite3.connect(copy)) as connection, connection:
        constraints: dict[int, list[float]] = {}
        rows = connection.execute(
            "SELECT trial_id, value_json FROM trial_system_attributes WHERE key LIKE 'constraints:%' ORDER BY trial_id, key"
        )
        for trial, value in rows:
            constraints.setdefault(trial, []).append(json.loads(value))
        connection.executemany(
            "INSERT INTO trial_system_attributes (trial_id, key, value_json) VALUES (?, 'constraints', ?)",
            [(trial, json.dumps(values)) for trial, values in constraints.items()],
        )


def name_objectives(copy: Path, command: Mapping[str, Any]) -> None:
    """Name the values of each phase in a copied ledger, where Optuna's `Study.set_metric_names` would; else they are called `Objective 0`.

    Args:
        copy: the database.
        command: the study's command.
    """
    is_reward = command.get("reward") in ("hard", "soft") and command.get("latency_ms") is not None
    with closing(sqlite3.connect(copy)) as connection, connection:
        phases = connection.execute(
            "SELECT s.study_id, s.study_name, COUNT(*) FROM studies s JOIN study_directions d USING (study_id) GROUP BY s.study_id"
        )
        for number, name, values in phases.fetchall():
            names = ["accuracy", "latency (ms)"] if values == 2 else ["reward" if is_reward and name in REWARDED else "accuracy"]
            connection.execute(
                "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (?, 'study:metric_names', ?)",
                (number, json.dumps(names)),
            )


def _is_foreign(environ: Mapping[str, Any]) -> bool:
    """Whether a page of another server sent a request, which a browser says in two headers.

    A link from elsewhere may still lead to the dashboard: a GET without an origin changes nothing, and no page can read its answer.
    """
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None:
        return bool(origin != f"http://{environ['HTTP_HOST']}")
    reads = environ.get("REQUEST_METHOD") in ("GET", "HEAD")
    return not reads and environ.get("HTTP_SEC_FETCH_SITE", "same-origin") not in ("same-origin", "none")


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_port = False


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: a line for each request would only be noise."""


def _listen(port: int, application: Application) -> WSGIServer:
    try:
        return make_server(HOST, port, application, server_class=_Server, handler_class=_Quiet)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NasbenchError(f"the dashboard needs a free port of {HOST}; {port}: {reason}; choose another with --port") from None


def _stamp(ledger: Path) -> tuple[float, ...]:
    """A value that changes when the ledger or its write-ahead log changes."""
    stamp: list[float] = []
    for path in (ledger, ledger.with_name(f"{ledger.name}-wal")):
        try:
            stat = path.stat()
        except OSError:
            continue
        stamp += [stat.st_mtime_ns, stat.st_size]
    return tuple(stamp)
