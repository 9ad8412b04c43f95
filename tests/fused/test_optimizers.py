"""Stacked optimizers behave like Keras' own, slot by slot."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import optimizers

from searchlab.fused.optimizers import CONSTANTS, Rule, constants_of, rule_of

pytestmark = pytest.mark.keras

SLOTS, STEPS = 3, 8
SHAPES = {"kernel": (4, 3), "bias": (3,), "scale": ()}
LONG = pytest.mark.long
CENTERED = "rmsprop-centered-momentum"
MORE_WITH_NAN = ("sgd", "sgd-clipvalue", "adam-amsgrad", "adamw-excluded")
RATES = (0.05, 0.02, 0.001)  # low, so that variables and their rounding stay near 1

# class and arguments; a tuple holds one value per slot
CASES = {
    "sgd": (optimizers.SGD, {}),
    "sgd-momentum": (optimizers.SGD, {"momentum": (0.9, 0.5, 0.99)}),
    "sgd-nesterov": (optimizers.SGD, {"momentum": (0.9, 0.5, 0.99), "nesterov": True}),
    "sgd-weight-decay": (optimizers.SGD, {"weight_decay": (0.1, 0.0, 0.004)}),
    "sgd-clipnorm": (optimizers.SGD, {"clipnorm": (0.5, 3.0, 100.0)}),
    "sgd-clipvalue": (optimizers.SGD, {"clipvalue": (0.1, 1.0, 100.0)}),
    "sgd-global-clipnorm": (optimizers.SGD, {"global_clipnorm": (0.5, 5.0, 100.0)}),
    "sgd-clip-and-decay": (
        optimizers.SGD,
        {"momentum": 0.9, "clipnorm": (0.5, 3.0, 9.0), "weight_decay": (0.1, 0.2, 0.3)},
    ),
    "sgd-ignored-clip": (optimizers.SGD, {"clipnorm": (-1.0, 0.0, -2.0)}),
    "rmsprop": (optimizers.RMSprop, {"rho": (0.9, 0.5, 0.999), "epsilon": (1e-7, 1e-3, 1.0)}),
    "rmsprop-momentum": (
        optimizers.RMSprop,
        {"rho": (0.9, 0.5, 0.99), "momentum": (0.9, 0.1, 0.5)},
    ),
    "rmsprop-centered": (optimizers.RMSprop, {"rho": (0.9, 0.5, 0.99), "centered": True}),
    "rmsprop-centered-momentum": (
        optimizers.RMSprop,
        {"rho": (0.9, 0.5, 0.99), "momentum": (0.9, 0.1, 0.5), "centered": True},
    ),
    "adam": (optimizers.Adam, {"beta_1": (0.9, 0.5, 0.99), "beta_2": (0.999, 0.9, 0.9999)}),
    "adam-epsilon": (optimizers.Adam, {"epsilon": (1e-7, 1e-3, 1.0)}),
    "adam-amsgrad": (optimizers.Adam, {"beta_2": (0.999, 0.5, 0.9999), "amsgrad": True}),
    "adam-weight-decay": (optimizers.Adam, {"weight_decay": (0.1, 0.01, 0.5)}),
    "adam-global-clipnorm": (optimizers.Adam, {"global_clipnorm": (0.5, 5.0, 100.0)}),
    "adamw": (optimizers.AdamW, {"weight_decay": (0.1, 0.01, 0.5), "clipvalue": (0.1, 1.0, 9.0)}),
    "adamw-excluded": (optimizers.AdamW, {"weight_decay": (0.1, 0.01, 0.5), "excluded": ["bias"]}),
}


def real_optimizers(case: str, dtype: str = "float32"):
    """Return for each slot a Keras optimizer and the variables it was built on."""
    kind, arguments = CASES[case]
    arguments = dict(arguments)
    excluded = arguments.pop("excluded", None)
    random = np.random.default_rng(1)
    for slot in range(SLOTS):
        variables = [
            keras.Variable(random.normal(size=shape), name=name, dtype=dtype)
            for name, shape in SHAPES.items()
        ]
        own = {
            name: value[slot] if isinstance(value, tuple) else value
            for name, value in arguments.items()
        }
        optimizer = kind(RATES[slot], **own)
        if excluded:
            optimizer.exclude_from_weight_decay(var_names=excluded)
        optimizer.build(variables)
        yield optimizer, variables


def random_gradients(dtype: str = "float32") -> list[np.ndarray]:
    """Return gradients whose sizes vary widely between steps, to exercise clipping."""
    random = np.random.default_rng(2)
    sizes = 10 ** random.uniform(-1, 1, (STEPS, SLOTS))
    return [
        (
            random.normal(size=(STEPS, SLOTS, *shape))
            * sizes.reshape(STEPS, SLOTS, *[1] * len(shape))
        ).astype(dtype)
        for shape in SHAPES.values()
    ]


def stacked(groups) -> list[np.ndarray]:
    """Stack the variables of several slots along a slot dimension."""
    return [np.stack([np.asarray(each) for each in same]) for same in zip(*groups, strict=True)]


def run_stacked(pairs, gradients) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Run all steps in one XLA-compiled loop; return the last state and variables."""
    (rule,) = {rule_of(optimizer) for optimizer, _ in pairs}
    assert isinstance(rule, Rule), rule
    constants = np.stack([constants_of(optimizer) for optimizer, _ in pairs])

    @tf.function(jit_compile=True, autograph=False)
    def train(state, variables, gradients, constants):
        def body(number, state, variables):
            now = [each[number] for each in gradients]
            state, variables = rule.apply(state, now, variables, constants)
            return number + 1, tuple(state), tuple(variables)

        steps = gradients[0].shape[0]
        start = (tf.constant(0), state, variables)
        return tf.while_loop(lambda number, *_: number < steps, body, start)[1:]

    state = tuple(map(tf.constant, stacked(optimizer.variables for optimizer, _ in pairs)))
    variables = tuple(map(tf.constant, stacked(variables for _, variables in pairs)))
    state, variables = train(state, variables, tuple(map(tf.constant, gradients)), constants)
    return [each.numpy() for each in state], [each.numpy() for each in variables]


def run_keras(pairs, gradients) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Run the same steps with Keras' own optimizers, slot by slot."""
    for slot, (optimizer, variables) in enumerate(pairs):
        for step in range(gradients[0].shape[0]):
            optimizer.apply([tf.constant(each[step, slot]) for each in gradients], variables)
    return (
        stacked(optimizer.variables for optimizer, _ in pairs),
        stacked(variables for _, variables in pairs),
    )


def assert_like_keras(pairs, gradients, rtol=1e-5) -> None:
    found, wanted = run_stacked(pairs, gradients), run_keras(pairs, gradients)
    for some, others in zip(found, wanted, strict=True):
        for one, other in zip(some, others, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-6)


def built(optimizer, **attributes):
    """Build an optimizer on one variable."""
    variable = keras.Variable(np.ones(2))
    for name, value in attributes.items():
        setattr(variable, name, value)
    optimizer.build([variable])
    return optimizer


def with_own_method(optimizer):
    optimizer.update_step = lambda *given: None
    return optimizer


class Adam(optimizers.Adam):
    """A subclass, whose behaviour is unknown."""


@pytest.mark.parametrize("case", CASES)
def test_stacked_steps_are_those_of_keras(case):
    """Each slot's variables and state equal those of a Keras optimizer with its constants."""
    assert_like_keras(list(real_optimizers(case)), random_gradients())


@pytest.mark.parametrize(
    "case",
    [*(pytest.param(each, marks=LONG) for each in ("sgd-nesterov", CENTERED)), "adam-amsgrad"],
)
def test_variables_keep_their_dtype(case):
    """float64 variables are updated in float64, up to float32 constants."""
    assert_like_keras(list(real_optimizers(case, "float64")), random_gradients("float64"))


@pytest.mark.parametrize(
    "case",
    [
        *("sgd-clip-and-decay", "sgd-global-clipnorm", CENTERED),
        *(pytest.param(each, marks=LONG) for each in MORE_WITH_NAN),
    ],
)
def test_nan_stays_in_its_slot(case):
    """NaN gradients spoil their own slot only; the others keep every bit."""
    pairs = list(real_optimizers(case))
    gradients = random_gradients()
    before = run_stacked(pairs, gradients)
    for each in gradients:
        each[STEPS // 2 :, 1] = np.nan
    after = run_stacked(pairs, gradients)
    for one, other in zip(before[0] + before[1], after[0] + after[1], strict=True):
        for slot in (0, 2):
            assert one[slot].tobytes() == other[slot].tobytes()
    assert all(np.isnan(each[1]).all() for each in after[1])


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("case", ["sgd", "sgd-clipnorm", "sgd-clipvalue", "sgd-global-clipnorm"])
def test_clipping_takes_what_is_not_finite_as_keras_does(case, bad):
    """A non-finite gradient spoils as much of its slot as in Keras."""
    gradients = [each[:2] for each in random_gradients()]
    gradients[0][0, 1, 2, 1] = bad
    assert_like_keras(list(real_optimizers(case)), gradients)


@pytest.mark.parametrize("case", ["sgd-clipnorm", "sgd-global-clipnorm", "rmsprop", "adam"])
def test_gradients_of_zero_move_nothing(case):
    """Zero norms cause no division by zero."""
    pairs = list(real_optimizers(case))
    start = stacked(variables for _, variables in pairs)
    _, found = run_stacked(pairs, [np.zeros_like(each[:3]) for each in random_gradients()])
    for one, other in zip(found, start, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("excluded", ["bias", "head", "^bias", "kernel:0"])
def test_weight_decay_is_excluded_by_the_names_that_keras_looks_at(excluded):
    """A model's variables decay as in Keras, and asking for the rule does not change which."""

    def trained(*, ask: bool):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="head")])
        model.set_weights([np.ones((3, 2)), np.ones(2)])
        optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=[excluded])
        optimizer.build(model.trainable_variables)
        rule = rule_of(optimizer) if ask else None
        optimizer.apply([tf.zeros(each.shape) for each in model.trainable_variables])
        return rule, [bool((np.asarray(each) < 1).all()) for each in model.trainable_variables]

    _, decayed = trained(ask=False)
    rule, decayed_after = trained(ask=True)
    assert decayed_after == decayed
    assert list(rule.decayed) == decayed


def test_excluding_a_variable_itself():
    """The rule respects `exclude_from_weight_decay(var_list=...)`."""
    variables = [keras.Variable(np.ones(2)) for _ in range(3)]
    optimizer = optimizers.AdamW(weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_list=variables[1:2])
    optimizer.build(variables)
    assert rule_of(optimizer).decayed == (True, False, True)


@pytest.mark.parametrize(
    ("optimizer", "named"),
    [
        (lambda: built(optimizers.Nadam()), "Nadam"),
        (lambda: built(optimizers.Adagrad()), "Adagrad"),
        (lambda: built(optimizers.LossScaleOptimizer(optimizers.Adam())), "LossScaleOptimizer"),
        (lambda: built(Adam()), "a custom class"),
        (lambda: built(optimizers.Adam(lambda: 0.1)), "schedule"),
        (
            lambda: built(optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 10, 0.9))),
            "schedule",
        ),
        (lambda: built(optimizers.SGD(use_ema=True)), "use_ema"),
        (lambda: built(optimizers.SGD(loss_scale_factor=2.0)), "loss_scale_factor"),
        (lambda: built(optimizers.Adam(gradient_accumulation_steps=2)), "gradient_accumulation"),
        (lambda: built(optimizers.Adam(), overwrite_with_gradient=True), "overwritten"),
        (lambda: with_own_method(built(optimizers.Adam())), "update_step"),
        (lambda: built(optimizers.Adam(beta_1=tf.constant(0.9))), "beta_1"),
        (optimizers.Adam, "not built"),
    ],
)
def test_what_cannot_be_stacked_is_named(optimizer, named):
    """Every optimizer that a rule would update wrongly is refused with a specific reason."""
    reason = rule_of(optimizer())
    assert isinstance(reason, str)
    assert named in reason


def test_a_rule_is_what_optimizers_have_in_common():
    """Rules are equal and hash equally if and only if only constants differ."""
    plain = rule_of(built(optimizers.Adam(0.1, beta_1=0.5, epsilon=1e-3)))
    assert hash(plain) == hash(rule_of(built(optimizers.Adam(0.2))))
    others = [
        plain,
        rule_of(built(optimizers.AdamW())),
        rule_of(built(optimizers.Adam(amsgrad=True))),
        rule_of(built(optimizers.Adam(weight_decay=0.0))),
        rule_of(built(optimizers.Adam(clipnorm=1.0))),
        rule_of(built(optimizers.Adam(clipvalue=1.0))),
        rule_of(built(optimizers.Adam(global_clipnorm=1.0))),
        rule_of(built(optimizers.SGD())),
        rule_of(built(optimizers.SGD(momentum=0.5))),
        rule_of(built(optimizers.SGD(momentum=0.5, nesterov=True))),
        rule_of(built(optimizers.RMSprop())),
        rule_of(built(optimizers.RMSprop(centered=True))),
    ]
    assert len(set(others)) == len(others)


def test_constants_are_a_row_of_floats():
    """Constants are in the order of `CONSTANTS`, and 0 where an optimizer lacks them."""
    row = constants_of(built(optimizers.Adam(beta_1=0.5, beta_2=0.9999, clipnorm=2.0)))
    found = dict(zip(CONSTANTS, row, strict=True))
    assert row.dtype == np.float32
    wanted = {"momentum": 0, "beta_1": 0.5, "beta_2": 0.9999, "clipnorm": 2, "weight_decay": 0}
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)
