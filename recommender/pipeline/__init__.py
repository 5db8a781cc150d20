"""The verbs: import, train, recompute, evaluate, export, audit.

Command line and HTTP call these same functions.  Each is a module of its own, so that an import need
not load what a training needs.
"""
