"""A launch is found however its kernel is named, and so is what it passes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from triton_matrix.base.cells import find_root
from triton_matrix.lint import kernels

HEAD = "import functools\nimport triton\nimport triton.language as tl\n"
KERNELS = HEAD + "".join(
    f"@triton.jit\ndef {name}(X, n, BLOCK: tl.constexpr):\n    pass\n\n" for name in ("k", "other")
)


@pytest.fixture
def launches(tmp_path):
    """What is seen of the launches in a source text: (kernel, num_warps) of each, in order."""

    def see(text):
        path = tmp_path / "source.py"
        path.write_text(text)
        return [(seen.kernel, seen.num_warps) for seen in kernels.seen_launches([path])]

    return see


@pytest.fixture
def rules(tmp_path):
    """The rules that a source text breaks."""

    def check(text):
        path = tmp_path / "source.py"
        path.write_text(text)
        return [found.rule for found in kernels.check([path])[0]]

    return check


FORMS = {
    "the kernel itself": "k[grid](x, n, BLOCK=8{})",
    "another name": "f = k\n    f[grid](x, n, BLOCK=8{})",
    "another name's other name": "f = k\n    g = f\n    g[grid](x, n, BLOCK=8{})",
    "what jit gives": "def plain(X): pass\n    f = triton.jit(plain)\n    f[grid](x{})",
    "what jit gives with options": "def plain(X): pass\n    f = triton.jit(debug=True)(plain)\n    f[grid](x{})",
    "a launcher": "f = k[grid]\n    f(x, n, BLOCK=8{})",
    "run": "k.run(x, n, BLOCK=8, grid=grid{})",
    "a dict": "table = {{'a': k, 'b': other}}\n    table[name][grid](x, n, BLOCK=8{})",
    "a list": "table = [k, other]\n    table[0][grid](x, n, BLOCK=8{})",
    "dict(...)": "table = dict(a=k)\n    table['a'][grid](x, n, BLOCK=8{})",
    "get": "table = {{'a': k}}\n    table.get(name, other)[grid](x, n, BLOCK=8{})",
    "a loop": "for f in (k, other):\n        f[grid](x, n, BLOCK=8{})",
    "a loop over items": "for name, f in {{'a': k}}.items():\n        f[grid](x, n, BLOCK=8{})",
    "a loop over pairs": "for f, size in [(k, 8), (other, 16)]:\n        f[grid](x, n, BLOCK=size{})",
    "a conditional": "f = k if n > 8 else other\n    f[grid](x, n, BLOCK=8{})",
    "a conditional in place": "(k if n > 8 else other)[grid](x, n, BLOCK=8{})",
    "unpacking": "f, g = k, other\n    g[grid](x, n, BLOCK=8{})",
    "a partial": "f = functools.partial(k[grid], x)\n    f(n, BLOCK=8{})",
    "a partial of run": "f = functools.partial(k.run, grid=grid)\n    f(x, n, BLOCK=8{})",
    "a function that returns it": "f = choose(n)\n    f[grid](x, n, BLOCK=8{})",
    "the table of the module": "TABLE['a'][grid](x, n, BLOCK=8{})",
    "a closure": "f = k\n    def inner():\n        f[grid](x, n, BLOCK=8{})\n    inner()",
}


def host(lines):
    module = "TABLE = {'a': k}\n\ndef choose(n):\n    return k if n else other\n\n"
    return f"{KERNELS}{module}def host(x, n, grid, name, settings):\n    {lines}\n"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_launch_is_seen_however_its_kernel_is_named(launches, rules, form):
    ((_, without),) = launches(host(form.format("")))
    ((_, given),) = launches(host(form.format(", num_warps=8")))
    assert (without, given) == ("not passed", "passed")
    assert rules(host(form.format(""))) == ["num-warps-not-passed"]
    assert rules(host(form.format(", num_warps=8"))) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", "not passed"),
        ("o = {'num_warps': 8}", "passed"),
        ("o = dict(num_warps=8)", "passed"),
        ("o = {'num_stages': 8}", "not passed"),
        ("base = {'num_warps': 8}\n    o = {**base, 'num_stages': 2}", "passed"),
        ("o = {'num_stages': 2} | {'num_warps': 8}", "passed"),
        ("o = {}\n    o['num_warps'] = 8", "passed"),
        ("o = {}\n    o.update(num_warps=8)", "passed"),
        ("o = {}\n    o.setdefault('num_warps', 8)", "passed"),
        ("o = {'num_warps': 8}\n    o.pop('num_warps')", "not passed"),
        ("o = {'num_warps': 8} if n else {'num_warps': 4}", "passed"),
        ("o = {'num_warps': 8} if n else {'num_stages': 4}", "not passed"),
        ("o = chosen(n)", "passed"),
        ("o = MODULE", "passed"),
        ("o = settings", "cannot be read"),
        ("o = settings.copy()", "cannot be read"),
        ("o = {**settings, 'num_warps': 8}", "passed"),
    ],
)
def test_options_are_read_where_their_dict_is_visible(launches, options, said):
    module = "MODULE = {'num_warps': 8}\n\ndef chosen(n):\n    return {'num_warps': 8 if n else 4}\n\n"
    call = "k[(1,)](x, n, BLOCK=8, **o)" if options else "k[(1,)](x, n, BLOCK=8)"
    text = f"{KERNELS}{module}def host(x, n, settings):\n    {options or 'pass'}\n    {call}\n"
    assert launches(text) == [("k", said)]


CLASS = """
class Prepared:
    def __init__(self, fast):
        self._kernel = k if fast else other
        self._options = {**self.options, "BLOCK": 8}

    def __call__(self, x, n):
        self._kernel[(1,)](x, n, **self._options)
"""
PROPERTY = "\n    @property\n    def options(self):\n        return {%s}\n"


def test_a_launch_through_self_is_seen_with_the_options_that_a_class_gives(launches):
    assert launches(KERNELS + CLASS + PROPERTY % "'num_warps': self.warps") == [("k or other", "passed")]
    assert launches(KERNELS + CLASS + PROPERTY % "'num_stages': 2") == [("k or other", "not passed")]


def test_a_kernel_that_is_a_parameter_is_left_alone(launches, rules):
    text = f"{HEAD}def launch(kernel, grid, x, **options):\n    kernel[grid](x, **options)\n    kernel[grid](x)\n"
    assert launches(text) == []
    assert rules(text) == []


@pytest.mark.parametrize("line", ["table[1](x, n)", "handlers[n](x)", "x.run(n)", "self.handlers[n](x)"])
def test_a_call_of_something_else_is_no_launch(launches, line):
    assert launches(host(line)) == []


def test_our_own_launches_are_seen_and_pass_num_warps():
    seen = kernels.seen_launches([find_root() / "liger_kernel"])
    assert len([item for item in seen if "ops" in Path(item.path).parts]) > 0
    assert {item.num_warps for item in seen} == {"passed"}


def test_our_own_package_without_num_warps_in_its_options_is_found(tmp_path):
    package = tmp_path / "liger_kernel"
    shutil.copytree(find_root() / "liger_kernel", package)
    changed = 0
    for path in package.rglob("*.py"):
        text = path.read_text()
        without = text.replace("num_warps=plan.num_warps, ", "")
        changed += text != without
        path.write_text(without)
    assert changed
    assert "num-warps-not-passed" in {found.rule for found in kernels.check([package])[0]}


def test_a_kernel_of_another_file_is_known_where_it_is_launched(tmp_path):
    (tmp_path / "kernels.py").write_text(KERNELS)
    (tmp_path / "ops.py").write_text("from kernels import k\n\nk[(1,)](1, 2, BLOCK=8)\n")
    (found,) = kernels.check([tmp_path])[0]
    assert (Path(found.path).name, found.line, found.rule) == ("ops.py", 3, "num-warps-not-passed")


def test_a_tuned_kernel_takes_num_warps_from_its_configs(rules):
    tuned = "@triton.autotune(configs=[triton.Config({}%s)], key=['n'])\n"
    tuned += "@triton.jit\ndef k(X, n):\n    pass\n\nk[(1,)](1, 2)\n"
    assert rules(HEAD + tuned % ", num_warps=8") == []
    assert rules(HEAD + tuned % ", 8") == []
    assert rules(HEAD + tuned % "") == ["num-warps-not-passed"]


@pytest.mark.parametrize(
    "decorator",
    [
        "@tuned(configs=[])",
        "@fla_autotune(key=['n'])",
        "@cached_autotune",
        "@own_tuner(['n'])",
        "@triton.heuristics({'num_warps': lambda args: 4})",
        "@triton.heuristics(values={'num_warps': lambda args: 4})",
    ],
)
def test_a_kernel_tuned_through_a_wrapper_takes_num_warps_from_it(launches, rules, decorator):
    wrapper = "def own_tuner(key):\n    return triton.autotune(configs=make(), key=key)\n\n"
    text = f"{HEAD}from elsewhere import tuned, fla_autotune, cached_autotune\n{wrapper}{decorator}\n@triton.jit\n"
    text += "def k(X):\n    pass\n\nk[(1,)](1)\n"
    assert launches(text) == [("k", "tuned")]
    assert rules(text) == []


def test_a_heuristic_for_something_else_gives_no_num_warps(launches):
    heuristic = "@triton.heuristics({'EVEN': lambda args: True})\n"
    text = f"{HEAD}{heuristic}@triton.jit\ndef k(X, EVEN):\n    pass\n\nk[(1,)](1)\n"
    assert launches(text) == [("k", "not passed")]


def test_kernels_of_the_same_name_are_told_apart_by_where_they_are_imported_from(tmp_path):
    tuned = f"{HEAD}@triton.autotune(configs=[triton.Config({{}}, 8)], key=[])\n@triton.jit\ndef k(X):\n    pass\n"
    (tmp_path / "fast.py").write_text(tuned)
    (tmp_path / "plain.py").write_text(f"{HEAD}@triton.jit\ndef k(X):\n    pass\n")
    (tmp_path / "ops.py").write_text("from pkg.fast import k\nfrom pkg.plain import k as p\n\nk[(1,)](1)\np[(1,)](1)\n")
    seen = [(item.line, item.num_warps) for item in kernels.seen_launches([tmp_path])]
    assert seen == [(4, "tuned"), (5, "not passed")]
