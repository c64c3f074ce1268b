"""Who has a turn when, what a second round decides, and the best configurations: with workers that answer by heart."""

import pytest

from triton_matrix.bench.device import judging, run, terminal, varying
from triton_matrix.bench.device.interpreted import Evidence
from triton_matrix.bench.device.rounds import Times, taken
from triton_matrix.bench.device.workers import Failed
from triton_matrix.launches.launch_list import Launched

LAUNCH = Launched("toys:copy", ("copy",), {"kernel": f"{__file__}:copy", "grid": [1], "options": {"num_warps": 4}})
OPTIONS = ["num_warps", "num_stages"]


class Worker:
    """Answers at once; ``seconds`` gives a turn's time, from its number and options."""

    def __init__(self, seconds, log=None, refuses=lambda options: False, code=lambda options: ""):
        self._seconds, self._log, self._turns = seconds, log if log is not None else [], 0
        self._refuses, self._code = refuses, code

    def ask(self, limit_s, **request):
        do, options = request["do"], request.get("options") or {}
        if do == "compile":
            if self._refuses(options):
                raise Failed("no", "compile")
            return {"metrics": {}, "dots": False, "code": self._code(options) or repr(options)}
        if do == "time":
            self._turns += 1
            self._log.append(self)
            return {"seconds": [self._seconds(self._turns, options)] * 3, "late": 0}
        row = {"storages": [], "programs": [[0, 0, 0]], "total": 1}
        return {"open": {"read": {}}, "compute": {"repeats": True, "bytes": []}, "keep": {"row": row}}[do]

    def close(self):
        pass


def judged(tmp_path, options=(), **workers):
    by_release = {name.replace("_", "."): worker for name, worker in workers.items()}
    settings = run.Settings(1, 0.01, None, varying.parse(",".join(options)), lambda label: [], tmp_path)
    found = run.Found(read={release: [] for release in by_release})
    run.run([LAUNCH], by_release, settings, found, lambda label: None)
    held = judging.Held(Evidence(tmp_path / "none", tmp_path, tmp_path))
    table = judging.judge([LAUNCH], found, "python", held, tmp_path, "cuda:90", tmp_path)
    return found, table[LAUNCH.label]


def test_each_is_first_in_turn():
    order = []
    taken({name: lambda name=name: (order.append(name), ([1.0], 0))[1] for name in "abc"}, 3)
    assert "".join(order) == "abcbcacab"


def test_one_that_fails_has_no_more_turns_and_the_others_go_on():
    def fails():
        raise Failed("gone", "launch")

    found = taken({"a": fails, "b": lambda: ([1.0], 1)}, 4)
    assert str(found["a"]) == "gone"
    assert found["b"] == Times(((1.0,),) * 4, 4)


def test_drift_that_all_share_makes_nothing_slower(tmp_path):
    """The clock falls by half while the turns are taken: one after the other, the second would look slower."""
    log = []
    drifting = lambda turn, options: 1e-5 * (1 + len(log) / 10)  # noqa: E731
    _, rows = judged(tmp_path, v3_6_0=Worker(drifting, log), v3_9_0=Worker(drifting, log))
    assert not any(each.verdicts for each in rows.values())
    assert len({id(each) for each in log[:2]}) == 2  # they take turns


@pytest.mark.parametrize(("until", "kinds"), [(5, []), (99, ["slower"])])
def test_slower_needs_two_rounds(tmp_path, until, kinds):
    newer = Worker(lambda turn, options: 2e-5 if turn <= until else 1e-5)
    found, rows = judged(tmp_path, v3_6_0=Worker(lambda *_: 1e-5), v3_9_0=newer)
    assert [each.kind for each in rows["v3.9.0"].verdicts] == kinds
    assert found.rows[LAUNCH.label]["v3.9.0"].again is not None
    once = "looked slower than triton v3.6.0 once, not when measured again"
    assert rows["v3.9.0"].remarks == ([] if kinds else [once])


def test_what_is_within_the_noise_is_not_slower(tmp_path):
    noisy = Worker(lambda turn, options: 1e-5 * (1.2 if turn % 2 else 1.0))
    found, rows = judged(tmp_path, v3_6_0=Worker(lambda *_: 1e-5), v3_9_0=noisy)
    assert rows["v3.9.0"].verdicts == []
    assert found.rows[LAUNCH.label]["v3.9.0"].again is None


def by_warps(**seconds):
    return lambda turn, options: 1e-6 * seconds[f"w{options.get('num_warps', 4)}"]


def test_the_optimum_that_moved_is_named(tmp_path):
    older = Worker(by_warps(w2=30, w4=10, w8=12, w16=20))
    newer = Worker(by_warps(w2=90, w4=31, w8=15, w16=10))
    found, rows = judged(tmp_path, ["num_warps"], v3_3_1=older, v3_4_0=newer)
    verdict = next(each for each in rows["v3.4.0"].verdicts if each.kind == "optimum moved")
    assert (
        verdict.what
        == "at num_warps 4, the best on triton v3.3.1: 3.1 times slower on v3.4.0; best is now num_warps 16"
    )
    assert found.varied[LAUNCH.label].best == {"v3.3.1": (("num_warps", 4),), "v3.4.0": (("num_warps", 16),)}
    assert rows["v3.4.0"].is_bad


def test_the_best_is_shown_with_what_the_launch_itself_takes(tmp_path):
    older = Worker(by_warps(w2=30, w4=20, w8=12, w16=20))
    found, rows = judged(tmp_path, ["num_warps"], v3_9_0=older)
    shown = terminal.lines({LAUNCH.label: rows}, {"v3.9.0": None}, found.varied)
    assert shown[-1].split() == ["v3.9.0", "num_warps", "8", "12.0", "20.0"]


def test_a_best_within_five_percent_has_not_moved(tmp_path):
    older = Worker(by_warps(w2=30, w4=10, w8=12, w16=20))
    newer = Worker(by_warps(w2=30, w4=10.4, w8=10, w16=20))
    _, rows = judged(tmp_path, ["num_warps"], v3_3_1=older, v3_4_0=newer)
    assert rows["v3.4.0"].verdicts == []


def test_a_best_that_does_not_compile_any_more_has_moved(tmp_path):
    newer = Worker(by_warps(w4=10, w2=12, w16=20), refuses=lambda options: options.get("num_warps") == 8)
    older = Worker(by_warps(w2=30, w4=10, w8=8, w16=20))
    _, rows = judged(tmp_path, ["num_warps"], v3_3_1=older, v3_4_0=newer)
    assert "num_warps 8, the best on triton v3.3.1: does not run on v3.4.0" in rows["v3.4.0"].verdicts[0].what


def test_options_that_make_one_binary_are_timed_once(tmp_path):
    log = []
    same = Worker(lambda *_: 1e-5, log, code=lambda options: f"of {options.get('num_warps', 4)} warps")
    judged(tmp_path, OPTIONS, v3_9_0=same)
    assert len(log) == run.TURNS + varying.VARY_TURNS * len(varying.VALUES["num_warps"])


def test_the_number_of_configurations_is_bounded():
    def count(**options):
        return len(varying.configurations(varying.own_values({"options": options}, varying.VALUES), varying.VALUES))

    assert count(num_warps=4) == 16
    assert count(num_warps=32, num_stages=7) == 17


def test_those_nearest_to_the_launchs_own_come_first_and_a_name_that_it_lacks_is_not_varied():
    values = varying.parse("num_warps,BLOCK=64:128:256,ELSE=1:2")
    own = varying.own_values({"constexprs": {"BLOCK": 64}, "options": {"num_warps": 2}}, values)
    assert own == {"num_warps": 2, "BLOCK": 64}
    first, second, *_, last = varying.configurations(own, values)
    assert first == (("num_warps", 2), ("BLOCK", 64))
    assert second in ((("num_warps", 2), ("BLOCK", 128)), (("num_warps", 4), ("BLOCK", 64)))
    assert last == (("num_warps", 16), ("BLOCK", 256))
