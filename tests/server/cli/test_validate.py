import json
from pathlib import Path

import pytest

from server.cli.main import run

EXAMPLE = Path(__file__).parents[3] / "examples" / "order_intake.yaml"


def test_a_document_without_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", str(EXAMPLE)]) == 0
    assert capsys.readouterr().out == f"{EXAMPLE}: no errors\n"


def test_faults_are_told_with_place_and_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("schema_version: 1\nname: a\nname: b\nsteps:\n  x: {module: core.sett}\n")
    assert run(["validate", str(file)]) == 1
    shown = capsys.readouterr().out
    assert "error  /name: the key 'name' stands here twice (line 3)  [document.key.duplicate]" in shown
    assert (
        "error  /steps/x/module: there is no module 'core.sett'  [module.unknown]\n         did you mean 'core.set'?"
        in shown
    )
    assert run(["validate", str(file), "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [(each["code"], each["path"], each["severity"]) for each in findings] == [
        ("document.key.duplicate", "/name", "error"),
        ("module.unknown", "/steps/x/module", "error"),
    ]


@pytest.mark.parametrize(("text", "message"), [(None, "can't be read"), ("a: [", "is not a document")])
def test_what_is_no_document_is_one_sentence(
    text: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.yaml"
    if text is not None:
        file.write_text(text)
    assert run(["validate", str(file)]) == 1
    assert message in capsys.readouterr().err
