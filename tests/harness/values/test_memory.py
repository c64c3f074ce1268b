"""A launch's memory: tensors as views, how they are filled, and accesses that stay inside."""

import numpy as np
import pytest

from triton_matrix.values import arrays, description, dtypes, filling, memory, tensors

FP32, I32, U8 = (dtypes.find(name) for name in ("fp32", "i32", "u8"))
BELL = [-0.10756602138280869, 2.4468495845794678, -0.7824040651321411]
INTEGERS = [2, 3, -5, 4, -1, 2, -3, -5]


def test_tensors_of_one_storage_share_its_memory_by_their_offsets_and_strides():
    whole = tensors.Tensor(I32, [2, 3])
    turned = tensors.Tensor(I32, [3], strides=[1], offset=3, storage=whole.storage)
    whole.array[...] = np.arange(6).reshape(2, 3)
    assert turned.array.tolist() == [3, 4, 5]
    assert turned.data_ptr() - whole.data_ptr() == 12
    assert whole.data_ptr() % tensors.ALIGNMENT == 0
    assert tensors.Tensor(I32, [2, 2], strides=[1, 3], storage=whole.storage).array.tolist() == [[0, 3], [1, 4]]


def test_a_tensor_is_equal_to_itself_alone_and_its_type_to_its_name():
    one, other = tensors.of(np.zeros(3, np.float32)), tensors.of(np.zeros(3, np.float32))
    assert one == one
    assert one != other
    assert one not in [other]
    assert tensors.of([1.0], "bf16").dtype == "torch.bfloat16"


def test_filling_gives_the_same_numbers_everywhere():
    """Written down once: another numpy, another machine and another Python give these too."""
    bell = filling.filled({"kind": "normal", "mean": 0, "deviation": 2, "seed": 7}, 3, FP32)
    assert [float(each) for each in bell] == BELL
    low = filling.filled({"kind": "integers", "low": -5, "high": 5, "seed": 7}, 8, I32)
    assert low.tolist() == INTEGERS


def test_shares_of_special_values_are_kept():
    recipe = {"kind": "uniform", "low": 1, "high": 2, "zeros": 0.25, "nan": 0.1, "inf": 0.05, "negative_inf": 0.02}
    values = filling.filled(recipe, 20000, FP32)
    shares = [(values == 0).mean(), np.isnan(values).mean(), (values == np.inf).mean(), (values == -np.inf).mean()]
    assert shares == pytest.approx([0.25, 0.1, 0.05, 0.02], abs=0.01)
    rest = values[np.isfinite(values) & (values != 0)]
    assert rest.min() >= 1
    assert rest.max() <= 2


def test_bits_come_back_as_they_were_and_no_others_fit():
    kept = np.array([3, -1, 7], np.int32)
    assert filling.filled(filling.packed(kept), 3, I32).tolist() == [3, -1, 7]
    with pytest.raises(ValueError, match=r"fill.data holds 12 bytes; 2 elements of fp64 are 16"):
        filling.filled(filling.packed(kept), 2, dtypes.find("fp64"))
    with pytest.raises(ValueError, match="holds more than 4 bytes; 1 elements of i32 are 4"):
        filling.filled(filling.packed(np.zeros(1 << 20, np.int32)), 1, I32)  # and is not unpacked whole


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ({"kind": "random"}, "fill.kind is 'random'; allowed are zeros, constant"),
        ({"kind": "uniform", "low": 0}, "fill of kind 'uniform' lacks 'high'; it takes low, high"),
        ({"kind": "bits", "data": "?"}, "fill.data cannot be unpacked"),
    ],
)
def test_a_recipe_that_cannot_be_is_one_sentence(recipe, sentence):
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        filling.filled(recipe, 4, FP32)


@pytest.fixture
def held():
    """A memory of two storages, and their tensors."""
    store = memory.Memory()
    pair = tensors.of(np.arange(4, dtype=np.float32)), tensors.of(np.full(4, 9, np.float32))
    for each in pair:
        store.add(each.storage)
    return store, *pair


def at(*addresses):
    return np.array(addresses, np.uint64)


def test_accesses_outside_load_zero_and_store_nothing(held):
    store, first, second = held
    start, end = first.data_ptr(), first.data_ptr() + 16
    found = store.load(at(start, end, start - 4, end - 2), None, None, FP32)
    assert found.tolist() == [0.0, 0.0, 0.0, 0.0]
    store.store(at(end, start - 4), np.float32([5, 5]), None, FP32)
    assert (first.array.tolist(), second.array.tolist()) == ([0, 1, 2, 3], [9] * 4)
    assert store.outside == {"load": 3, "store": 2}


def test_pointers_into_several_storages_are_followed_at_once(held):
    store, first, second = held
    pointers = at(first.data_ptr() + 4, second.data_ptr(), first.data_ptr() + 12)
    assert store.load(pointers, np.array([True, True, False]), np.float32(-1), FP32).tolist() == [1.0, 9.0, -1.0]


def test_what_was_stored_is_known_to_the_byte(held):
    store, first, _ = held
    store.store(at(first.data_ptr() + 4, first.data_ptr() + 8), np.float32([7, 8]), np.array([True, False]), FP32)
    assert first.storage.written.reshape(4, 4).any(axis=1).tolist() == [False, True, False, False]


def test_an_address_between_two_elements_is_read_byte_by_byte(held):
    store, first, _ = held
    first.array.view(np.uint8)[...] = np.arange(16)
    assert store.load(at(first.data_ptr() + 1), None, None, I32).tolist() == [0x04030201]
    store.store(at(first.data_ptr() + 3), np.uint8([200]), None, U8)
    store.store(at(first.data_ptr() + 5), np.int32([-1]), None, I32)
    assert first.array.view(np.uint8).tolist() == [0, 1, 2, 200, 4, 255, 255, 255, 255, *range(9, 16)]


def test_a_program_that_looks_for_ever_is_told_so(held):
    store, first, _ = held
    place, found = at(first.data_ptr()), np.float32([0])

    def look():
        return store.load(place, None, None, FP32)

    for _ in range(3 * memory.PATIENCE):  # what changes is no waiting
        store.looked(place, look, found)
        store.store(place, found, None, FP32)
    for _ in range(memory.PATIENCE + 1):
        store.looked(place, look, found)
    with pytest.raises(memory.NotApplicable, match="waits for what none of those that run does"):
        store.looked(place, look, found)


def test_a_tensor_without_elements_is_kept_as_what_nothing_was_written_to(tmp_path):
    prepared = description.prepared(
        {
            "kernel": "toys.py:none",
            "grid": [1],
            "args": {"x": {"tensor": {"dtype": "i32", "shape": [0], "fill": {"kind": "zeros"}}}},
            "name": "none",
        }
    )
    (row,) = arrays.keep(prepared.tensors, tmp_path)
    assert row["written"] == 0
