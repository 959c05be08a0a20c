"""The downloader, against a server on this machine."""

import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dragoman.corpora import fetch, multi30k
from dragoman.corpora.fetch import MULTI30K_BASE, Patience, cache_folder, find_file
from dragoman.corpora.multi30k import Multi30kFile
from dragoman.errors import DragomanError, UsageError

IMPATIENT = Patience(attempts=3, timeout=5, pause=0.01)


class Server(ThreadingHTTPServer):
    """Answers from `pages`; `failures` first answers are cut short, wrong or errors, as `fault` says."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.pages: dict[str, bytes] = {}
        self.fault = ""
        self.failures = 0
        self.asked: list[str] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/task1"


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.pages.get(self.path)
        fault = self.server.fault if len(self.server.asked) <= self.server.failures else ""
        if content is None or fault == "503":
            self.send_error(404 if content is None else 503)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write({"cut": content[:-4], "wrong": bytes(len(content))}.get(fault, content))

    def log_message(self, format: str, *args: object) -> None:
        """The test's output stays clean."""


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRAGOMAN_CORPORA", raising=False)
    monkeypatch.setenv("DRAGOMAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that has small stand-ins for Multi30k in en and de, with their hashes pinned."""
    with Server() as running:
        hashes = {}
        for split in multi30k.SPLIT_FILES:
            for language in ("en", "de"):
                for tokenized in (False, True):
                    file = Multi30kFile(split, language, tokenized)
                    text = f"{file.stem} sentence\n".encode() * 20
                    hashes[file.stem] = hashlib.sha256(text).hexdigest()
                    running.pages[f"/task1/{file.address}"] = text if tokenized else gzip.compress(text)
        monkeypatch.setattr(multi30k, "_SHA256", hashes)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_files_are_fetched_once_into_the_cache(server: Server) -> None:
    paths = fetch("multi30k:en-de", server.base, IMPATIENT)
    names = [
        "train.en.gz",
        "train.de.gz",
        "val.en.gz",
        "val.de.gz",
        "test_2016_flickr.en.gz",
        "test_2016_flickr.de.gz",
    ]
    assert [path.name for path in paths] == names
    assert {path.parent for path in paths} == {cache_folder() / "multi30k"}
    assert gzip.decompress(paths[1].read_bytes()) == b"train.de sentence\n" * 20
    assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(names)
    assert len(server.asked) == 6
    assert fetch("multi30k:de-en", server.base, IMPATIENT)[0] == paths[1]
    assert len(server.asked) == 6


def test_the_tokenized_form_is_fetched_too(server: Server) -> None:
    paths = fetch("multi30k-tok:de-en", server.base, IMPATIENT)
    assert paths[0].name == "train.lc.norm.tok.de"
    assert paths[0].read_bytes() == b"train.lc.norm.tok.de sentence\n" * 20
    assert server.asked[0] == "/task1/tok/train.lc.norm.tok.de"


@pytest.mark.parametrize("fault", ["cut", "wrong", "503"])
def test_a_fault_that_passes_is_tried_again(server: Server, fault: str) -> None:
    server.fault, server.failures = fault, 2
    assert len(fetch("multi30k", server.base, IMPATIENT)) == 6
    assert len(server.asked) == 8


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("cut", r"\(IncompleteRead.*\)"),
        ("wrong", r"\(what arrived is not the expected file: its SHA-256 differs\)"),
        ("503", r"\(the server answered 503 Service Unavailable\)"),
    ],
)
def test_a_fault_that_stays_is_said_and_leaves_nothing(server: Server, fault: str, said: str) -> None:
    server.fault, server.failures = fault, 99
    with pytest.raises(DragomanError, match=rf"cannot download .*train\.en\.gz {said}; set DRAGOMAN_CORPORA to a"):
        fetch("multi30k:en-de", server.base, IMPATIENT)
    assert len(server.asked) == 3
    assert not list(cache_folder().rglob("*"))


def test_a_damaged_gzip_stream_is_not_kept(server: Server) -> None:
    whole = server.pages["/task1/raw/train.en.gz"]
    server.pages["/task1/raw/train.en.gz"] = whole[:-3]
    with pytest.raises(DragomanError, match="its SHA-256 differs"):
        fetch("multi30k:en-de", server.base, IMPATIENT)


def test_a_missing_page_is_asked_for_once(server: Server) -> None:
    with pytest.raises(DragomanError, match=r"the server answered 404 Not Found.*; set DRAGOMAN_CORPORA"):
        fetch("multi30k:fr-en", server.base, IMPATIENT)
    assert len(server.asked) == 1


def test_offline_is_one_clear_line(server: Server) -> None:
    port = server.server_address[1]
    server.shutdown()
    server.server_close()
    with pytest.raises(DragomanError, match=r"\(.*refused.*\); set DRAGOMAN_CORPORA to a folder that holds multi30k/"):
        fetch("multi30k:en-de", f"http://127.0.0.1:{port}", IMPATIENT)


def test_a_cache_that_cannot_be_written_is_said(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DRAGOMAN_CACHE", str(tmp_path / "file"))
    with pytest.raises(DragomanError, match=r"cannot write .*; set DRAGOMAN_CACHE to a folder that can be written"):
        fetch("multi30k:en-de", server.base, IMPATIENT)


def test_the_folder_of_the_user_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Multi30kFile("valid", "de", True)
    assert find_file(file) is None
    places = [tmp_path / "cache", tmp_path / "own"]
    for place in places:
        (place / "multi30k").mkdir(parents=True)
        (place / "multi30k" / "val.lc.norm.tok.de").write_text("ein hund .\n")
    assert find_file(file) == places[0] / "multi30k" / "val.lc.norm.tok.de"
    monkeypatch.setenv("DRAGOMAN_CORPORA", str(places[1]))
    assert find_file(file) == places[1] / "multi30k" / "val.lc.norm.tok.de"
    (places[1] / "multi30k" / "val.lc.norm.tok.de.gz").write_bytes(gzip.compress(b"ein hund .\n"))
    assert find_file(file) == places[1] / "multi30k" / "val.lc.norm.tok.de.gz"


def test_the_cache_is_where_the_system_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("DRAGOMAN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "dragoman"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "dragoman"


def test_what_has_no_files_needs_no_fetching() -> None:
    assert fetch("pizzeria") == []
    with pytest.raises(UsageError, match="no corpus is named 'multi3k'; did you mean 'multi30k'"):
        fetch("multi3k")


def test_the_real_address_is_pinned() -> None:
    assert MULTI30K_BASE.startswith("https://")
    assert "/a3d2e0d26b56f3846f66a952536ffed4e401d05a/" in MULTI30K_BASE
