"""A failing external tool is answered with its command, its exit status and its last lines."""

import sys

import pytest

from triton_matrix.base import commands


def test_the_output_of_a_tool_comes_back():
    assert commands.run([sys.executable, "-c", "print(input())"], stdin="hello\n") == "hello\n"


def test_a_failing_tool_says_command_status_and_last_lines():
    code = "import sys\nfor i in range(100): print('line', i)\nsys.exit(7)"
    with pytest.raises(commands.ToolError) as caught:
        commands.run([sys.executable, "-c", code])
    error = caught.value
    assert error.status == 7
    assert error.command[0] == sys.executable
    assert error.tail.splitlines()[-1] == "line 99"
    assert len(error.tail.splitlines()) == commands.TAIL_LINES
    assert "exit status 7" in str(error)


def test_a_tool_that_is_not_there_is_named():
    with pytest.raises(commands.ToolError, match="no-such-tool"):
        commands.run(["no-such-tool", "--version"])


def test_a_missing_uv_is_one_sentence_that_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setattr(commands.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install uv"):
        commands.uv()


def test_progress_is_passed_on_line_by_line(capfd):
    commands.run([sys.executable, "-c", "print('downloading')"], echo=True)
    assert capfd.readouterr().out == "downloading\n"
