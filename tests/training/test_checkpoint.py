"""Saved weights: written atomically, and restored with their optimizer's state."""

from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest

from searchlab.errors import LostWeightsError, ModelError, StorageError
from searchlab.journal.layout import StudyLayout
from searchlab.training import checkpoint
from searchlab.training.checkpoint import (
    Checkpoint,
    checkpoint_of,
    load_checkpoint,
    restore,
    save_checkpoint,
)

X = np.random.default_rng(1).normal(size=(90, 4)).astype(np.float32)
Y = np.arange(90) % 3


def adam(*, built=True, units=5):
    """Build a model with moments, moving averages and a seed generator."""
    import keras

    layers = [
        keras.layers.Dense(units, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(3, "softmax"),
    ]
    model = keras.Sequential([keras.Input(X.shape[1:]), *layers] if built else layers)
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    return model


def numbers(count=12) -> Checkpoint:
    """Return a checkpoint of `count` weights, each holding its own number."""
    weights = tuple(np.full((2,), index, np.float32) for index in range(count))
    return Checkpoint(weights, (np.array([1, 2], np.uint32),), (np.array(7, np.int64),))


def assert_same(left: Checkpoint, right: Checkpoint) -> None:
    for group in fields(Checkpoint):
        pairs = zip(getattr(left, group.name), getattr(right, group.name), strict=True)
        for one, other in pairs:
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


@pytest.mark.keras
@pytest.mark.parametrize("built", [True, False])
def test_kept_weights_come_with_the_state_of_their_optimiser(tmp_path, built):
    """Moments, averages and seeds continue, even in a model that is built only on first use."""
    from searchlab.training.build import take_over

    first, second = adam(built=built), adam(built=built)
    first.fit(X, Y, epochs=2, verbose=0)
    save_checkpoint(checkpoint_of(first), StudyLayout(tmp_path).checkpoint(7, 0))
    data = SimpleNamespace(summary=SimpleNamespace(input_shape=(4,), raw_text=False, inputs={}))
    take_over(second, load_checkpoint(tmp_path / "models/7/fold-0.npz"), data)
    assert_same(checkpoint_of(first), checkpoint_of(second))
    for model in (first, second):
        model.fit(X, Y, epochs=1, shuffle=False, verbose=0)
    assert_same(checkpoint_of(first), checkpoint_of(second))
    assert second.input_shape == (None, 4), "it takes any number of rows"


@pytest.mark.keras
def test_narrow_types_are_kept_to_the_last_bit(tmp_path):
    """NumPy's format lacks bfloat16, but such values survive it to the last bit."""
    import keras

    keras.config.set_dtype_policy("bfloat16")
    try:
        first, second = adam(), adam()
    finally:
        keras.config.set_dtype_policy("float32")
    first.fit(X, Y, epochs=1, verbose=0)
    save_checkpoint(checkpoint_of(first), tmp_path / "fold-0.npz")
    restore(second, load_checkpoint(tmp_path / "fold-0.npz"))
    assert second.trainable_variables[0].dtype == "bfloat16"
    assert_same(checkpoint_of(first), checkpoint_of(second))


@pytest.mark.keras
def test_weights_of_another_model_are_refused():
    """The error blames a factory that builds a different model for the same params."""
    with pytest.raises(ModelError, match=r"trainable variables: \(4, 5\).* saved, \(4, 6\).* same"):
        restore(adam(units=6), checkpoint_of(adam()))


def test_weights_are_read_in_the_order_in_which_they_were_written(tmp_path):
    """The twelfth weight comes after the second, and each keeps its type."""
    digest = save_checkpoint(numbers(), tmp_path / "fold-0.npz")
    assert_same(load_checkpoint(tmp_path / "fold-0.npz", digest), numbers())


@pytest.mark.parametrize("damage", ["lost", "cut", "flipped", "swapped"])
def test_lost_or_damaged_weights_are_told_from_others(tmp_path, damage):
    """A file that is lost, truncated, changed in one bit or another's has an error of its own."""
    path = tmp_path / "fold-0.npz"
    digest = save_checkpoint(numbers(), path)
    content = bytearray(path.read_bytes())
    content[content.index(numbers().trainable[5].tobytes())] ^= 1
    path.write_bytes(content if damage == "flipped" else content[:-100])
    if damage == "lost":
        path.unlink()
    if damage == "swapped":
        zeros = numbers().like([0 * each for each in numbers().all])
        assert save_checkpoint(zeros, path) != digest
    with pytest.raises(LostWeightsError, match=r"fold-0.npz: (cannot be read|is not the file)"):
        load_checkpoint(path, digest)


def test_pickled_objects_are_never_read(tmp_path):
    """A file that would execute code when it is read is rejected."""
    np.savez(tmp_path / "fold-0.npz", trainable_0=np.array([{}], object))
    with pytest.raises(ModelError, match="cannot be read"):
        load_checkpoint(tmp_path / "fold-0.npz")


def test_a_killed_save_leaves_no_half_of_a_file(tmp_path, monkeypatch):
    """A file appears under its name only when complete, and a killed process's part is removed."""
    path = tmp_path / "models" / "0" / "fold-0.npz"

    def torn(scratch, **_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.np, "savez", torn)
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(numbers(), path)
    assert list(path.parent.iterdir()) == []
    (path.parent / ".0123456789ab-fold-0.npz").write_bytes(b"half, of a process that was killed")
    save_checkpoint(numbers(), path)
    assert [each.name for each in path.parent.iterdir()] == ["fold-0.npz"]


def test_weights_that_cannot_be_written_say_what_to_do(tmp_path):
    """A file in place of the directory is named, and the trial is said to be retrained."""
    (tmp_path / "models").write_text("in the way")
    with pytest.raises(StorageError, match=r"the model cannot be written \(.*trained again"):
        save_checkpoint(numbers(), StudyLayout(tmp_path).checkpoint(0, 0))
