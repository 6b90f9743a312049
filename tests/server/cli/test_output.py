import json

import pytest

from server.cli.output import Out, cell


def test_a_pipe_gets_tab_separated_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Out().table(["run", "status", "input"], [["a", "failed", {"x": [1, None]}], ["b\tc", None, True]])
    assert capsys.readouterr().out == 'run\tstatus\tinput\na\tfailed\t{"x":[1,null]}\nb c\t-\tyes\n'


def test_json_is_alone_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    out = Out(as_json=True)
    out.text("a sentence")
    out.table(["a"], [[1]])
    out.note("a note")
    out.json({"größe": "ß"})
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"größe": "ß"}
    assert shown.err == "a note\n"


def test_progress_in_a_pipe_is_one_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with Out().progress("orders", 3) as progress:
        progress.advance()
        progress.advance(2)
    assert capsys.readouterr() == ("", "orders: 3 of 3\n")


def test_fields_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    Out().fields({"a": 1, "long": "two\nlines"})
    assert capsys.readouterr().out == "a     1\nlong  two lines\n"


@pytest.mark.parametrize(("value", "shown"), [(None, "-"), (False, "no"), (1.5, "1.5"), ([], "[]"), ("a\r\nb", "a  b")])
def test_a_cell_is_one_line(value: object, shown: str) -> None:
    assert cell(value) == shown
