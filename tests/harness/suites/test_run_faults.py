"""No false green: what did not run, did not run whole, or ran on something else is never a pass.

Each test drives the real verbs. The numbers are those of the list of faults that these were found as.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta, timezone

import pytest

GOOD = "def test_one(): pass\ndef test_two(): pass\ndef test_three(): pass\n"
NOT_GREEN = (1, 2)


def assert_green(checkout):
    """A healthy run is green: a test below would prove nothing otherwise."""
    checkout.write("test_a.py", GOOD)
    done = checkout.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.verdict() == (0, "pass")


# 1


def test_a_wheel_that_the_checkout_no_longer_makes_is_no_pass(checkout, provided):
    done = checkout.run(cell="pinned", **provided)
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.verdict(cell="pinned") == (0, "pass")
    (checkout.root / "tiny" / "__init__.py").write_text("raise ImportError('broken')\n")
    assert checkout.verdict(cell="pinned") == (2, "stale")
    done = checkout.run(cell="pinned", **provided)
    assert done.returncode == 2
    assert "not of this checkout's sources" in done.stderr
    assert checkout.verdict(cell="pinned") == (2, "stale")


def test_torchs_bytecode_stays_in_a_cells_own_environment_and_nowhere_else(checkout, provided, healthy):
    """A shell may forbid it, as the one here does: then every process of a cell compiles torch anew."""
    torch = next(provided["python"].parents[1].rglob("site-packages/torch"))
    assert not (torch / "__pycache__").exists()
    assert checkout.run(cell="pinned", **provided).returncode == 0
    assert list((torch / "__pycache__").glob("__init__.*.pyc"))
    assert (healthy.root / "modules" / "torch" / "__init__.py").is_file()
    assert not list(healthy.root.rglob("__pycache__"))


def test_an_installed_package_that_was_changed_in_place_is_no_pass(checkout, provided):
    installed = next(provided["python"].parents[1].rglob("site-packages/tiny/__init__.py"))
    installed.unlink()  # uv links it to its cache
    installed.write_text("ANSWER = 43\n")
    assert checkout.run(cell="pinned", **provided).returncode == 2
    assert checkout.verdict(cell="pinned")[1] != "pass"


@pytest.mark.parametrize("how", ["installed there", "a source tree"])
def test_a_triton_that_pythonpath_brings_is_no_pass(checkout, provided, tmp_path, how):
    outside = tmp_path / "outside"
    (outside / "triton").mkdir(parents=True)
    (outside / "triton" / "__init__.py").write_text("__version__ = '8.8.8'\n")
    if how == "installed there":
        (outside / "triton-8.8.9.dist-info").mkdir()
        (outside / "triton-8.8.9.dist-info" / "METADATA").write_text("Name: triton\nVersion: 8.8.9\n")
    first = {**provided, "path": os.pathsep.join([str(outside), provided["path"]])}
    done = checkout.run(cell="pinned", **first)
    assert done.returncode == 2
    assert f"PYTHONPATH brings triton from {outside}" in done.stderr
    assert checkout.verdict(cell="pinned")[1] != "pass"
    assert checkout.run(cell="pinned", **provided).returncode == 0
    assert checkout.verdict(cell="pinned") == (0, "pass")


# 2


def crashed_elsewhere(green, folder, date):
    """What a GPU machine left whose level device crashed: a run that was closed, and no JUnit file beside it."""
    run = json.loads(green.evidence("run-interpreter.json").read_text())
    run |= {"id": "another", "level": "device", "opened": date, "closed": date, "status": -11}
    run |= {"collected": None, "finished": [], "launches": {}}
    (folder / "small").mkdir(parents=True)
    (folder / "small" / "run-device.json").write_text(json.dumps(run))
    return folder


@pytest.mark.parametrize("minutes", [5, -5])
def test_a_crash_on_a_gpu_machine_is_not_hidden_by_a_pass_of_another_level(green, tmp_path, minutes):
    date = (datetime.now(timezone.utc) + timedelta(minutes=minutes)).isoformat(timespec="seconds")
    status, matrix, _ = green.report("--add", crashed_elsewhere(green, tmp_path / "gpu", date))
    assert status == 1
    assert matrix["cells"]["small"]["verdict"] == "fail"
    assert matrix["cells"]["small"]["levels"]["device"]["verdict"] == "fail"


# 3

DIES_INTERPRETED = "import os\ndef test_dies():\n    if os.environ.get('TRITON_INTERPRET') == '1': os._exit(9)\n"


def test_a_crash_of_one_level_is_not_erased_by_a_pass_of_the_next(checkout):
    checkout.write("test_a.py", DIES_INTERPRETED)
    assert checkout.run(STAND_IN_GPU="1").returncode == 2
    status, matrix, _ = checkout.report()
    levels = {level: found["verdict"] for level, found in matrix["cells"]["small"]["levels"].items()}
    assert levels == {"interpreter": "fail", "device": "pass"}
    assert (status, matrix["cells"]["small"]["verdict"]) == (1, "fail")


# 4 and 5

ENDS = {
    "a KeyboardInterrupt": "def test_z(): raise KeyboardInterrupt\n",
    "pytest.exit": "import pytest\ndef test_z(): pytest.exit('enough')\n",
    "pytest.exit with 0": "import pytest\ndef test_z(): pytest.exit('enough', returncode=0)\n",
    "os._exit with 0": "import os\ndef test_z(): os._exit(0)\n",
    "a kill": "import os\ndef test_z(): os.kill(os.getpid(), 9)\n",
}


@pytest.mark.parametrize("how", ENDS)
def test_a_run_that_was_cut_short_is_no_pass(green, how):
    green.write("test_z.py", ENDS[how] + "def test_never_reached(): assert False\n")
    done = green.run()
    assert done.returncode == 2
    status, matrix, said = green.report()
    assert status == 1
    assert matrix["cells"]["small"]["verdict"] == "fail"
    assert "test_z" in said  # what was running is named
    (group,) = matrix["failures"]
    assert (group["cause"], group["where"][0]["command"]) == ("harness", "nox -s tests-small -- --level interpreter")


@pytest.mark.parametrize("ends", ["import os; os._exit(0)\n", "import sys; sys.exit(0)\n"])
@pytest.mark.parametrize("where", ["conftest.py", "test_b.py"])
def test_a_file_that_ends_the_process_well_when_it_is_imported_is_no_pass(green, where, ends):
    green.write(where, ends)
    assert green.run().returncode in NOT_GREEN
    assert green.verdict() == (1, "fail")


def test_a_run_that_is_killed_with_its_parent_is_no_pass(green):
    sleeps = "import os, pathlib, time\ndef test_z():\n    pathlib.Path('begun').write_text(f'{os.getpid()} ')\n"
    green.write("test_z.py", sleeps + "    time.sleep(600)\n")
    command = [sys.executable, "-m", "triton_matrix", "run", "--cell", "small", "--root", str(green.root)]
    process = subprocess.Popen(command, env=green.env(), cwd=green.root / "tests", start_new_session=True)
    begun = green.root / "tests" / "begun"
    while not begun.exists() or not begun.read_text().endswith(" "):
        time.sleep(0.05)
    process.kill()
    process.wait()
    os.kill(int(begun.read_text()), signal.SIGKILL)
    assert green.verdict() == (1, "fail")


# 6


def kept_pass(checkout, provided):
    assert checkout.run(cell="pinned", **provided).returncode == 0
    assert checkout.verdict(cell="pinned") == (0, "pass")


def test_provisioning_that_has_no_pin_file_leaves_no_older_pass(checkout, provided):
    kept_pass(checkout, provided)
    (checkout.root / "constraints" / "pinned.txt").unlink()
    assert checkout.verb("provide", "--cell", "pinned", "--python", provided["python"]).returncode == 2
    assert checkout.verdict(cell="pinned") == (1, "fail")


def test_provisioning_that_refuses_its_wheelhouse_leaves_no_older_pass(checkout, provided, tmp_path):
    kept_pass(checkout, provided)
    house = ["--wheelhouse", tmp_path]
    assert checkout.verb("provide", "--cell", "pinned", "--python", provided["python"], *house).returncode == 2
    assert checkout.verdict(cell="pinned") == (1, "fail")


def test_provisioning_that_is_killed_leaves_no_older_pass(checkout, provided, tmp_path):
    kept_pass(checkout, provided)
    hangs = tmp_path / "uv"
    hangs.write_text(f"#!/bin/sh\ntouch {tmp_path}/begun\nsleep 60\n")
    hangs.chmod(0o755)
    command = [sys.executable, "-m", "triton_matrix", "provide", "--cell", "pinned", "--root", str(checkout.root)]
    command += ["--python", str(provided["python"])]
    env = checkout.env(UV=str(hangs))
    process = subprocess.Popen(command, env=env, cwd=checkout.root, start_new_session=True)
    while not (tmp_path / "begun").exists():
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert checkout.verdict(cell="pinned") == (1, "fail")


NO_ROOM = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
NO_ROOM += "from triton_matrix.__main__ import main; sys.exit(main(sys.argv[1:]))"


def test_provisioning_that_cannot_write_leaves_no_older_pass(checkout, provided):
    kept_pass(checkout, provided)
    command = [sys.executable, "-c", NO_ROOM, "provide", "--cell", "pinned", "--python", str(provided["python"])]
    command += ["--root", str(checkout.root)]
    done = subprocess.run(command, env=checkout.env(), cwd=checkout.root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert checkout.verdict(cell="pinned")[1] != "pass"


# 7


def test_a_gpu_that_vanished_leaves_no_pass_of_an_older_commit(checkout):
    assert checkout.run(STAND_IN_GPU="1").returncode == 0
    assert checkout.verdict() == (0, "pass")
    (checkout.root / "tiny" / "__init__.py").write_text("ANSWER = 43\n")
    assert checkout.run().returncode == 0
    status, matrix, said = checkout.report()
    assert status == 2
    assert matrix["cells"]["small"]["levels"]["device"]["verdict"] == "stale"
    assert matrix["cells"]["small"]["levels"]["interpreter"]["verdict"] == "pass"
    assert "small device: stale: " in said
    assert matrix["cells"]["small"]["levels"]["device"]["date"][:10] in said
    page = (checkout.reports / "index.html").read_text()
    assert "other sources" in page
    assert checkout.report("--allow-stale")[0] == 0


def test_a_torch_that_does_not_import_is_not_taken_for_no_gpu(checkout):
    torch = checkout.root / "modules" / "torch" / "__init__.py"
    torch.write_text(
        "import os\nif os.environ.get('TRITON_INTERPRET') != '1': raise OSError('libcudart.so.12')\n"
        + torch.read_text()
    )
    done = checkout.run()
    assert done.returncode == 2
    assert "torch does not import" in done.stderr
    assert checkout.verdict() == (1, "fail")
    assert checkout.run("--level", "device").returncode == 2


def test_a_commit_that_changes_only_prose_leaves_results_as_they_are(green):
    (green.root / "README.md").write_text("words\n")
    assert green.verdict() == (0, "pass")


# 8


def test_one_file_is_a_selection(green):
    green.write("test_b.py", "def test_bad(): assert False\n")
    assert green.run().returncode == 1
    assert green.run("--suite", "correctness/test_a.py").returncode == 0
    assert green.verdict() == (1, "fail")


def cut(text):
    tree = ET.fromstring(text)
    suite = next(tree.iter("testsuite"))
    suite.remove(suite.findall("testcase")[-1])
    return ET.tostring(tree, encoding="unicode")


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lambda text: re.sub(r'failures="\d+"', 'failures="5"', text),
        lambda text: re.sub(r'errors="\d+"', 'errors="1"', text),
        lambda text: re.sub(r'tests="\d+"', 'tests="529"', text),
        lambda text: re.sub(r'skipped="\d+"', 'skipped="0"', text),
        lambda text: text.replace('name="test_two"', 'name="test_other"'),
        lambda text: cut(re.sub(r'tests="(\d+)"', lambda found: f'tests="{int(found[1]) - 1}"', text)),
    ],
    ids=["cut", "failures", "errors", "tests", "skipped", "another id", "cut and counted"],
)
def test_a_junit_file_that_contradicts_itself_or_its_run_is_no_pass(green, damage):
    junit = green.evidence("junit-interpreter.xml")
    junit.write_text(damage(junit.read_text()))
    assert green.verdict() == (1, "fail")


def test_a_junit_file_without_its_run_is_of_who_knows_what(green):
    green.evidence("run-interpreter.json").unlink()
    assert green.verdict() == (2, "stale")
    assert green.report("--allow-stale")[0] == 0


def test_results_of_another_machine_that_are_of_older_sources_are_shown_and_do_not_count(checkout, tmp_path):
    assert checkout.run(STAND_IN_GPU="1").returncode == 0
    checkout.reports.rename(tmp_path / "gpu")
    (checkout.root / "tiny" / "__init__.py").write_text("ANSWER = 43\n")
    assert_green(checkout)
    status, matrix, said = checkout.report("--add", tmp_path / "gpu")
    levels = {level: found["verdict"] for level, found in matrix["cells"]["small"]["levels"].items()}
    assert (status, levels) == (0, {"interpreter": "pass", "device": "stale"})
    assert "small device: stale: " in said
    assert checkout.report("--add", tmp_path / "gpu", "--require", "small:device")[0] == 2


# 9


def test_a_date_in_the_future_is_refused_and_masks_nothing(green):
    green.write("test_b.py", "def test_bad(): assert False\n")
    later = green.root / "later"
    (green.reports).rename(later)
    for path in later.rglob("*.*"):
        if path.suffix in (".json", ".xml"):
            path.write_text(re.sub(r"20\d\d-\d\d-\d\dT", "2099-01-01T", path.read_text()))
    assert green.run().returncode == 1
    status, matrix, said = green.report("--add", later)
    assert (status, matrix["cells"]["small"]["verdict"]) == (1, "fail")
    assert "2099" in said
    assert "in the future" in said
