"""The commands' client against a real HTTP server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from server.cli.client import Api, Event, connect
from server.cli.output import CliError
from server.settings import load_settings

STREAM = b'id: 4\nevent: step\ndata: {"path": "a"}\n\n: still here\n\nevent: end\ndata: {}\ndata: \n\n'


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        match path.removeprefix("/api/v1"):
            case "/echo":
                self.answer(200, {"key": self.headers["Authorization"], "query": query})
            case "/list":
                begin, limit = int(query.get("cursor", ["0"])[0]), int(query["limit"][0])
                end = min(begin + limit, begin + 2, 5)
                self.answer(
                    200, {"items": [{"n": n} for n in range(begin, end)], "next_cursor": str(end) if end < 5 else None}
                )
            case "/events":
                self.send(200, "text/event-stream", STREAM)
            case "/refused":
                finding = {"path": "steps.a", "message": "is not known", "hint": "did you mean 'b'"}
                self.answer(422, {"code": "document.invalid", "detail": "it can't be deployed", "findings": [finding]})
            case "/broken":
                self.send(502, "text/html", b"<p>no")
            case _:
                self.send(200, "text/html", b"<p>hello")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(200, {"media": self.headers["Content-Type"], "body": body.decode()})

    def do_DELETE(self) -> None:
        self.send_response(204)
        self.end_headers()

    def answer(self, status: int, value: object) -> None:
        self.send(status, "application/json", json.dumps(value).encode())

    def send(self, status: int, media: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Api(f"http://127.0.0.1:{server.server_port}/", "ms_key")
        server.shutdown()
        thread.join()


def test_a_request_carries_the_key_and_leaves_out_what_is_none(api: Api) -> None:
    assert api.get("/echo", {"status": "failed", "q": "a b&c", "cursor": None}) == {
        "key": "Bearer ms_key",
        "query": {"status": ["failed"], "q": ["a b&c"]},
    }


def test_a_body_is_json_unless_it_is_bytes(api: Api) -> None:
    assert api.post("/runs", {"größe": [1]}) == {"media": "application/json", "body": '{"gr\\u00f6\\u00dfe": [1]}'}
    assert api.request("POST", "/draft", body=b"a: 1", media="application/yaml") == {
        "media": "application/yaml",
        "body": "a: 1",
    }


def test_an_empty_answer_is_an_empty_object(api: Api) -> None:
    assert api.request("DELETE", "/variables/a") == {}


@pytest.mark.parametrize(("most", "got"), [(1, 1), (2, 2), (3, 3), (5, 5), (50, 5)])
def test_a_list_is_read_over_its_pages(api: Api, most: int, got: int) -> None:
    assert api.items("/list", most=most) == [{"n": n} for n in range(got)]


def test_events_are_read_until_the_server_closes(api: Api) -> None:
    assert list(api.events("/events")) == [Event("4", "step", {"path": "a"}), Event(None, "end", {})]


def test_a_refusal_keeps_the_problem_s_words_and_lists_its_findings(api: Api) -> None:
    with pytest.raises(CliError) as error:
        api.get("/refused")
    assert error.value.message == "it can't be deployed (document.invalid)"
    assert error.value.hint == "steps.a: is not known (did you mean 'b')"


def test_an_answer_that_is_not_ours_is_a_sentence(api: Api) -> None:
    with pytest.raises(CliError, match="the API answered 502"):
        api.get("/broken")
    with pytest.raises(CliError, match="not JSON"):
        api.get("/page")


def test_no_stack_is_a_sentence_with_what_to_type(home: Path) -> None:
    with pytest.raises(CliError) as error:
        connect(load_settings({"MILLSTREAM_HOME": str(home)}))
    assert (error.value.message, error.value.hint) == (
        f"no stack is running under {str(home)!r}",
        "start it with: ./dev up",
    )


def test_no_answer_is_a_sentence(home: Path) -> None:
    home.mkdir()
    (home / "api-key").write_text("ms_key\n")
    found = connect(load_settings({"MILLSTREAM_HOME": str(home), "MILLSTREAM_PUBLIC_URL": "http://127.0.0.1:9"}))
    with pytest.raises(CliError, match=r"no answer from http://127\.0\.0\.1:9 "):
        found.get("/runs")


def test_a_missing_key_is_a_sentence_that_names_its_file(home: Path) -> None:
    with pytest.raises(CliError, match="api-key"):
        connect(load_settings({"MILLSTREAM_HOME": str(home), "MILLSTREAM_PUBLIC_URL": "http://127.0.0.1:9"}))
