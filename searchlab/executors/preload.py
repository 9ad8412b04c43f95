"""The fork server's imports, made before it forks anything; importing this starts nothing.

None of the million objects that these imports create will ever be garbage. Garbage collections that
scan them repeatedly cost a second during the imports and, in a process that traces programs,
several more.
"""

import gc

gc.disable()
try:
    import keras  # noqa: F401

    import searchlab.fused.host
    import searchlab.training.fit  # noqa: F401

finally:
    gc.freeze()
    gc.enable()
