"""Example data arrive whole and right, from a server that may break off, lie, or not know about resuming."""

import hashlib
import lzma
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import yaml

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.examples import SCAN, fetch_megapress, read_megapress
from spinsculpt.data.fetch import fetch_example_data, read_table
from spinsculpt.data.nifti import read_fids

CONTENT = {"a.SDAT": bytes(range(256)) * 700, "b folder/b.SPAR": b"samples : 2048\n"}


class Server(SimpleHTTPRequestHandler):
    """Serves files with ranges; what goes wrong is in the attributes of the server."""

    def do_GET(self):
        path = self.translate_path(self.path)
        try:
            content = open(path, "rb").read()  # noqa: SIM115
        except OSError:
            return self.send_error(404)
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.server.resumes else 0
        self.server.requests.append((self.path, start))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if self.server.breaks:
            body = body[: self.server.breaks.pop()]
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path):
    root = tmp_path / "served"
    for name, content in CONTENT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=root)) as httpd:
        httpd.requests, httpd.breaks, httpd.resumes, httpd.root = [], [], True, root
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        yield httpd
        httpd.shutdown()


@pytest.fixture
def fetch(server, tmp_path):
    """Downloads the two files of the server into `tmp_path`/data."""
    files = [
        {"path": f"set/{name}", "origin": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in CONTENT.items()
    ]
    table = tmp_path / "table.yaml"
    table.write_text(yaml.safe_dump({"base_url": "http://127.0.0.1:9", "files": files}))
    return partial(
        fetch_example_data, tmp_path / "data", f"http://127.0.0.1:{server.server_port}", table, attempts=3, pause=0.01
    )


def test_files_arrive_whole_and_nothing_else_stays(fetch, tmp_path):
    paths = fetch()
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())
    assert not (tmp_path / "data.partial").exists()


def test_what_is_there_and_right_is_not_fetched_again(fetch, server):
    fetch()
    server.requests.clear()
    fetch()
    assert server.requests == []


def test_a_broken_download_continues_where_it_ended(fetch, server):
    server.breaks = [100_000]
    assert fetch()[0].read_bytes() == CONTENT["a.SDAT"]
    assert [start for path, start in server.requests if path == "/a.SDAT"] == [0, 100_000]


def test_a_later_run_continues_what_an_earlier_one_could_not_end(fetch, server, tmp_path):
    server.breaks = [1000, 1000, 1000]
    with pytest.raises(SpinsculptError, match=r"a\.SDAT: .* after 3000 of 179200 bytes.*run again"):
        fetch()
    assert not (tmp_path / "data").exists()
    server.requests.clear()
    fetch()
    assert server.requests[0] == ("/a.SDAT", 3000)


def test_a_server_that_does_not_resume_starts_anew(fetch, server):
    server.breaks, server.resumes = [1000], False
    assert fetch()[0].read_bytes() == CONTENT["a.SDAT"]


def test_another_content_is_refused(fetch, server, tmp_path):
    (server.root / "a.SDAT").write_bytes(bytes(len(CONTENT["a.SDAT"])))
    with pytest.raises(SpinsculptError, match=r"a\.SDAT: .*SHA-256"):
        fetch()
    assert not (tmp_path / "data").exists()


def test_an_unknown_file_names_its_address_and_is_not_tried_again(fetch, server):
    (server.root / "a.SDAT").unlink()
    with pytest.raises(SpinsculptError, match=r"/a\.SDAT: the server says 404"):
        fetch()


def test_no_server_is_a_sentence(tmp_path):
    with pytest.raises(SpinsculptError, match="could not be downloaded in 1 attempts"):
        fetch_example_data(tmp_path / "data", "http://127.0.0.1:9", attempts=1)


def test_table_names_the_real_files(evidence):
    _, files = read_table()
    assert len(files) == 12
    for file in files:
        content = (evidence / "data" / file.path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)


def test_files_of_others_are_neither_replaced_nor_removed(fetch, server, tmp_path):
    theirs = [tmp_path / "data/set/diary.txt", tmp_path / "data.partial/notes.txt", tmp_path / "data.partial/set/x"]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("theirs")
    by_hand = tmp_path / "data/set/a.SDAT"
    by_hand.write_bytes(CONTENT["a.SDAT"])
    before = by_hand.stat().st_mtime_ns
    fetch()
    assert all(path.read_text() == "theirs" for path in theirs) and by_hand.stat().st_mtime_ns == before
    by_hand.write_text("theirs")
    server.requests.clear()
    with pytest.raises(SpinsculptError, match=r"a.SDAT was not written by spinsculpt and would be replaced"):
        fetch()
    assert by_hand.read_text() == "theirs" and not server.requests


def test_the_megapress_scan_is_converted_from_the_file_of_r(server, tmp_path, monkeypatch):
    """Averages vary fastest in the file, and its sign is that of NIfTI-MRS."""
    fids = np.exp(np.arange(1024)[:, None] * (-0.01 + 0.1j)) * np.arange(1, 41)
    path = server.root / "scan.rda"
    path.write_bytes(lzma.compress(bytes(85) + fids.astype(">c16").tobytes() + b"attributes"))
    size, digest = path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
    table = {"base_url": f"http://127.0.0.1:{server.server_port}"}
    table["files"] = [{"path": "scan.rda", "origin": "scan.rda", "size": size, "sha256": digest}]
    (tmp_path / "table.yaml").write_text(yaml.safe_dump(table))
    monkeypatch.setattr("spinsculpt.data.examples.TABLE", tmp_path / "table.yaml")
    assert fetch_megapress(tmp_path / "data") == fetch_megapress(tmp_path / "data") == tmp_path / "data" / SCAN
    found = read_fids(tmp_path / "data" / SCAN)
    np.testing.assert_allclose(found.fids, fids.conj(), rtol=1e-6)
    assert found.dims == ("DIM_DYN",) and found.header["EchoTime"] == 0.068
    path.write_bytes(b"no xz")
    with pytest.raises(SpinsculptError, match="fetch it again"):
        read_megapress(path)
