"""Check model factories and other code of the user's by their source, which is not run.

Validating a study file runs no code of the user's; only a training imports it.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from searchlab.core.metrics import OF_CLASSES, OF_QUANTITIES
from searchlab.core.nearest import did_you_mean
from searchlab.errors import ModelError
from searchlab.factories.find import BUILT_IN, GIVEN, Factory, locate_factory, named_offer
from searchlab.study.routing import MODEL, OPTIMIZER, argument, is_of_factory
from searchlab.study.sought import options
from searchlab.study.spec import StudySpec
from searchlab.study.training import COUNTS, OF_TRAINING

METRICS = {"mlp": tuple(f"val_{each}" for each in ("loss", *OF_CLASSES, *OF_QUANTITIES))}
"""The metrics that built-in factories' models have or can get: some for classes, others not."""


def own_problems(spec: StudySpec, base: Path) -> Iterator[tuple[str, str]]:
    """Find problems of the user's transformers and callbacks, without running them.

    Yields:
        The dotted key and the message of each problem.
    """
    for reference in spec.training.code:
        try:
            locate_factory(reference, base, "callback's code")
        except ModelError as error:
            yield "training.callbacks", str(error)
    for key, value in spec.data.transformers.items():
        for reference in options(value):
            try:
                if ":" in reference:
                    locate_factory(reference, base, "transformer")
            except ModelError as error:
                yield key, str(error)


def factory_problems(spec: StudySpec, base: Path) -> Iterator[tuple[str, str]]:
    """Find problems of a study's factory in its source, without running it.

    Yields:
        The dotted key and the message of each problem.
    """
    key = "model" if isinstance(spec.model, str) else "model.factory"
    try:
        named_offer(spec.factory.factory)  # refuses a name that several packages have
        factory = locate_factory(spec.factory.factory, base)
        definition = _definition(factory)
    except ModelError as error:
        yield key, str(error)
        return
    except (OSError, ValueError) as error:
        yield key, f"{spec.factory.factory} cannot be read ({error}): check the file"
        return
    for name in GIVEN:
        if name in _passed(spec):
            yield (
                _where(_passed(spec)[name], spec),
                "is an argument that searchlab passes itself: use another name",
            )
    if definition is not None:
        yield from _argument_problems(factory, key, definition.args, spec)
    if factory.reference in BUILT_IN and spec.data.text == "raw":
        yield (
            "data.text",
            f"raw is for a factory of your own whose model takes text, and {factory.reference} "
            "takes numbers: leave it out",
        )
    if factory.reference in METRICS:
        yield from _metric_problems(factory.reference, spec)


def ambiguous(reference: str, known: Collection[str], spec: StudySpec) -> Iterator[tuple[str, str]]:
    """Find params of which the factory's arguments do not tell what they are for.

    Args:
        reference: the factory.
        known: the names of its arguments.
        spec: the study.

    Yields:
        The dotted key and the message of each problem.
    """
    for name in OF_TRAINING:
        if name in spec.space and name in known:
            yield (
                f"space.{name}",
                f"is it the argument of {reference} or the training's? Write {MODEL}{name} for the "
                f"argument, and training.{name}: {{choice: [...]}} for the training",
            )
    names = [*spec.factory.params, *spec.space]
    for name in names:
        if name.startswith(MODEL) and name.removeprefix(MODEL) in names:
            yield _where(name, spec), f"is {name.removeprefix(MODEL)}, too: leave one of them out"
        plain = name.removeprefix(OPTIMIZER)
        if plain != name and plain in known:
            yield (
                _where(name, spec),
                f"{reference} has an argument {plain} itself: write {plain}",
            )


def _passed(spec: StudySpec) -> dict[str, str]:
    """Return the arguments that the factory is given, and the param that each comes from."""
    names = [*spec.factory.params, *filter(is_of_factory, spec.space)]
    return {argument(name): name for name in names}


def _no_argument(reference: str, name: str, given: str, takes: Sequence[str]) -> str:
    if given.startswith(OPTIMIZER):
        return (
            f"{reference} takes no argument optimizer, through which it would get the optimizer "
            "with this setting: give it one, and pass it on to model.compile"
        )
    hint = did_you_mean(name, takes, f"it takes {', '.join(takes) or 'none'}")
    return f"{reference} takes no argument {name}: {hint}"


def function_problems(what: str, reference: str, base: Path) -> Iterator[str]:
    """Find problems of a function that takes no arguments in its source, without running it.

    Args:
        what: its use in messages, such as "data function".
        reference: `path/to/file.py:name` or `package.module:name`.
        base: the directory from which a relative path starts.
    """
    try:
        definition = _definition(locate_factory(reference, base, what))
    except (ModelError, OSError, ValueError) as error:
        yield str(error)
        return
    if definition is None:
        return
    args = definition.args
    names = [arg.arg for arg in [*args.posonlyargs, *args.args]]
    names = names[: len(names) - len(args.defaults)]
    if names:
        yield f"{reference} needs an argument {names[0]}: give it a default, as none are passed"


def _where(name: str, spec: StudySpec) -> str:
    return f"space.{name}" if name in spec.space else f"model.params.{name}"


def _metric_problems(name: str, spec: StudySpec) -> Iterator[tuple[str, str]]:
    wanted = {"objective.metric": spec.objective.metric}
    if spec.training.early_stopping is not None:
        wanted["training.early_stopping.monitor"] = spec.training.early_stopping.monitor
    for key, metric in wanted.items():
        if metric not in METRICS[name]:
            known = ", ".join(METRICS[name])
            yield key, f"{name} has no metric {metric}: name one of {known}, or a factory with it"


def _definition(factory: Factory) -> ast.FunctionDef | None:
    """Return the factory's definition; None if it is only known once the file has run."""
    try:
        tree = ast.parse(factory.file.read_bytes(), str(factory.file))
    except SyntaxError as error:
        raise ModelError(
            f"{factory.file.name}:{error.lineno}: {error.msg}; {factory} is in it"
        ) from None
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if factory.function in functions:
        return functions[factory.function]
    if any(factory.function in names for names in map(_bound_names, tree.body)):
        return None
    others = f"it has {', '.join(functions) or 'none'}"
    hint = did_you_mean(factory.function, functions, others)
    raise ModelError(f"{factory.file.name} has no function {factory.function}: {hint}")


def _bound_names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.ClassDef | ast.AsyncFunctionDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names}
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def _argument_problems(
    factory: Factory, key: str, args: ast.arguments, spec: StudySpec
) -> Iterator[tuple[str, str]]:
    positional = [arg.arg for arg in [*args.posonlyargs, *args.args]]
    keyword = [arg.arg for arg in args.kwonlyargs]
    known = [*positional, *keyword]
    if positional[:1] == ["hp"] and "hp" not in spec.space:
        yield (
            key,
            (
                f"{factory.reference} takes hp, as Keras Tuner's hypermodels do; give it one "
                "argument for each param of the space instead, such as build_model(n_hidden)"
            ),
        )
        return
    yield from ambiguous(factory.reference, known, spec)
    passed = _passed(spec)
    if args.kwarg is None:
        takes = [name for name in known if name not in GIVEN]
        for name, given in passed.items():
            if name not in known:
                yield _where(given, spec), _no_argument(factory.reference, name, given, takes)
    else:
        for name in {*COUNTS}.intersection(spec.factory.params).difference(known):
            yield (
                _where(name, spec),
                f"{factory.reference} takes it among **{args.kwarg.arg}, where it has no effect on "
                f"the training: write training.{name}, or give the factory an argument {name} if "
                "its model is built with it",
            )
    required = [*positional[: len(positional) - len(args.defaults)]]
    required += [
        arg.arg
        for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if default is None
    ]
    for name in required:
        if name not in passed and name not in GIVEN and name not in spec.space:
            yield (
                "space",
                (
                    f"{factory.reference} needs an argument {name}: add {name} to space, or to "
                    "model.params for a fixed value"
                ),
            )
