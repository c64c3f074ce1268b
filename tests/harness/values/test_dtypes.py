"""Types that numpy lacks: their values, and how numbers are rounded to them."""

import numpy as np
import pytest

from triton_matrix.values import dtypes


@pytest.mark.parametrize(
    ("name", "largest", "smallest", "has_infinity"),
    # OCP 8-bit Floating Point Specification 1.0, table 1; the uz formats as LLVM's APFloat has them
    [
        ("fp8e5", 57344.0, 2.0**-16, True),
        ("fp8e4nv", 448.0, 2.0**-9, False),
        ("fp8e4b8", 240.0, 2.0**-10, False),
        ("fp8e5b16", 57344.0, 2.0**-17, False),
    ],
)
def test_an_8_bit_float_has_the_range_of_its_format(name, largest, smallest, has_infinity):
    values = dtypes.decode(np.arange(256, dtype=np.uint8), dtypes.find(name))
    finite = values[np.isfinite(values)]
    assert (finite.max(), finite[finite > 0].min()) == (largest, smallest)
    assert np.isinf(values).any() == has_infinity


@pytest.mark.parametrize("name", [row.name for row in dtypes.DTYPES.values() if row.as_bits])
def test_every_number_of_a_type_stays_what_it_is(name):
    dtype = dtypes.find(name)
    codes = np.arange(2 ** (8 * dtype.itemsize), dtype=dtype.storage)
    values = dtypes.decode(codes, dtype)
    kept = np.isfinite(values)
    assert (dtypes.encode(values, dtype)[kept] == codes[kept]).all()


@pytest.mark.parametrize(
    ("name", "value", "rounded"),
    [
        ("bf16", 1 + 2.0**-8, 1.0),  # a tie goes to the even neighbour
        ("bf16", 1 + 3 * 2.0**-8, 1 + 2.0**-6),
        ("bf16", 1 + 2.0**-8 + 2.0**-40, 1 + 2.0**-7),  # fp32 alone would take this for the tie
        ("bf16", 3.4e38, float("inf")),
        ("fp8e4nv", 1.0625, 1.0),
        ("fp8e4nv", 1.1875, 1.25),
        ("fp8e4nv", 1e9, 448.0),
        ("fp8e5", -float("inf"), -57344.0),  # cvt.satfinite
    ],
)
def test_rounding_is_to_the_nearest_and_of_8_bits_saturates(name, value, rounded):
    dtype = dtypes.find(name)
    assert dtypes.decode(dtypes.encode(np.array([value]), dtype), dtype)[0] == rounded


@pytest.mark.parametrize("name", ["bf16", "fp8e5", "fp8e4nv", "fp8e4b8", "fp8e5b16"])
def test_nan_stays_nan(name):
    dtype = dtypes.find(name)
    every_nan = np.array([0x7F800001, 0x7FFFFFFF, 0xFFFFFFFF], np.uint32).view(np.float32)
    assert np.isnan(dtypes.decode(dtypes.encode(every_nan, dtype), dtype)).all()


def test_cut_off_is_never_farther_from_zero():
    values = np.array([1.99999, -1.99999, 3.0e-39, 300.0])
    for name in ("bf16", "fp8e4nv"):
        dtype = dtypes.find(name)
        cut = dtypes.decode(dtypes.encode(values.astype(np.float32), dtype, toward_zero=True), dtype)
        assert (np.abs(cut) <= np.abs(values.astype(np.float32))).all()
    assert cut[0] == 1.875


def test_an_unknown_type_is_one_sentence():
    with pytest.raises(ValueError, match="dtype is 'float32'; allowed are i1, i8"):
        dtypes.find("float32")
