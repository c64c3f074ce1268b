"""What is read out of listings: excerpts of real ones (Triton 3.4.0, 3.6.0 and 3.9.0), counted by hand."""

from pathlib import Path

import pytest

from triton_matrix.codegen import cuda_metrics, hip_metrics

DATA = Path(__file__).parent / "data"
USAGE = """
Resource usage:
 Common:
  GLOBAL:0
 Function layer_norm_backward_rows:
  REG:255 STACK:344 SHARED:1024 LOCAL:0 CONSTANT[0]:616 TEXTURE:0 SURFACE:0 SAMPLER:0
"""


def sass_operations():
    return [operation for _, operation in cuda_metrics.parse_sass((DATA / "sass_excerpt.txt").read_text())]


def test_every_kind_of_sass_instruction_is_counted_once():
    assert cuda_metrics.count(sass_operations()) == {
        "instructions": 21,  # two more lines are NOP
        "local_stores": 3,
        "local_loads": 2,
        "global_loads": 3,  # one of them straight into shared memory
        "global_loads_128": 2,
        "global_stores": 2,
        "global_stores_128": 2,
        "global_load_bits": 128 + 128 + 32,
        "tma_loads": 0,
        "tma_stores": 0,
        "mma_instructions": 0,
        "wgmma_instructions": 0,
        "tcgen05_instructions": 0,
        "fp64_instructions": 5,  # conversion, two multiply-adds, addition, reciprocal; LDS.64 is none
        "barriers": 2,  # DEPBAR and LDGDEPBAR are none
    }


@pytest.mark.parametrize(
    ("operation", "metric"),
    [
        ("HMMA.16816.F32", "mma_instructions"),
        ("IMMA.16832.S8.S8.SAT", "mma_instructions"),
        ("QMMA.16832.F32.E4M3.E4M3", "mma_instructions"),
        ("HGMMA.64x128x16.F32", "wgmma_instructions"),
        ("QGMMA.64x128x32.F32.E4M3.E4M3", "wgmma_instructions"),
        ("UTCHMMA", "tcgen05_instructions"),
        ("UTCQMMA.2CTA", "tcgen05_instructions"),
        ("UTMALDG.2D", "tma_loads"),
        ("UTMASTG.2D", "tma_stores"),
        ("UTCBAR", None),
        ("UTMACMDFLUSH", None),
    ],
)
def test_units_for_matrix_products_and_for_tiles_are_told_apart(operation, metric):
    counted = cuda_metrics.count([operation])
    assert [name for name, value in counted.items() if value] == ["instructions", *([metric] if metric else [])]


def test_what_a_cluster_does_is_read_from_the_ptx_of_kernels_that_ask_for_one():
    """Lines of PTX of Triton 3.9.0."""
    ptx = "\tbarrier.cluster.arrive.aligned;\n\tbarrier.cluster.wait.aligned;\n"
    ptx += "\tmapa.shared::cluster.u32 \t%r1, %r2, %r3;\n"
    assert cuda_metrics.clusters(ptx, 2) == {"cluster_ctas": 2, "cluster_barriers": 1, "cluster_addresses": 1}
    assert cuda_metrics.clusters(ptx, 1) == {}


def test_the_offset_of_a_sass_instruction_is_read_in_hexadecimal():
    assert (0x1B0, "BAR.SYNC.DEFER_BLOCKING") in cuda_metrics.parse_sass((DATA / "sass_excerpt.txt").read_text())


@pytest.mark.parametrize(
    ("operation", "bits"),
    [
        ("LDG.E.128", 128),
        ("LDG.E.64", 64),
        ("LDG.E", 32),
        ("LDG.E.U16", 16),
        ("LDG.E.U8.CONSTANT", 8),
        ("LDG.E.ENL2.256", 256),
        ("LDGSTS.E.BYPASS.128", 128),
        ("LDG.E.128.CONSTANT", 128),
        ("LDG.E.LTC128B.64", 64),
    ],
)
def test_the_width_of_a_load_is_in_its_name(operation, bits):
    assert cuda_metrics.width(operation) == bits


def test_resource_usage_is_read_from_the_kernel_s_line():
    assert cuda_metrics.parse_resource_usage(USAGE) == {"REG": 255, "STACK": 344, "SHARED": 1024, "LOCAL": 0}


def test_resource_usage_of_two_kernels_is_refused():
    with pytest.raises(cuda_metrics.ToolError, match="2 kernels"):
        cuda_metrics.parse_resource_usage(USAGE + USAGE)


def test_a_failing_tool_is_reported_with_command_status_and_last_lines():
    with pytest.raises(cuda_metrics.ToolError, match=r"ls /no/such/place: exit status 2: .*No such file"):
        cuda_metrics.run_tool(["ls", "/no/such/place"])


def test_gfx90a_figures_come_from_the_metadata():
    assert hip_metrics.fields((DATA / "amdgcn_gfx90a.s").read_text()) == {
        "vgprs": 18,
        "sgprs": 20,
        "agprs": 0,
        "vgpr_spills": 0,
        "sgpr_spills": 0,
        "scratch_bytes": 0,
        "code_bytes": 1236,
    }


def test_code_of_a_function_that_was_not_inlined_is_the_kernel_s_too():
    text = (DATA / "amdgcn_gfx90a.s").read_text()
    assert (
        hip_metrics.fields(f"; codeLenInByte = 56\n{text}")["code_bytes"] == hip_metrics.fields(text)["code_bytes"] + 56
    )
    with pytest.raises(ValueError, match="2 values of vgprs"):
        hip_metrics.fields(text + text)


def test_gfx1100_spills_are_figures_and_not_memory_traffic():
    text = (DATA / "amdgcn_gfx1100.s").read_text()
    figures = hip_metrics.fields(text)
    assert (figures["vgpr_spills"], figures["scratch_bytes"]) == (237, 888)
    assert "agprs" not in figures  # RDNA has none
    counted = hip_metrics.count(text)
    assert (counted["global_loads"], counted["global_loads_128"], counted["global_stores"]) == (2, 2, 0)
    assert (counted["local_loads"], counted["local_stores"]) == (1, 5)


def test_every_kind_of_amdgcn_instruction_is_counted_once():
    assert hip_metrics.count((DATA / "amdgcn_gfx90a.s").read_text()) == {
        "instructions": 7,
        "local_stores": 0,
        "local_loads": 0,
        "global_loads": 2,
        "global_loads_128": 0,
        "global_stores": 1,
        "global_stores_128": 0,
        "global_load_bits": 128,
        "buffer_loads": 2,
        "buffer_stores": 1,
        "tma_loads": 0,
        "tma_stores": 0,
        "mfma_instructions": 0,
        "wmma_instructions": 0,
        "fp64_instructions": 3,
        "barriers": 1,
    }


@pytest.mark.parametrize(
    ("load", "bits"),
    [
        ("global_load_dwordx4", 128),
        ("global_load_b128", 128),
        ("buffer_load_dword", 32),
        ("buffer_load_dwordx3", 96),
        ("global_load_ushort", 16),
        ("global_load_d16_hi_b16", 16),
        ("buffer_load_short_d16", 16),
        ("global_load_ubyte", 8),
        ("global_load_u8", 8),
        ("global_load_async_to_lds_b128", 128),
        ("global_load_tr_b128", 128),
    ],
)
def test_the_width_of_an_amd_load_is_in_its_name(load, bits):
    text = f"kernel:\n\t{load} v0, v1, s[0:1]\n.Lfunc_end0:\n"
    assert hip_metrics.count(text)["global_load_bits"] == bits


@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("global_load_dwordx4", {"global_loads"}),
        ("global_store_dwordx4", {"global_stores"}),
        ("buffer_load_dwordx4", {"global_loads", "buffer_loads"}),
        ("buffer_store_dwordx4", {"global_stores", "buffer_stores"}),
        ("v_mfma_f32_32x32x8_f16", {"mfma_instructions"}),
        ("v_smfmac_f32_16x16x32_f16", {"mfma_instructions"}),
        ("v_mfma_f64_16x16x4_f64", {"mfma_instructions", "fp64_instructions"}),
        ("v_wmma_f32_16x16x16_f16", {"wmma_instructions"}),
        ("tensor_load_to_lds", {"tma_loads"}),
        ("v_fmac_f32_e32", set()),
    ],
)
def test_buffer_accesses_and_units_for_matrix_products_are_counted_beside_the_rest(name, metrics):
    counted = hip_metrics.count(f"kernel:\n\t{name} v0, v1, s[0:1]\n.Lfunc_end0:\n")
    widths = {"instructions", "global_loads_128", "global_stores_128", "global_load_bits"}
    assert {name for name, value in counted.items() if value and name not in widths} == metrics


@pytest.mark.parametrize(
    ("lines", "barriers"),
    [(["s_barrier"], 1), (["s_barrier_signal -1", "s_barrier_wait -1"], 1), (["s_barrier", "s_barrier"], 2)],
)
def test_a_barrier_of_a_signal_and_a_wait_is_one(lines, barriers):
    """gfx1201 and gfx1250 have the pair."""
    text = "kernel:\n" + "".join(f"\t{line}\n" for line in lines) + ".Lfunc_end0:\n"
    assert hip_metrics.count(text)["barriers"] == barriers


def test_a_spill_through_the_buffer_path_is_not_memory_traffic():
    spill = "\tbuffer_store_dword v1, off, s[0:3], 0 offset:4 ; 4-byte Folded Spill\n"
    reload = "\tbuffer_load_dword v1, off, s[0:3], 0 offset:4 ; 4-byte Folded Reload\n"
    counted = hip_metrics.count(f"kernel:\n{spill}{reload}.Lfunc_end0:\n")
    assert (counted["instructions"], counted["global_loads"], counted["global_stores"]) == (2, 0, 0)
    assert (counted["local_loads"], counted["local_stores"]) == (1, 1)


def test_an_amdgcn_text_without_a_figure_is_refused():
    text = (DATA / "amdgcn_gfx90a.s").read_text().replace(".vgpr_count:", ".other:")
    with pytest.raises(ValueError, match="0 values of vgprs"):
        hip_metrics.fields(text)
