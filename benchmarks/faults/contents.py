"""Files that are no programs, or hardly any."""

from __future__ import annotations

import codecs
import resource
from collections.abc import Callable

from benchmarks.faults.place import FAULTY, Outcome, Place, fault, faults_of

# What a small machine has, in bytes.
_ROOM = 6 << 30
_HEAD = b"import keras\n"
_DEEP = "nested too deeply|too many (nested|statically)|recursion|indentation|expression nested"


def _beside_a_model(
    place: Place, data: bytes, statuses: tuple[int, ...], says: str, patience: float = 60, room: int = 0
) -> Outcome:
    """A file beside a model that gets its fix all the same."""
    path, odd = place.make("z.py"), place.make("a.py", data)

    def limit() -> None:
        if room:
            resource.setrlimit(resource.RLIMIT_AS, (room, room))

    over = place.run("--apply", ".", "a.py", patience=patience, preexec_fn=limit)
    lost = place.lost()
    if odd.read_bytes() != data:
        lost = "the odd file was written"
    if not place.is_new(path) and "out of memory" not in over.stderr:
        lost = lost or "the fix of the file beside it"
    return place.outcome(over, statuses, says, lost=lost)


@fault("a file of 100 MB, one list of numbers", quick=False)
def big_list(place: Place) -> Outcome:
    data = _HEAD + b"x = [\n" + b"    1, 2, 3, 4, 5, 6, 7, 8, 9,\n" * 3_200_000 + b"]\n"
    return _beside_a_model(place, data, (0, 2), "Fixed|too large|out of memory", 600, _ROOM)


@fault("a file of 100 MB, one string", quick=False)
def big_string(place: Place) -> Outcome:
    data = _HEAD + b'x = """\n' + b"keras " * 16_700_000 + b'"""\n'
    return _beside_a_model(place, data, (0, 2), "Fixed|too large|out of memory", 600, _ROOM)


@fault("a file of 100 MB, models", quick=False)
def big_models(place: Place) -> Outcome:
    data = FAULTY.replace(b"self.drop(x)", b"self.drop(x, training=training)") * 350_000
    return _beside_a_model(place, data, (0, 2), "Fixed|too large|out of memory", 600, _ROOM)


@fault("a file of 100 MB without a line feed", quick=False)
def big_line(place: Place) -> Outcome:
    return _beside_a_model(place, b"keras;" * 17_000_000, (0, 2), "Fixed|too large|out of memory", 600, _ROOM)


def _nested(before: str, middle: str, after: str, depth: int) -> bytes:
    return _HEAD + f"y = {before * depth}{middle}{after * depth}\n".encode()


_SHAPES: dict[str, Callable[[int], bytes]] = {
    "parentheses": lambda depth: _nested("(", "1", ")", depth),
    "lists": lambda depth: _nested("[", "", "]", depth),
    "calls in calls f(f(f(x)))": lambda depth: _nested("f(", "x", ")", depth),
    "attributes a.b.b.b": lambda depth: _HEAD + b"y = a" + b".b" * depth + b"\n",
    "calls of calls f()()()": lambda depth: _HEAD + b"y = f" + b"()" * depth + b"\n",
    "a chain of calls m.a().a()": lambda depth: _HEAD + b"y = m" + b".a()" * depth + b"\n",
    "sums a + a + a": lambda depth: _HEAD + b"y = a" + b" + a" * depth + b"\n",
    "minus signs": lambda depth: _HEAD + b"y = " + b"-" * depth + b"1\n",
    "not not not": lambda depth: _HEAD + b"y = " + b"not " * depth + b"a\n",
    "lambdas": lambda depth: _HEAD + b"y = " + b"lambda: " * depth + b"a\n",
    "a if a else a if a else": lambda depth: _HEAD + b"y = " + b"a if b else " * depth + b"a\n",
    "comparisons a < a < a": lambda depth: _HEAD + b"y = a" + b" < a" * depth + b"\n",
    "strings side by side": lambda depth: _HEAD + b"y = (" + b'"s"\n' * depth + b")\n",
    "elif chains": lambda depth: _HEAD + b"if a:\n    pass\n" + b"elif b:\n    pass\n" * depth,
    "subscripts a[0][0]": lambda depth: _HEAD + b"y = a" + b"[0]" * depth + b"\n",
    "f-strings": lambda depth: _HEAD + b"y = " + b"f'{" * depth + b"1" + b"}'" * depth + b"\n",
    "dicts": lambda depth: _nested("{0: ", "1", "}", depth),
}


def _deep(shape: str, depth: int) -> None:
    # Sums are the one that people's programs have.
    many = depth * 10 if shape.startswith("sums") else depth

    @fault(f"{many:,} {shape}", quick=False)
    def make(place: Place) -> Outcome:
        return _beside_a_model(place, _SHAPES[shape](many), (0, 2), f"Fixed|{_DEEP}")


for _shape in _SHAPES:
    _deep(_shape, 10_000)


@fault("blocks in blocks to the limit of 100, functions and conditions")
def blocks(place: Place) -> Outcome:
    lines = [f"{' ' * depth}{'if a:' if depth % 5 else f'def f{depth}(a):'}\n" for depth in range(99)]
    data = _HEAD + "".join(lines).encode() + b" " * 99 + b"pass\n"
    return _beside_a_model(place, data, (0, 2), f"Fixed|{_DEEP}")


@fault("101 functions in functions, one more than Python takes")
def functions(place: Place) -> Outcome:
    data = (
        _HEAD + "".join(f"{' ' * depth}def f():\n" for depth in range(101)).encode() + b" " * 101 + b"pass\n"
    )
    return _beside_a_model(place, data, (2,), _DEEP)


@fault("a model around each kind of nesting, at 7 depths (--apply, --diff, --add-noqa)", quick=False)
def every_depth(place: Place) -> Outcome:
    """The fault stands in the nested statement: the fix has to be made in it."""
    wrong: list[str] = []
    depths = (60, 95, 199, 330, 450, 700, 980)
    inside: dict[str, Callable[[int], str]] = {
        "parentheses": lambda depth: "(" * depth + "self.drop(x)" + ")" * depth,
        "calls": lambda depth: "f(" * depth + "self.drop(x)" + ")" * depth,
        "attributes": lambda depth: "self.drop(x)" + ".b" * depth,
        "chains": lambda depth: "self.drop(x)" + ".b()" * depth,
        "sums": lambda depth: "self.drop(x)" + " + x" * depth,
        "sums to the right": lambda depth: "x + (" * depth + "self.drop(x)" + ")" * depth,
        "minus": lambda depth: "-" * depth + "self.drop(x)",
        "layers": lambda depth: "self.drop(" * depth + "x" + ")" * depth,
        "ternaries": lambda depth: "x if x else " * depth + "self.drop(x)",
    }
    count = 0
    for name, written in inside.items():
        for depth in depths:
            data = FAULTY.replace(b"self.drop(x)", written(depth).encode())
            for options in (("--apply",), ("--diff",), ("--add-noqa",)):
                path = place.make("a.py", data)
                beside = place.make("z.py")
                over = place.run(*options, ".", patience=120)
                count += 1
                said = faults_of(over, (0, 1, 2))
                after = path.read_bytes()
                if not said and options == ("--apply",):
                    if over.status == 0 and after.count(b"training=training") == 0:
                        said = "exit 0, and nothing done"
                    if not place.is_new(beside):
                        said = "the file beside it has no fix"
                if said:
                    wrong.append(f"{name} {depth} {options[0]}: {said}")
                if options == ("--diff",) and after != data:
                    wrong.append(f"{name} {depth}: written")
    return Outcome(f"{count} runs", "", "; ".join(wrong[:5]) + (f" ({len(wrong)})" if wrong else ""))


@fault("an empty file")
def empty(place: Place) -> Outcome:
    return _beside_a_model(place, b"", (0,), "Fixed")


@fault("only a byte order mark")
def only_bom(place: Place) -> Outcome:
    return _beside_a_model(place, codecs.BOM_UTF8, (0,), "Fixed")


@fault("a model with a byte order mark")
def bom(place: Place) -> Outcome:
    path = place.make("a.py", codecs.BOM_UTF8 + FAULTY)
    return place.outcome(
        place.run("--apply", "."), 0, "Fixed", lost=place.lost() or _unless(place.is_new(path))
    )


@fault("UTF-16")
def utf16(place: Place) -> Outcome:
    return _beside_a_model(place, FAULTY.decode().encode("utf-16"), (2,), "a.py.*: binary file")


@fault("null bytes")
def nulls(place: Place) -> Outcome:
    return _beside_a_model(place, FAULTY + b"\0" * 100, (2,), "a.py.*: binary file")


@fault("a coding cookie that lies: says ascii, is UTF-8")
def lying_cookie(place: Place) -> Outcome:
    data = b"# coding: ascii\n" + FAULTY + "# Grüße\n".encode()
    return _beside_a_model(place, data, (2,), "a.py.*: not valid ascii")


@fault("coding cookies of no such encoding, of one that is no text, and of one without a way back")
def odd_cookies(place: Place) -> Outcome:
    for number, name in enumerate((b"klingon", b"hex", b"rot13", b"utf-7", b"idna", b"unicode_escape")):
        place.make(f"c{number}.py", b"# coding: " + name + b"\n" + FAULTY)
    return _beside_a_model(place, b"# coding: zlib\n" + FAULTY, (2,), "a.py.*: .*(encoding|zlib)")


@fault("bytes that are no UTF-8")
def no_utf8(place: Place) -> Outcome:
    return _beside_a_model(place, FAULTY + b"# \xff\xfe\n", (2,), "a.py.*: not valid utf-8")


@fault("a model that ends its lines with CR alone")
def carriage_returns(place: Place) -> Outcome:
    path = place.make("a.py", FAULTY.replace(b"\n", b"\r"))
    return place.outcome(
        place.run("--apply", "."), 0, "Fixed", lost=place.lost() or _unless(place.is_new(path))
    )


@fault("a model with all kinds of line ends, and form feeds")
def mixed_ends(place: Place) -> Outcome:
    data = FAULTY.replace(b"\n", b"\r\n", 3).replace(b"\nclass", b"\r\x0c\nclass")
    path = place.make("a.py", data)
    return place.outcome(
        place.run("--apply", "."), 0, "Fixed", lost=place.lost() or _unless(place.is_new(path))
    )


@fault("a syntax error, and half of a file")
def syntax_error(place: Place) -> Outcome:
    place.make("half.py", FAULTY[: len(FAULTY) // 2] + b"(")
    return _beside_a_model(place, _HEAD + b"def (:\n", (2,), "a.py:2: error: syntax error")


def _unless(kept: bool) -> str:
    return "" if kept else "files are not as they should be"
