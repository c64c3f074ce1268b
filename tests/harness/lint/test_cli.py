"""The verb lint: what it prints in each format, what it knows already, and what its exit status says."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import jsonschema
import pytest

from triton_matrix.base.cells import find_root
from triton_matrix.lint import cli, output
from triton_matrix.lint.source import RULES

HEAD = "import triton\nimport triton.language as tl\n"
KERNEL = HEAD + "@triton.jit\ndef k(X, n, BLOCK: tl.constexpr):\n"


@pytest.fixture
def lint(tmp_path, monkeypatch, capsys):
    """Run the verb in a folder with one source text; gives exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(text, *options):
        (tmp_path / "k.py").write_text(text)
        status = cli.main(["k.py", *options])
        return (status, *capsys.readouterr())

    return run


def test_findings_are_grouped_by_cause_with_counts(lint):
    lines = "    y = tl.rsqrt(n)\n" * 5 + "    z = max(n, 2)\n"
    status, out, _ = lint(KERNEL + lines)
    assert status == 1
    assert out.splitlines() == [
        "not-portable: tl.rsqrt: it is not in 2.3.1; write 1 / tl.sqrt(x) (5 in 1 file)",
        "    k.py:5 in k",
        "    k.py:6 in k",
        "    k.py:7 in k",
        "    and 2 more; --all names them",
        "not-portable: max(): it is not in 2.3.1; write tl.maximum(a, b) (1 in 1 file)",
        "    k.py:10 in k",
        "6 findings of 2 causes",
    ]
    assert "    k.py:9 in k" in lint(KERNEL + lines, "--all")[1].splitlines()
    assert lint(KERNEL + "    y = tl.sqrt(n)\n") == (0, "", "")


def test_the_oldest_release_is_that_of_the_table_above_the_current_folder(lint, tmp_path):
    text = KERNEL + "    y = tl.rsqrt(n)\n"
    assert lint(text)[0] == 1
    (tmp_path / "constraints").mkdir()
    row = (
        '[cell.only]\npython = "3.11"\ntorch = "2.7.1"\ntriton = "3.3.1"\nplatforms = ["cuda"]\nwhy = "all there is"\n'
    )
    (tmp_path / "constraints" / "cells.toml").write_text(row)
    assert lint(text)[0] == 0
    assert lint(text, "--oldest", "2.3.1")[0] == 1
    assert lint(text, "--oldest", "2.3.1", "--rule", "not-interpreted")[0] == 0


@pytest.mark.parametrize("options", [("--oldest", "tomorrow"), ("--oldest", "99.0"), ("--newest", "1.0")])
def test_a_release_that_cannot_be_asked_about_is_one_sentence_and_exit_2(lint, options):
    status, out, err = lint(KERNEL + "    pass\n", *options)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert options[1] in err


LAUNCH = "\n\ndef host(x, n):\n    k[(1,)](x, n, 16)\n"


@pytest.mark.parametrize("form", sorted(output.FORMATS))
def test_advice_is_no_finding_until_it_is_asked_for(lint, form):
    status, out, _ = lint(KERNEL + "    pass\n" + LAUNCH, "--format", form)
    assert (status, "num-warps-not-passed: launch" in out, "k.py:9" in out) == (0, False, False)
    assert ("1 launches without num_warps" in out) == (form == "text")
    status, out, _ = lint(KERNEL + "    pass\n" + LAUNCH, "--format", form, "--advice")
    assert (status, "num-warps-not-passed" in out) == (1, True)
    assert lint(KERNEL + "    pass\n" + LAUNCH, "--rule", "num-warps-not-passed")[0] == 1


def test_the_backends_are_those_of_the_table_or_those_asked_for(lint, tmp_path):
    text = KERNEL + "    pass\n\n\ndef host(x, n):\n    k[(1,)](x, n, 16, num_ctas=2)\n"
    assert "num_ctas on HIP" in lint(text)[1]
    assert "num_ctas on HIP" not in lint(text, "--backend", "cuda")[1]
    (tmp_path / "constraints").mkdir()
    row = '[cell.only]\npython = "3.11"\ntorch = "2.7.1"\ntriton = "3.3.1"\nplatforms = ["cuda"]\nwhy = "all"\n'
    (tmp_path / "constraints" / "cells.toml").write_text(row)
    assert "num_ctas on HIP" not in lint(text)[1]
    assert "num_ctas on HIP" in lint(text, "--backend", "hip")[1]


def test_a_file_that_is_not_parsed_is_named_and_the_others_are_checked(lint, tmp_path):
    (tmp_path / "newer.py").write_text("import triton\ntype A B\n")
    text = KERNEL + "    y = tl.rsqrt(n)\n"
    status, out, err = lint(text, "newer.py")
    assert (status, "tl.rsqrt" in out) == (2, True)
    assert err.startswith("lint: not checked: newer.py is nothing that Python 3.")
    assert lint(KERNEL + "    pass\n", "newer.py")[0] == 2


def test_github_gets_one_command_a_finding(lint):
    text = KERNEL + "    y = tl.load(X, n > 0, 0.0, '', 'ca')\n    z = tl.rsqrt(n)\n"
    status, out, _ = lint(text, "--format", "github")
    assert status == 1
    first, second = out.splitlines()
    assert first.startswith(
        "::error file=k.py,line=5,title=not-portable::k: tl.load with 5 arguments by position: 3.9.0"
    )
    assert second.startswith("::error file=k.py,line=6,title=not-portable::k: tl.rsqrt: ")


def test_a_workflow_command_escapes_what_would_end_it():
    assert output._property("a:b,c%\n") == "a%3Ab%2Cc%25%0A"
    assert output._message("a:b,c%\n") == "a:b,c%25%0A"


def test_json_holds_the_findings_and_the_counts_of_causes(lint):
    document = json.loads(lint(KERNEL + "    y = tl.rsqrt(n)\n" * 2, "--format", "json")[1])
    assert [(item["path"], item["line"], item["kernel"]) for item in document["findings"]] == [
        ("k.py", 5, "k"),
        ("k.py", 6, "k"),
    ]
    assert [(item["cause"], item["count"]) for item in document["causes"]] == [("tl.rsqrt", 2)]
    assert json.loads(lint(KERNEL + "    pass\n", "--format", "json")[1])["findings"] == []


# The parts of SARIF 2.1.0 that we write, as its section 3 asks for them.
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "properties": {"rules": {"items": {"required": ["id"]}, "uniqueItems": True}},
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "invocations": {"items": {"required": ["executionSuccessful"]}},
                    "results": {
                        "items": {
                            "required": ["message"],
                            "properties": {
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": {"required": ["text"]},
                                "locations": {
                                    "items": {
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation"],
                                                "properties": {
                                                    "region": {
                                                        "properties": {"startLine": {"type": "integer", "minimum": 1}}
                                                    }
                                                },
                                            }
                                        }
                                    }
                                },
                                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                            },
                        }
                    },
                },
            },
        },
    },
}


def test_sarif_names_its_rules_and_its_places(lint):
    text = KERNEL + "    y = tl.rsqrt(n)\n    z = tl.zeros([4], tl.float32)[None, :]\n"
    document = json.loads(lint(text, "--format", "sarif")[1])
    jsonschema.validate(document, SARIF)
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == list(RULES)
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    places = [result["locations"][0]["physicalLocation"] for result in run["results"]]
    assert [(place["artifactLocation"]["uri"], place["region"]["startLine"]) for place in places] == [
        ("k.py", 5),
        ("k.py", 6),
    ]
    empty = json.loads(lint(KERNEL + "    pass\n", "--format", "sarif")[1])
    jsonschema.validate(empty, SARIF)
    assert empty["runs"][0]["results"] == []  # code scanning closes what it knew only where it gets an empty list


def test_what_the_baseline_knows_is_not_reported_and_what_is_gone_is_said(lint, tmp_path):
    two = KERNEL + "    y = tl.rsqrt(n)\n    z = max(n, 2)\n"
    status, out, _ = lint(two, "--write-baseline", "known.json")
    assert (status, out) == (0, "known.json: 2 findings in 2 entries\n")
    assert lint(two, "--baseline", "known.json") == (0, "", "")
    moved = two.replace("@triton.jit", "\n\n# a comment\n@triton.jit")
    assert lint(moved, "--baseline", "known.json") == (0, "", "")
    status, out, _ = lint(two + "    a = tl.exp2(n)\n", "--baseline", "known.json")
    assert (status, out.count("tl.exp2"), out.count("tl.rsqrt")) == (1, 1, 0)
    status, out, _ = lint(two + "    a = tl.rsqrt(n)\n", "--baseline", "known.json")
    assert (status, out.splitlines()[-1]) == (1, "2 findings of 1 cause")
    one = KERNEL + "    z = max(n, 2)\n"
    status, out, _ = lint(one, "--baseline", "known.json")
    gone = "k.py: not-portable: tl.rsqrt in k: known 1 times, no longer found; --write-baseline updates known.json"
    assert (status, out) == (0, f"no longer there: {gone}\n")
    assert lint(one, "--baseline", "known.json", "--format", "github")[1] == f"::notice title=no longer there::{gone}\n"
    assert json.loads(lint(one, "--baseline", "known.json", "--format", "json")[1])["gone"] == [gone]
    document = json.loads(lint(one, "--baseline", "known.json", "--format", "sarif")[1])
    jsonschema.validate(document, SARIF)
    (note,) = document["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].endswith(gone)
    # what other rules know is neither new nor gone
    assert lint(one, "--baseline", "known.json", "--rule", "not-interpreted") == (0, "", "")


@pytest.mark.parametrize("content", [None, "{", "[]", '{"schema": "other"}'])
def test_a_baseline_that_is_none_is_one_sentence_and_exit_2(lint, tmp_path, content):
    if content is not None:
        (tmp_path / "known.json").write_text(content)
    status, out, err = lint(KERNEL + "    pass\n", "--baseline", "known.json")
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert "known.json" in err


def test_launches_are_listed(lint):
    launch = "    pass\n\nk[(1,)](1, 2, BLOCK=8)\nk[(1,)](1, 2, BLOCK=8, num_warps=4)\n"
    assert lint(KERNEL + launch, "--launches") == (
        0,
        "k.py:7: k: num_warps not passed\nk.py:8: k: num_warps passed\n",
        "",
    )


def test_the_verb_needs_no_triton_and_nothing_of_what_it_checks(tmp_path):
    (tmp_path / "k.py").write_text(KERNEL + "    y = tl.rsqrt(n)\n\nraise SystemExit('imported')\n")
    env = {**os.environ, "PYTHONPATH": str(find_root())}
    command = [sys.executable, "-S", "-m", "triton_matrix", "lint", "k.py"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("not-portable: tl.rsqrt")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.py", None, "there is no"),
        ("bad.py", b"def k(:\n", "is nothing that Python 3."),
        ("binary.py", b"\xff\xfe\x00", "is not Python"),
        ("rule.py", b"x = 1  # lint: allow everything (why not)\n", "allows 'everything'"),
        ("folder", "dir", "holds no Python file"),
    ],
)
def test_input_that_cannot_be_read_is_one_sentence_and_exit_2(tmp_path, capsys, name, content, said):
    path = tmp_path / name
    if content == "dir":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    assert cli.main([str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert said in err
    assert str(path) in err
