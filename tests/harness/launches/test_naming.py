"""What a configuration is called: by itself alone, and unlike any other."""

import pytest

from triton_matrix.launches import hook, launch_file, naming

LAUNCH = """
kernel = "{kernel}:copy"
[args]
x_ptr = "*fp32"
n = {n}
[constexprs]
BLOCK = {block}
[options]
num_warps = {warps}
"""


@pytest.fixture
def project(tmp_path):
    """A project with the kernel `copy` in two modules; gives a function that writes a launch file and says its path."""
    (tmp_path / "pyproject.toml").write_text("")
    for name in ("a", "b"):
        (tmp_path / "kernels" / name).mkdir(parents=True)
        (tmp_path / "kernels" / name / "mine.py").write_text("def copy(): pass\n")

    def write(file, kernel="a", n=4096, block=64, warps="4"):
        path = tmp_path / "launches" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        kernel = f"{tmp_path}/launches/../kernels/{kernel}/mine.py"
        path.write_text(LAUNCH.format(kernel=kernel, n=n, block=block, warps=warps))
        return path

    return write


def labels(path):
    return [each.label for each in launch_file.expand_all(path, ["cuda:90"])]


def test_launch_files_of_one_stem_in_several_folders_are_all_compiled(project):
    for folder, block in (("a", 64), ("b", 100), ("c", 128)):
        last = project(f"{folder}/add.toml", block=block)
    found = labels(last.parents[1])
    assert len(set(found)) == 3
    assert {label.split(",")[1] for label in found} == {"BLOCK=64", "BLOCK=100", "BLOCK=128"}


@pytest.mark.parametrize("beside", [{"kernel": "b"}, {"block": 128}, {"n": 64}])
def test_a_label_does_not_depend_on_what_else_is_asked(project, beside):
    (alone,) = labels(project("m.toml"))
    (other,) = labels(project("a.toml", **beside))
    assert alone != other
    assert set(labels(project("m.toml").parent)) == {alone, other}  # the other is the first of the folder
    (again,) = labels(project("elsewhere/z.toml"))
    assert again == alone


def test_a_label_is_the_same_however_the_launch_file_writes_the_configuration(project):
    (alone,) = labels(project("m.toml"))
    assert labels(project("m.toml", warps="[4]")) == [alone]
    assert labels(project("m.toml", block="[64, 128]"))[0] == alone


def test_namesakes_of_two_modules_are_told_apart(project):
    project("a.toml")
    found = labels(project("b.toml", kernel="b").parent)
    assert [label.partition("[")[0] for label in found] == ["kernels.a.mine:copy", "kernels.b.mine:copy"]


def test_a_kernel_keeps_its_name_where_its_checkout_is_moved(project, tmp_path):
    before = labels(project("m.toml"))
    (tmp_path / "moved").mkdir()
    (tmp_path / "kernels").rename(tmp_path / "moved" / "kernels")
    (tmp_path / "moved" / "pyproject.toml").write_text("")
    path = project("m.toml")
    path.write_text(path.read_text().replace("/launches/../", "/moved/"))
    assert labels(path) == before


def test_a_function_that_a_constexpr_names_is_called_as_kernels_are(project, tmp_path):
    path = project("m.toml")
    found = []
    for folder in ("one", "two"):
        (tmp_path / folder / "ops").mkdir(parents=True)
        (tmp_path / folder / "pyproject.toml").write_text("")
        function = f'ACT = {{function = "{tmp_path}/{folder}/ops/act.py:gelu"}}'
        path.write_text(project("m.toml").read_text().replace("[constexprs]", f"[constexprs]\n{function}"))
        found += labels(path)
    assert found[0] == found[1]
    assert ",ACT=ops.act:gelu,BLOCK=64," in found[0]


def test_what_lies_in_no_project_is_named_with_its_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(naming, "PROJECT_FILES", ("no such file",))
    naming._module.cache_clear()
    assert naming.kernel(f"{tmp_path}/ops/norm.py:forward") == "ops.norm:forward"
    assert naming.kernel("toys.add:add") == "toys.add:add"
    naming._module.cache_clear()


def test_two_kernels_that_would_have_one_name_are_refused_with_both(project, tmp_path):
    path = project("m.toml")
    (tmp_path / "kernels" / "b" / "pyproject.toml").write_text("")
    (tmp_path / "kernels" / "a" / "pyproject.toml").write_text("")
    project("n.toml", kernel="b")
    with pytest.raises(
        launch_file.LaunchError, match=r"a/mine.py:copy and .*b/mine.py:copy are both called mine:copy\["
    ):
        labels(path.parent)


@pytest.mark.parametrize(
    ("label", "called"),
    [
        ("copy", "toys:copy"),
        ("copy[BLOCK=64]", "toys:copy[BLOCK=64]"),
        ("copy[a][b]]", "toys:copy[a][b]]"),
        ("norm of 512", "toys:copy[norm of 512]"),
        ("copying", "toys:copy[copying]"),
        ("", "toys:copy"),
    ],
)
def test_a_hook_s_label_tells_the_configuration_of_its_kernel(tmp_path, label, called):
    entry = {"kernel": "toys:copy", "label": label, "target": "cuda:90"}
    entry.update(args={}, constexprs={}, options={}, hints=[])
    (tmp_path / "hook.py").write_text(f"def configurations(targets):\n    return [{entry!r}]\n")
    (found,) = hook.configurations("hook.py:configurations", tmp_path, ["cuda:90"])
    assert found.label == called


def test_a_hook_may_call_two_modules_kernels_alike_but_not_two_of_one(tmp_path):
    entry = {"label": "copy", "target": "cuda:90", "args": {}, "constexprs": {}, "options": {}, "hints": []}
    entries = [{**entry, "kernel": f"{module}:copy"} for module in ("toys", "others")]
    (tmp_path / "hook.py").write_text(f"def configurations(targets):\n    return {entries!r}\n")
    ids = [each.id for each in hook.configurations("hook.py:configurations", tmp_path, ["cuda:90"])]
    assert ids == ["toys:copy cuda:90", "others:copy cuda:90"]
    (tmp_path / "hook.py").write_text(f"def configurations(targets):\n    return {entries * 2!r}\n")
    with pytest.raises(ValueError, match="its entry 2 is called 'toys:copy cuda:90', like one before it"):
        hook.configurations("hook.py:configurations", tmp_path, ["cuda:90"])


@pytest.mark.parametrize("module", ["", "toys:"])
@pytest.mark.parametrize("settings", ["", "[BLOCK=64]", "[num_warps=4]", "[num_warps=4,BLOCK=64]"])
@pytest.mark.parametrize("target", ["", " cuda:90"])
def test_a_person_may_leave_out_module_settings_and_target(module, settings, target):
    written = f"{module}copy{settings}{target}"
    assert naming.fits(written, "toys:copy", ["BLOCK=64", "num_warps=4"], "cuda:90")
    assert naming.fits(written, "toys:copy", ["BLOCK=64,num_warps=4"], "cuda:90")


@pytest.mark.parametrize(
    "written", ["cop", "other:copy", "toys", "copy[BLOCK=6]", "copy[BLOCK=64,num_warps=8]", "copy cuda:80", "copy[64]"]
)
def test_what_a_person_wrote_of_another_configuration_does_not_fit(written):
    assert not naming.fits(written, "toys:copy", ["BLOCK=64", "num_warps=4"], "cuda:90")
