"""The few rewrites that rules share, each on the source of one call or one signature.

`kerasfix.codemods.training` turns what the analysis says into edits. It loads LibCST, so a rule imports it
only once there is something to write.
"""


class CannotEdit(Exception):
    """The source has a shape that no codemod knows; says which, as the end of "left alone, because"."""
