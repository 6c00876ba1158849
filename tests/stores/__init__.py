"""Object stores of other makers, for tests: installed once into the user's cache, versions pinned.

Each module starts one server as a context manager. What a machine lacks to run one (go, npm) is
a ``Lacking``: the tests that need it are left out, with that line in the summary.
"""
