"""Peers: who is there, who is absent and why, and that Liger-Kernel never gets in the way of ours by its name."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from benchmarks.layer_norm import first_call, peers

ROOT = Path(__file__).resolve().parents[2]
LIGER = os.environ.get("LIGER_BENCH_PEER_LIGER")


def tensors():
    torch.manual_seed(0)
    x, dy = (torch.randn(4, 64) for _ in range(2))
    w, b = (torch.randn(64, requires_grad=True) for _ in range(2))
    return x.requires_grad_(), w, b, dy


@pytest.mark.parametrize("name", ["torch", "ours", "ours-compiled"])
def test_bound_calls_give_the_results_of_layer_norm_in_double_precision(name, level):
    if level == "device":
        pytest.skip("runs on the CPU: run this cell with TRITON_INTERPRET=1")
    x, w, b, dy = tensors()
    double = [t.detach().double().requires_grad_() for t in (x, w, b)]
    expected = torch.nn.functional.layer_norm(double[0], (64,), double[1], double[2], peers.EPS)
    gradients = torch.autograd.grad(expected, double, dy.double())
    loaded, absent = peers.load(["compile"] if name == "ours-compiled" else [])
    if name in absent:
        pytest.skip(f"{absent[name]}: run a cell with torch 2.4 or later")
    found = {item.name: item for item in loaded}[name]
    torch.testing.assert_close(peers.bind(found, "forward", x, w, b, dy)().double(), expected, rtol=1e-5, atol=1e-5)
    for direction in ("backward", "forward+backward"):
        call = peers.bind(found, direction, x, w, b, dy)
        for _ in range(2):  # timed more than once, so backward must keep its graph
            for ours, theirs in zip(call(), gradients):
                torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-4)


def test_torch_and_ours_are_always_there_and_torch_is_first():
    found, absent = peers.load(["torch"])
    assert [item.name for item in found] == ["torch", "ours"]
    assert found[0].version == str(torch.__version__)
    assert absent == {}


def test_our_operator_under_torch_compile_comes_with_the_peer_compile_and_is_no_peer():
    assert "ours-compiled" not in peers.names()
    with pytest.raises(ValueError, match="peers has 'ours-compiled'"):
        peers.parse_names("ours-compiled")
    for wanted, expected in ((["torch"], False), (["compile"], True)):
        found, absent = peers.load(wanted)
        assert ("ours-compiled" in [*absent, *(item.name for item in found)]) is expected


def test_our_operator_under_torch_compile_is_absent_where_torch_cannot_take_it_into_a_graph(monkeypatch):
    from liger_kernel.ops import registration

    monkeypatch.setattr(registration, "REGISTERS", False)  # what a torch before 2.4 says
    found, absent = peers.load(["compile"])
    assert "ours-compiled" not in [item.name for item in found]
    assert "cannot put our operator into a graph; torch 2.4 and later can" in absent["ours-compiled"]


def test_compiled_graphs_are_not_kept_on_disk_where_another_version_of_our_operator_would_find_them(tmp_path, level):
    if level == "device":
        pytest.skip("runs on the CPU: run this cell with TRITON_INTERPRET=1")
    if "ours-compiled" in peers.load(["compile"])[1]:
        pytest.skip("torch cannot compile our operator here: run a cell with torch 2.4 or later")
    folders = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(folders)}
    shape = ["--device", "cpu", "--dtype", "fp32", "--rows", "4", "--cols", "64"]
    command = [sys.executable, "-m", first_call.MODULE, "ours-compiled", *shape]
    done = subprocess.run(command, cwd=first_call.TESTS, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not [path.name for path in tmp_path.rglob("*") if path.name in ("fxgraph", "aotautograd")]


def test_what_is_compiled_is_forgotten_between_shapes_and_not_between_implementations(monkeypatch):
    resets = []
    monkeypatch.setattr(torch.compiler, "reset", lambda: resets.append(None))
    monkeypatch.setattr(peers, "_compiled", {})
    one, other = (peers._recompiled_per_shape(function) for function in (lambda *_: _[0], lambda *_: _[0]))
    for n_cols, expected in ((64, 0), (128, 1), (64, 2)):
        x = torch.zeros(4, n_cols)
        for _ in range(2):
            assert one(x, None, None, 0.0) is x
            assert other(x, None, None, 0.0) is x
        assert len(resets) == expected


def test_liger_is_absent_without_a_path_because_its_import_name_is_ours():
    found, absent = peers.load(["liger"])
    assert "liger" not in [item.name for item in found]
    assert "no --peer-path liger=DIR or WHEEL" in absent["liger"]


def test_liger_comes_from_its_path_though_our_package_has_its_name(tmp_path):
    package = tmp_path / "liger_kernel" / "ops"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    code = "class LigerLayerNormFunction:\n    @staticmethod\n    def apply(x, w, b, eps):\n        return 'hers'\n"
    (package / "layer_norm.py").write_text(code)
    found, absent = peers.load(["liger"], {"liger": tmp_path})
    assert absent == {}
    assert found[-1].layer_norm(None, None, None, 0.0) == "hers"


def test_a_peer_that_cannot_be_imported_is_absent_with_the_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "quack", None)  # what Python itself does for a module that must not be imported
    _, absent = peers.load(["quack"])
    assert "quack" in absent["quack"]


def test_isolated_imports_another_package_of_our_name_and_restores_ours(tmp_path):
    import liger_kernel

    package = tmp_path / "liger_kernel"
    package.mkdir()
    (package / "__init__.py").write_text("WHO = 'the other one'\n")
    (package / "part.py").write_text("from liger_kernel import WHO\ndef who():\n    return WHO\n")
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "liger_kernel"}
    with peers.isolated("liger_kernel", tmp_path):
        from liger_kernel.part import who
    assert who() == "the other one"
    assert {name: m for name, m in sys.modules.items() if name.split(".")[0] == "liger_kernel"} == before
    assert sys.modules["liger_kernel"] is liger_kernel
    assert str(tmp_path) not in sys.path


def test_isolated_restores_ours_when_the_import_fails(tmp_path):
    before = dict(sys.modules)
    with pytest.raises(ImportError), peers.isolated("liger_kernel", tmp_path):
        import liger_kernel.no_such_part  # noqa: F401
    assert sys.modules["liger_kernel"] is before["liger_kernel"]


def test_a_wheel_is_unpacked_where_it_can_be_imported_from(tmp_path):
    wheel = tmp_path / "x-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("x/__init__.py", "")
    assert (peers._unpacked(wheel) / "x" / "__init__.py").is_file()
    assert peers._unpacked(tmp_path) == tmp_path


@pytest.mark.skipif(LIGER is None, reason="set LIGER_BENCH_PEER_LIGER to a liger-kernel wheel or folder")
def test_liger_is_loaded_from_its_wheel_beside_ours():
    found, absent = peers.load(["liger"], peers.parse_paths([f"liger={LIGER}"]))
    assert absent == {}
    liger = found[-1]
    assert liger.name == "liger"
    assert liger.version != "unknown"
    assert liger.layer_norm.__self__ is not peers.load([])[0][1].layer_norm


@pytest.mark.parametrize(
    ("parse", "bad", "message"),
    [
        (peers.parse_names, "torch,apex", "peers has 'apex'; allowed are torch, compile, liger, quack"),
        (peers.parse_paths, ["apex=/tmp"], "peer-path is 'apex=/tmp'; allowed is NAME=DIR"),
        (peers.parse_paths, ["liger"], "peer-path is 'liger'; allowed is NAME=DIR"),
        (peers.parse_paths, ["liger=/no/such"], "peer-path is 'liger=/no/such'; there is no /no/such"),
    ],
)
def test_bad_names_and_paths_are_refused_in_one_sentence(parse, bad, message):
    with pytest.raises(ValueError, match=message):
        parse(bad)
