"""Why configurations do not compile: each reason once, with its range of releases."""

from triton_matrix.codegen import reasons, table

KNOWN = ["3.0.0", "3.1.0", "3.2.0", "3.3.1", "3.4.0"]
CRASH = "does not compile: the compiler crashed with a failed assertion: A.cpp:{}: f: Assertion `x' failed"
REFUSAL = "does not compile: ValueError: no, at mine.py:3:{}: a = b"


def item(name, reason="", status="error", **more):
    said = {"reason": reason} if reason else {}
    return {"id": name, "label": name, "target": "cuda:90", "status": status, "metrics": {}, **said, **more}


def atlas(release, *items):
    return {"triton": release, "entries": list(items)}


def test_a_reason_is_one_line_with_its_range_and_the_newest_words():
    found = reasons.grouped(
        [atlas(release, item("k", CRASH.format(line))) for line, release in enumerate(KNOWN)], KNOWN
    )
    assert reasons.render(found, True) == f"error: k, triton 3.0.0 - 3.4.0: {CRASH.format(4)}"


def test_two_reasons_of_one_configuration_are_two_lines_and_a_gap_is_seen():
    said = [REFUSAL.format(1), REFUSAL.format(2), CRASH.format(1), REFUSAL.format(2)]
    found = reasons.grouped([atlas(release, item("k", text)) for release, text in zip(KNOWN, said)], KNOWN)
    assert [(each.releases, each.kind) for each in found] == [("3.0.0 - 3.1.0, 3.3.1", "error"), ("3.2.0", "error")]


def test_releases_that_were_not_asked_are_no_part_of_a_range():
    found = reasons.grouped([atlas(release, item("k", CRASH.format(1))) for release in ("3.0.0", "3.4.0")], KNOWN)
    assert found[0].releases == "3.0.0, 3.4.0"


def test_configurations_that_share_a_reason_are_counted_and_named_with_the_ranges_of_their_own():
    both = [item("a", REFUSAL.format(1)), item("b", REFUSAL.format(1))]
    found = reasons.grouped([atlas("3.0.0", *both), atlas("3.1.0", both[0])], KNOWN)
    assert reasons.render(found, True).splitlines() == [
        f"error: 2 configurations, triton 3.0.0 - 3.1.0: {REFUSAL.format(1)}",
        "    3.0.0 - 3.1.0: a",
        "    3.0.0: b",
    ]
    many = [item(f"k{number}", REFUSAL.format(1)) for number in range(9)]
    said = reasons.render(reasons.grouped([atlas("3.0.0", *many), atlas("3.1.0", *many)], KNOWN), True, markdown=True)
    assert said.splitlines()[0].startswith("- error: 9 configurations, triton 3.0.0 - 3.1.0: ")
    assert said.splitlines()[1] == "  - k0, k1, k2, k3, k4, k5 and 3 more"


def test_errors_come_first_and_warnings_of_what_compiled_last():
    entries = [item("a", "no such target", "n/a"), item("b", status="ok", warnings=["slow"]), item("c", REFUSAL)]
    found = reasons.grouped([atlas("3.0.0", *entries)], KNOWN)
    assert [(each.kind, each.text) for each in found] == [
        ("error", REFUSAL),
        ("n/a", "no such target"),
        ("warning", "slow"),
    ]
    assert reasons.render(found, False).splitlines()[-1] == "warning: b: slow"
    assert [each.kind for each in reasons.grouped([atlas("3.0.0", *entries)], KNOWN, ["error"])] == ["error"]


def test_a_table_over_releases_says_each_reason_once():
    atlases = [atlas(release, item("k", CRASH.format(1))) for release in KNOWN[:3]]
    assert table.by_release(atlases, KNOWN) == f"error: k, triton 3.0.0 - 3.2.0: {CRASH.format(1)}"
    assert table.of_one(atlases[0]) == f"error: k: {CRASH.format(1)}"
