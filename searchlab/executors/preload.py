"""What the fork server imports before it forks anything; importing it starts nothing.

None of the million objects that these imports make is garbage, and none will be. Collections that
look through them again and again cost a second while they are imported and, in a process that
traces programs, several more.
"""

import gc

gc.disable()
try:
    import keras  # noqa: F401

finally:
    gc.freeze()
    gc.enable()
