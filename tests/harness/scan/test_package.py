"""WHAT is brought into a folder of ours, whatever it is, with what it says of itself."""

import tarfile
import zipfile

import pytest

from triton_matrix.scan import package

KERNEL = "import triton\n"
METADATA = (
    "Metadata-Version: 2.1\nName: toys\nVersion: 1.2\nRequires-Python: >=3.10\nRequires-Dist: triton>=3.1\n"
    "Requires-Dist: pytest>=8; extra == 'test'\nProvides-Extra: test\n"
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "given" / "toys").mkdir(parents=True)
    (tmp_path / "given" / "toys" / "k.py").write_text(KERNEL)
    text = '[project]\nname = "toys"\nversion = "1.2"\nrequires-python = ">=3.10"\ndependencies = ["triton>=3.1"]\n'
    text += '[project.optional-dependencies]\ntest = ["pytest>=8"]\n'
    (tmp_path / "given" / "pyproject.toml").write_text(text)
    return tmp_path / "given"


@pytest.fixture
def wheel(tmp_path, folder):
    path = tmp_path / "toys-1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("toys/k.py", KERNEL)
        out.writestr("toys-1.2.dist-info/METADATA", METADATA)
    return path


@pytest.fixture
def archive(tmp_path, folder):
    path = tmp_path / "toys-1.2.tar.gz"
    (folder / "PKG-INFO").write_text(METADATA)
    with tarfile.open(path, "w:gz") as out:
        out.add(folder, "toys-1.2")
    return path


@pytest.mark.parametrize("what", ["folder", "wheel", "archive"])
def test_a_folder_a_wheel_and_a_source_archive_say_the_same(request, tmp_path, what):
    found = package.bring(str(request.getfixturevalue(what)), tmp_path / "ours")
    assert (found.title, found.project.dependencies) == ("toys-1.2", ("triton>=3.1",))
    assert found.project.extras == {"test": ("pytest>=8",)}
    assert (found.root / "toys" / "k.py").read_text() == KERNEL
    assert (found.root / "pyproject.toml").is_file()  # so that modules are named as they are imported


def test_nothing_is_written_where_it_came_from(tmp_path, folder):
    before = sorted(tmp_path.rglob("*"))
    package.bring(str(folder), tmp_path / "ours")
    assert [path for path in sorted(tmp_path.rglob("*")) if tmp_path / "ours" not in (path, *path.parents)] == before


@pytest.mark.parametrize("what", ["missing/folder", "broken.zip", "k.py"])
def test_what_is_none_of_them_is_said(tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.zip").write_text("no archive")
    (tmp_path / "k.py").write_text(KERNEL)
    with pytest.raises(ValueError, match=f"WHAT is .*{what}"):
        package.bring(what, tmp_path / "ours")
