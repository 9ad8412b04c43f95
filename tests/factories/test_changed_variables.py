"""Code that changes variables of its module is recognised by its source."""

from __future__ import annotations

from pathlib import Path

import pytest

from searchlab.factories.state import changed_variable
from searchlab.testing.doubles import study

ABOVE = """\
import keras, settings, os
ALPHA = 0.0
CONFIG, TOP = {}, []
class Cfg:
    w = 1
class Keeper:
    def __init__(self): self.kept = 0
    def keep(self, units): self.kept = units
    def keep_all(self, all_units):
        for units in all_units: self.keep(units)
    def __call__(self, units): self.kept += units
    def told(self): return self.kept
KEEPER = Keeper()
"""


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("global ALPHA; ALPHA = units", "ALPHA"),
        ("CONFIG['units'] = units", "CONFIG"),
        ("CONFIG['deep']['units'] += units", "CONFIG"),
        ("CONFIG.update(units=units)", "CONFIG"),
        ("TOP.append(units)", "TOP"),
        ("Cfg.w = units", "Cfg"),
        ("setattr(Cfg, 'w', units)", "Cfg"),
        ("settings.units = units", "settings"),
        ("helper(units)", "ALPHA"),
        ("KEEPER.keep(units)", "KEEPER"),
        ("KEEPER.keep_all([units])", "KEEPER"),
        ("KEEPER(units)", "KEEPER"),
        ("KEEPER.told()", None),
        ("keeper = Keeper(); keeper.keep(units); keeper(units)", None),
        ("ALPHA = units", None),
        ("CONFIG = {}; CONFIG['units'] = units", None),
        ("os.environ['TF_CPP_MIN_LOG_LEVEL'] = '2'", None),
        ("model = keras.Sequential(); model.rate = units; model.layers.append(units)", None),
        ("self = Cfg(); self.w = CONFIG.get('units', ALPHA)", None),
    ],
)
def test_a_variable_that_outlives_the_call_is_named(tmp_path: Path, body: str, name: str) -> None:
    """Only what the factory reaches counts, and only what is there for the next trial's model."""
    source = f"{ABOVE}def build(units):\n    {body}\n"
    source += "def helper(units):\n    global ALPHA\n    ALPHA = units\n"
    source += "def unused():\n    TOP.clear()\n"
    (tmp_path / "own.py").write_text(source)
    assert changed_variable(study(model="own.py:build"), tmp_path) == name


def test_modules_that_the_factory_imports_are_looked_at(tmp_path: Path) -> None:
    """A helper beside the file may keep a param, too; built-in factories keep none."""
    (tmp_path / "own.py").write_text("import blocks\ndef build(units):\n    blocks.keep(units)\n")
    (tmp_path / "blocks.py").write_text("KEPT = {}\ndef keep(units):\n    KEPT['units'] = units\n")
    assert changed_variable(study(model="own.py:build"), tmp_path) == "KEPT"
    assert changed_variable(study(model="mlp"), tmp_path) is None


@pytest.mark.parametrize(
    ("line", "call", "name"),
    [
        ("from blocks import KEEPER", "KEEPER.build(units)", "KEEPER"),
        ("import blocks", "blocks.KEEPER.build(units)", "blocks"),
        ("import blocks", "blocks.build(units)", None),
    ],
)
def test_an_object_of_another_module_is_followed(
    tmp_path: Path, line: str, call: str, name: str
) -> None:
    """A method is told from a function of the same name by what it is called on."""
    (tmp_path / "own.py").write_text(f"{line}\ndef build(units):\n    {call}\n")
    blocks = "class Keeper:\n    def build(self, units):\n        self.kept = units\n"
    blocks += "KEEPER = Keeper()\ndef build(units): ...\n"
    (tmp_path / "blocks.py").write_text(blocks)
    assert changed_variable(study(model="own.py:build"), tmp_path) == name
