"""Which adapter compiles with which release, without any Triton."""

import pytest

from triton_matrix.base import targets
from triton_matrix.codegen import adapters
from triton_matrix.codegen.compile import cannot_launch, unknown_to


@pytest.mark.parametrize(
    ("version", "adapter"),
    [
        ("2.3.1", adapters.Adapter23),
        ("3.0.0", adapters.Adapter30),
        ("3.1.0", adapters.Adapter30),
        ("3.2.0", adapters.Adapter32),
        ("3.3.1", adapters.Adapter33),
        ("3.4.0", adapters.Adapter34),
        ("3.5.1", adapters.Adapter35),
        ("3.9.0", adapters.Adapter35),
        ("3.4.0+git1234", adapters.Adapter34),
    ],
)
def test_a_release_gets_the_adapter_of_its_generation(version, adapter):
    chosen, remark = adapters.choose(version)
    assert type(chosen) is adapter
    assert remark == ""


def test_an_unknown_newer_release_gets_the_newest_adapter_and_a_remark():
    chosen, remark = adapters.choose("4.0.0")
    assert type(chosen) is adapters.Adapter35
    assert "Triton 4.0.0 is newer than 3.9.0" in remark
    assert adapters.name_of("4.0.0") == "3.5.0"


def test_an_older_release_is_refused():
    with pytest.raises(ValueError, match=r"triton is 2.1.0; allowed is 2.3.0 or later"):
        adapters.choose("2.1.0")


@pytest.mark.parametrize(
    ("target", "version", "reason"),
    [
        ("hip:gfx942", "2.3.1", "this Triton has no HIP backend; hip:gfx942 needs 3.0.0 or later"),
        ("hip:gfx950", "3.1.0", "this Triton does not know this target; hip:gfx950 needs 3.2.0 or later"),
        ("cuda:100", "3.2.0", "this Triton does not know this target; cuda:100 needs 3.3.0 or later"),
        ("cuda:90", "2.3.1", ""),
        ("hip:gfx950", "3.10.0", ""),
        ("cuda:110", "3.6.0", "this Triton does not know this target; cuda:110 needs 3.7.0 or later"),
        (
            "cuda:70",
            "3.7.0",
            "this Triton compiles for this target, and its nvdisasm reads no sm_70; cuda:70 needs 3.6.0 or earlier",
        ),
    ],
)
def test_a_target_that_a_release_does_not_know_has_its_reason(target, version, reason):
    assert unknown_to(targets.parse(target), version) == reason


def test_32_warps_of_64_lanes_cannot_be_launched():
    reason = cannot_launch(targets.parse("hip:gfx942"), {"num_warps": 32})
    assert reason == "num_warps is 32, which is 2048 threads of 64 lanes a warp; hip:gfx942 allows 1024"
    assert cannot_launch(targets.parse("hip:gfx1100"), {"num_warps": 32}) == ""


def test_a_parameter_s_hints_are_triton_s_letters():
    signature = adapters.Signature(
        names=("x_ptr", "y_ptr", "n", "BLOCK"),
        types={"x_ptr": "*fp32", "y_ptr": "*fp32", "n": "i32"},
        constants={"BLOCK": 8},
        divisible=frozenset({"x_ptr", "n"}),
    )
    assert [signature.specialization(name) for name in signature.names] == ["DS", "S", "D", ""]
    assert signature.by_index() == ({0: "*fp32", 1: "*fp32", 2: "i32"}, {3: 8}, {0, 2}, set())
