"""Downloads from a server on this machine that has all the faults a network has."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pytest_pixipack.engine.download import Patience, Wanted, download
from pytest_pixipack.errors import Infrastructure, InvalidInput

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """Answers the n-th request with the n-th of `answers`, further ones with the content."""

    url: str = ""
    answers: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    content: bytes = CONTENT


@pytest.fixture
def server() -> Iterator[Server]:
    known = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            known.ranges.append(asked)
            self.close_connection = True
            if known.answers:
                known.answers.pop(0)(self)
                return
            begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            if begin >= len(known.content) and asked:
                status(416)(self)
                return
            self.send_response(206 if asked else 200)
            if asked:
                end, size = len(known.content) - 1, len(known.content)
                self.send_header("Content-Range", f"bytes {begin}-{end}/{size}")
            self.send_header("Content-Length", str(len(known.content) - begin))
            self.end_headers()
            self.wfile.write(known.content[begin:])

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{httpd.server_address[1]}/linux-64/a-1-0.conda"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield known
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def cut_after(count: int) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        handler.wfile.write(CONTENT[:count])

    return answer


def cut_without_a_length(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(CONTENT[:1000])


def no_answer(handler: BaseHTTPRequestHandler) -> None:
    """The connection is closed before a word is said."""


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def fetch(server: Server, tmp_path: Path, pauses: list[float]) -> Callable[..., Path]:
    """Downloads `a` and records the pauses instead of making them."""

    def run(**fields: object) -> Path:
        values: dict[str, object] = {"sha256": SHA256, "size": len(CONTENT), **fields}
        wanted = Wanted(server.url, "a-1-0", package="a", **values)  # type: ignore[arg-type]
        patience = Patience(attempts=3, timeout=20, pause=pauses.append)
        target = tmp_path / "cache" / "a-1-0.conda"
        target.parent.mkdir(exist_ok=True)
        download(wanted, target, patience=patience, trust_environment=False)
        return target

    return run


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_file_arrives_and_leaves_nothing_beside_it(
    kind: str, fetch: Callable[..., Path], pauses: list[float]
) -> None:
    digest = hashlib.new(kind, CONTENT).hexdigest()

    target = fetch(**{"sha256": None, kind: digest})

    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]
    assert pauses == []


@pytest.mark.parametrize(
    "fault",
    [status(503), status(429), status(502), no_answer, cut_without_a_length],
    ids=["503", "429", "502", "closed", "cut without a length"],
)
def test_a_fault_of_the_network_is_tried_again(
    fault: Callable[[BaseHTTPRequestHandler], None], server: Server, fetch: Callable[..., Path]
) -> None:
    server.answers = [fault]

    assert fetch().read_bytes() == CONTENT


def test_what_has_arrived_is_continued(server: Server, fetch: Callable[..., Path]) -> None:
    server.answers = [cut_after(100_000)]

    assert fetch().read_bytes() == CONTENT
    first, second = server.ranges
    assert first is None
    assert second is not None
    assert 0 < int(second.removeprefix("bytes=").rstrip("-")) <= 100_000


def test_another_process_continues_it_too(server: Server, fetch: Callable[..., Path]) -> None:
    server.answers = [cut_after(100_000), status(500), status(500)]
    with pytest.raises(Infrastructure):
        fetch()

    assert fetch().read_bytes() == CONTENT
    assert server.ranges[-1] is not None


@pytest.mark.parametrize("left", [b"from another file", CONTENT + b"more", CONTENT[:-1] + b"x"])
def test_a_bad_rest_of_an_earlier_download_does_no_harm(
    left: bytes, server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / f".{SHA256}.part").write_bytes(left)

    target = fetch()

    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_a_complete_rest_needs_no_request(
    server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / f".{SHA256}.part").write_bytes(CONTENT)

    assert fetch().read_bytes() == CONTENT
    assert server.ranges == []


def test_a_server_that_knows_no_ranges_sends_all_of_it(
    server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / f".{SHA256}.part").write_bytes(CONTENT[:5000])
    server.answers = [cut_after(len(CONTENT))]

    assert fetch().read_bytes() == CONTENT


def test_it_ends_after_some_attempts_and_says_what_it_was(
    server: Server, fetch: Callable[..., Path], pauses: list[float]
) -> None:
    server.answers = [status(503)] * 5

    with pytest.raises(Infrastructure) as caught:
        fetch()

    assert "the server answered 503 Service Unavailable (3 attempts)" in caught.value.message
    assert len(server.ranges) == 3
    assert pauses == [0.5, 1.0]


def test_the_server_says_how_long_to_wait_within_bounds(
    server: Server, fetch: Callable[..., Path], pauses: list[float]
) -> None:
    server.answers = [status(429, Retry_After="7"), status(503, Retry_After="86400")]

    fetch()

    assert pauses == [7.0, 20.0]


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_what_will_not_change_is_not_tried_again(
    code: int, server: Server, fetch: Callable[..., Path]
) -> None:
    server.answers = [status(code)]

    with pytest.raises(Infrastructure, match=f"the server answered {code}"):
        fetch()
    assert len(server.ranges) == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (CONTENT[:-1] + b"x", "its sha256 is"),
        (CONTENT[:-9], "its sha256 is"),
        (CONTENT + b"!", "it has more than the 1048576 bytes"),
    ],
    ids=["altered", "shorter", "longer"],
)
def test_another_file_is_never_retried_away(
    content: bytes, sentence: str, server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    server.content = content

    with pytest.raises(InvalidInput, match=sentence):
        fetch()
    assert len(server.ranges) == 1
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_secret_of_the_address_is_in_a_message(server: Server, tmp_path: Path) -> None:
    server.answers = [status(404)]
    place = server.url.removeprefix("http://")
    host, _, path = place.partition("/")
    wanted = Wanted(f"http://user:hunter2@{host}/t/tk-123/{path}?sig=abc", "a-1-0")

    with pytest.raises(Infrastructure) as caught:
        download(wanted, tmp_path / "a", trust_environment=False)

    assert f"http://{host}/t/***/{path}" in str(caught.value)
    for secret in ("hunter2", "tk-123", "abc"):
        assert secret not in str(caught.value)


def test_nothing_of_it_is_logged(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Test runners report logs, and httpx would log whole URLs; others may log as ever."""
    import logging

    import httpx

    caplog.set_level(logging.DEBUG)
    address = server.url.replace("://", "://me:hunter2@")
    server.answers = [status(302, Location=f"{address}?sig=hunter2"), status(503)]
    wanted = Wanted(f"{address}?token=hunter2", "a-1-0", sha256=SHA256)
    download(wanted, tmp_path / "a.conda", patience=Patience(first_pause=0))
    assert len(server.ranges) == 3
    assert "hunter2" not in caplog.text
    assert not caplog.records
    httpx.get(server.url)
    assert server.url in caplog.text


def test_progress_is_told(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    wanted = Wanted(server.url, "a-1-0", sha256=SHA256)

    download(
        wanted,
        tmp_path / "a",
        trust_environment=False,
        progress=lambda done, total: told.append((done, total)),
    )

    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
