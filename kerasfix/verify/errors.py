"""What stops a verification as a whole. What stops one model is a verdict, not an exception."""

from __future__ import annotations


class VerifyError(Exception):
    """Verification cannot run at all: no Keras in that Python, no GPU where one was asked for, ..."""


class SliceError(Exception):
    """The definitions that a class needs cannot be had without running the module's script part.

    The message is a sentence for people, without the words "not verified".
    """
