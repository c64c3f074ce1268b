"""The docs are true of the sources: their links lead somewhere, and they name its variables and its words."""

import ast
import re

import pytest

from triton_matrix.base.cells import find_root

from .test_rooms import ASIDE, ORDER

ROOT = find_root()
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
VARIABLE = re.compile(r"TRITON_MATRIX_[A-Z]+(?:_[A-Z]+)*")
HARNESS = [ROOT / "noxfile.py", ROOT / "build_helpers.py", *sorted((ROOT / "triton_matrix").rglob("*.py"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading_that_are_there(page):
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        name, _, heading = link.partition("#")
        target = page.parent / name if name else page
        if ":" not in link and (not target.exists() or (heading and heading not in headings(target))):
            lost.append(link)
    assert lost == []


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def headings(page):
    """As GitHub calls them in an address."""
    lines = re.findall(r"^#+ (.*)$", without_code(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def test_every_variable_of_the_harness_stands_in_the_docs_as_what_it_is():
    """What the harness gives its own processes is nobody else's to set; what it only reads is the user's."""
    yours, _, not_yours = (ROOT / "docs" / "variables.md").read_text(encoding="utf-8").partition("## Not yours to set")
    texts = [path.read_text(encoding="utf-8") for path in HARNESS]
    given = set().union(*map(variables_given, texts))
    named = set(VARIABLE.findall("\n".join(texts))) | set_for_tests() | in_workflows()
    assert set(VARIABLE.findall(not_yours)) == given
    assert set(VARIABLE.findall(yours)) == named - given


def variables_given(source):
    """The variables that a module puts into an environment: keys of a dict, keywords of a call, items that it sets."""
    keys = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Dict):
            keys += [ast.unparse(key) for key in node.keys if key]
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            keys.append(ast.unparse(node.slice))
        elif isinstance(node, ast.keyword):
            keys.append(str(node.arg))
    names = [key.rpartition(".")[2].strip("'") for key in keys]
    return {name for name in (CONSTANTS.get(name, name) for name in names) if VARIABLE.fullmatch(name)}


def set_for_tests():
    """Those that the project's tests read: a line that asks ``os.environ`` for one."""
    lines = [line for path in (ROOT / "tests").rglob("*.py") for line in path.read_text(encoding="utf-8").splitlines()]
    return set(VARIABLE.findall("\n".join(line for line in lines if "os.environ" in line)))


def in_workflows():
    return set(VARIABLE.findall((ROOT / "triton_matrix" / "init" / "workflow.yml").read_text(encoding="utf-8")))


def test_every_symptom_is_what_the_harness_says():
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = {said for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE) for said in re.findall("`([^`]+)`", row)}
    sources = [path.read_text(encoding="utf-8") for path in HARNESS]
    assert len(quoted) > 10
    assert {said for said in quoted if not any(said in source for source in sources)} == set()


def test_the_drawing_has_the_rooms_in_the_order_that_the_imports_keep():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawing = page.partition("```\n")[2].partition("```")[0].replace(".py", "   ")
    lines = [line[7:24].split() for line in reversed(drawing.splitlines())]  # the columns of the rooms' names
    drawn = [tuple(line) for line in lines if line and line[0] not in ASIDE]
    assert drawn == list(ORDER)


# NAME = "TRITON_MATRIX_..." of a module: other modules set it by that name
CONSTANTS = {
    name: value
    for path in HARNESS
    for name, value in re.findall(rf'^(\w+) = "({VARIABLE.pattern})"', path.read_text(encoding="utf-8"), re.MULTILINE)
}
