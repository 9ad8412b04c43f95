"""JSON with a checksum: read back as it was, and refused if a single character differs."""

import pytest

from searchlab.core.sealed import sealed, unsealed

VALUES = {"a": [1, 2.5, None, True], "b": {"é": "text"}, "empty": {}}


@pytest.mark.parametrize("values", [VALUES, {"crc": "x"}, {"inf": [float("inf")]}])
def test_what_was_sealed_is_read_back(values):
    """The values come back as they were, on one line."""
    text = sealed(values)
    assert "\n" not in text
    assert unsealed(text) == values


def test_any_other_text_is_refused():
    """Each changed or missing character is noticed, and so is a text without a checksum."""
    text = sealed(VALUES)
    for at, char in enumerate(text):
        with pytest.raises(ValueError, match="not as it was written"):
            unsealed(f"{text[:at]}{'8' if char == '9' else '9'}{text[at + 1 :]}")
    for other in (text[:-3], "", "[]", "{}", '{"a":1}', f"{text} "):
        with pytest.raises(ValueError, match="not as it was written"):
            unsealed(other)
