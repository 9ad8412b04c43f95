"""Every access to a library's private parts, in one module for each library.

A function here says which private or undocumented name it touches and in which version that was
seen, why the public interface does not do, and what breaks without it. `tests/private` has a canary
for each: it fails once the touch no longer works, and once it is no longer needed. The rest of the
package touches nothing private, which a test of the architecture holds it to.

Libraries are imported inside the functions: importing this room is free.
"""
