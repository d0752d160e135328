"""A class that is written in several modules: what is taken of each, and the modules that come of it."""

from __future__ import annotations

import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kerasfix.verify.errors import SliceError
from kerasfix.verify.slice import Slice, slice_class
from kerasfix.verify.worker.load import Refused, load_class, refuse_what_is_lacking
from kerasfix.verify.worker.program import Program

Write = Callable[[dict[str, str]], Path]
BASE = "class Base:\n    def name(self): return 'base'\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the files of a project; gives its folder."""

    def run(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return run


@pytest.fixture
def load() -> Iterator[Callable[[Slice], tuple[Any, Program]]]:
    """Load a class as the worker does, in this process; what it brings is taken away again."""
    before = dict(sys.modules)

    def run(sliced: Slice, name: str = "Net") -> tuple[Any, Program]:
        program = Program([part.to_json() for part in sliced.parts])
        return load_class(program, sliced.parts[0].place, name), program

    yield run
    sys.modules.clear()
    sys.modules.update(before)


def sliced(folder: Path, file: str = "net.py", name: str = "Net", **others: str) -> Slice:
    path = folder / file
    texts = {str(folder / other.replace("__", "/")) + ".py": text for other, text in others.items()}
    return slice_class(path.read_text(), name, str(path), others=texts)


PROJECTS: dict[str, dict[str, str]] = {
    "from beside": {"base.py": BASE, "net.py": "from base import Base\nclass Net(Base): pass\n"},
    "by its module": {"base.py": BASE, "net.py": "import base\nclass Net(base.Base): pass\n"},
    "by a module with another name": {
        "a/b.py": BASE,
        "net.py": "import a.b as c\nclass Net(c.Base): pass\n",
    },
    "by the whole name of a module": {
        "a/__init__.py": "",
        "a/b.py": BASE,
        "net.py": "import a.b\nclass Net(a.b.Base): pass\n",
    },
    "relative": {
        "__init__.py": "",
        "base.py": BASE,
        "net.py": "from .base import Base as B\nclass Net(B): pass\n",
    },
    "a module by a relative import": {
        "__init__.py": "",
        "base.py": BASE,
        "net.py": "from . import base\nclass Net(base.Base): pass\n",
    },
    "re-exported": {
        "lib/__init__.py": "from .layers import *\nfrom not_there import Other\nprint('no')\n",
        "lib/layers/__init__.py": "from lib.layers._base import Base as Base\n",
        "lib/layers/_base.py": BASE,
        "net.py": "from lib import Base\nclass Net(Base): pass\n",
    },
    "by a star": {
        "base.py": BASE + "def unused(): pass\n",
        "net.py": "from os.path import *\nfrom base import *\nclass Net(Base): pass\n",
    },
    "from the source folder": {
        "pyproject.toml": "",
        "src/lib/__init__.py": "",
        "src/lib/base.py": BASE,
        "net.py": "from lib.base import Base\nclass Net(Base): pass\n",
    },
    "modules in a circle": {
        "base.py": "from net import helper\n" + BASE + "    def help(self): return helper()\n",
        "net.py": "from base import Base\ndef helper(): return 'help'\nclass Net(Base): pass\n",
    },
    "modules in a circle, by their names": {
        "base.py": "import net\nclass Before: pass\n" + BASE + "class After(net.Net): pass\n",
        "net.py": "import base\nclass Net(base.Base):\n    def after(self): return base.After()\n",
    },
    "a package that imports its own module": {
        "lib/__init__.py": "from lib import base\nfrom lib.base import Base\n",
        "lib/base.py": "from lib import other\n" + BASE,
        "lib/other.py": "from lib import base\n",
        "net.py": "import lib\nclass Net(lib.Base): pass\n",
    },
    "in a function": {
        "base.py": BASE,
        "net.py": (
            "def make():\n    from base import Base\n    return Base\n"
            "class Net:\n    def name(self): return make().name(self)\n"
        ),
    },
    "the right one of two": {
        "fallback.py": BASE,
        "net.py": (
            "try:\n    from not_there import Base\nexcept ImportError:\n    from fallback import Base\n"
            "class Net(Base): pass\n"
        ),
    },
    "named for type checkers": {
        "lib/__init__.py": (
            "import sys\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .base import Base\n"
            "else:\n    sys.modules[__name__] = Lazy(__name__)\n"
        ),
        "lib/base.py": BASE,
        "net.py": "from lib import Base\nclass Net(Base): pass\n",
    },
    "by way of a name for a module's insides": {
        "base.py": BASE,
        "net.py": "import base\nblocks = base\nclass Net(blocks.Base): pass\n",
    },
}


@pytest.mark.parametrize("files", PROJECTS.values(), ids=PROJECTS)
def test_a_class_finds_what_it_needs_in_the_other_modules(
    files: dict[str, str], write: Write, load: Callable[[Slice], tuple[Any, Program]]
) -> None:
    cls, _ = load(sliced(write(files)))
    assert cls().name() == "base"
    assert pickle.loads(pickle.dumps(cls())).name() == "base"


def test_only_what_is_needed_of_a_module_is_taken(write: Write) -> None:
    files = PROJECTS["by a star"]
    texts = [part.text for part in sliced(write(files)).parts]
    assert "unused" not in "".join(texts)
    assert "from base import Base" in texts[0]


def test_a_module_that_two_need_is_one_module(
    write: Write, load: Callable[[Slice], tuple[Any, Program]]
) -> None:
    folder = write(
        {
            "lib/__init__.py": "",
            "lib/base.py": BASE,
            "lib/other.py": "from .base import Base\nclass Other(Base): pass\n",
            "net.py": "import lib.base\nfrom lib.other import Other\n"
            "class Net(lib.base.Base):\n    def other(self): return Other()\n",
        }
    )
    cls, _ = load(sliced(folder))
    net = cls()
    assert isinstance(net.other(), cls.__mro__[1])
    assert cls.__mro__[1].__module__ == "lib.base"


def test_scripts_of_one_name_keep_apart(write: Write, load: Callable[[Slice], tuple[Any, Program]]) -> None:
    folder = write(
        {
            "pyproject.toml": "",
            "a/utils.py": "import b.net\n" + BASE + "    def net(self): return b.net.Net\n",
            "b/utils.py": "NAME = 'b'\n",
            "b/net.py": "import utils\nclass Net:\n    def name(self): return utils.NAME\n",
            "a/net.py": "from utils import Base\nclass Net(Base): pass\n",
        }
    )
    cls, _ = load(sliced(folder, "a/net.py"))
    assert cls().net()().name() == "b"
    assert cls().net() is not cls


def test_a_folder_with_the_name_of_a_library_is_no_module(write: Write) -> None:
    folder = write({"wandb/run/log.txt": "", "net.py": "import wandb\nclass Net(wandb.Base): pass\n"})
    assert sliced(folder).text.startswith("import wandb\n")


def test_a_library_beside_an_installed_package_is_no_module_of_it(write: Write) -> None:
    folder = write(
        {
            "site-packages/lib/__init__.py": "",
            "site-packages/lib/net.py": "import other, lib.base\nclass Net(other.A, lib.base.Base): pass\n",
            "site-packages/lib/base.py": BASE,
            "site-packages/other.py": "raise SystemExit\nclass A: pass\n",
        }
    )
    names = [part.name for part in sliced(folder, "site-packages/lib/net.py").parts]
    assert sorted(names) == ["lib", "lib.base", "lib.net"]


def test_errors_name_file_and_line_of_the_other_module(
    write: Write, load: Callable[[Slice], tuple[Any, Program]]
) -> None:
    folder = write(
        {
            "ops.py": "import not_there\nprint(1)\n\n\ndef scale(x):\n    return x / 0\n",
            "net.py": "from ops import scale\nclass Net:\n    def call(self, x): return scale(x)\n",
        }
    )
    cls, _ = load(sliced(folder))
    with pytest.raises(ZeroDivisionError) as caught:
        cls().call(1)
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (frame.filename, frame.lineno, frame.line) == (str(folder / "ops.py"), 6, "return x / 0")


def test_the_patched_text_of_another_module_is_used(
    write: Write, load: Callable[[Slice], tuple[Any, Program]]
) -> None:
    folder = write(PROJECTS["from beside"])
    cls, _ = load(sliced(folder, base=BASE.replace("'base'", "'patched'")))
    assert cls().name() == "patched"
    assert sliced(folder).key != sliced(folder, base=BASE.replace("'base'", "'patched'")).key


HARM = {
    "a file": "open({marker!r}, 'w').write('ran')",
    "the network": "socket.create_connection(('127.0.0.1', 9))",
    "the end": "sys.exit(3)",
    "no end": "while True: pass",
    "a thread": "threading.Thread(target=lambda: open({marker!r}, 'w').write('ran')).start()",
    "a loop": "for _ in iter(int, 1): pass",
    "a context": "with open({marker!r}, 'w') as file: file.write('ran')",
    "a main part": "if __name__ == '__main__': open({marker!r}, 'w')",
    "an expression": "[open(name, 'w') for name in [{marker!r}]]",
    "a class that is not needed": "class Other:\n    file = open({marker!r}, 'w')",
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_nothing_of_a_hostile_module_runs(
    harm: str, write: Write, load: Callable[[Slice], tuple[Any, Program]]
) -> None:
    folder = write({})
    marker = folder / "marker"
    script = "import sys, socket, threading\n" + harm.format(marker=str(marker)) + "\n"
    write(
        {
            "lib/__init__.py": script + "from .base import Base\n" + script,
            "lib/base.py": script + BASE + script,
            "net.py": script + "from lib import Base\n" + script + "class Net(Base): pass\n" + script,
        }
    )
    cls, _ = load(sliced(folder))
    assert cls().name() == "base"
    assert not marker.exists()


@pytest.mark.parametrize(
    "code",
    [
        "def deco(cls):\n    open('marker', 'w')\n    return cls\n@deco\nclass Net: pass\n",
        "def deco(cls):\n    while True: pass\n@deco\nclass Net: pass\n",
        "def deco(f):\n    import os\n    os.system('true')\n    return f\n"
        "class Net:\n    @deco\n    def call(self, x): return x\n",
        "class Base:\n    def __init_subclass__(cls): open('marker', 'w')\nclass Net(Base): pass\n",
        "class Meta(type):\n    def __new__(cls, *a): exec('1')\nclass Net(metaclass=Meta): pass\n",
        "class Deco:\n    def __call__(self, cls): return open('marker')\n@Deco()\nclass Net: pass\n",
        "def make(f=open): return f('marker', 'w')\nclass Net:\n    file = make()\n",
        "class Net:\n    names = sorted(['marker'], key=open)\n",
        "from functools import partial\nclass Net:\n    file = partial(open, 'marker')()\n",
        "def make(): return getattr(__builtins__, 'open')('marker')\nclass Net:\n    file = make()\n",
        "import helpers\nclass Net:\n    file = helpers.make()\n",
        "from helpers import registry\n@registry.download()\nclass Net: pass\n",
    ],
)
def test_a_definition_that_has_to_run_something_is_refused(code: str, write: Write) -> None:
    helpers = (
        "import urllib.request\nclass Registry:\n"
        "    def download(self): return urllib.request.urlopen('http://127.0.0.1')\n"
        "registry = Registry()\ndef make(): return open('marker', 'w')\n"
    )
    with pytest.raises(SliceError, match="kerasfix runs definitions only"):
        sliced(write({"helpers.py": helpers, "net.py": code}))


@pytest.mark.parametrize(
    "use",
    [
        "@register('net')\nclass Net(Base): pass\n",
        "@REGISTRY.register\nclass Net(Base): pass\n",
        "CONFIG = Config(units=3)\nclass Net(Base):\n    units = CONFIG.units\n",
        "TABLE = make_table(3)\nclass Net(Base):\n    table = TABLE\n",
    ],
)
def test_registries_and_settings_of_the_project_are_run(
    use: str, write: Write, load: Callable[[Slice], tuple[Any, Program]]
) -> None:
    tools = (
        "import dataclasses\nNAMES = {}\n"
        "def register(name):\n    def inner(cls):\n        if name in NAMES: raise ValueError(name)\n"
        "        NAMES[name] = cls\n        return cls\n    return inner\n"
        "class Registry:\n    def __init__(self): self.all = {}\n"
        "    def register(self, cls):\n        self.all[cls.__name__] = cls\n        return cls\n"
        "REGISTRY = Registry()\n"
        "@dataclasses.dataclass\nclass Config:\n    units: int = 1\n"
        "    def __post_init__(self): object.__setattr__(self, 'units', int(self.units))\n"
        "def make_table(n): return [str(i) for i in range(n)]\n"
    )
    head = "from base import Base\nfrom tools import *\n"
    cls, _ = load(sliced(write({"base.py": BASE, "tools.py": tools, "net.py": head + use})))
    assert cls().name() == "base"


def test_what_only_an_unused_method_needs_is_no_obstacle(
    write: Write, load: Callable[[Slice], tuple[Any, Program]]
) -> None:
    folder = write(
        {
            "data.py": "images = download()\n",
            "net.py": (
                "import not_installed\nfrom data import images\nfrom not_there import thing\n"
                "class Net:\n    def plot(self): return not_installed.plot(images)\n"
                "    def call(self, x): return x\n    def show(self): return images\n"
            ),
        }
    )
    cls, program = load(sliced(folder))
    assert cls().call(3) == 3
    for method, reason in (
        (cls().plot, "No module named 'not_installed'"),
        (cls().show, r"it needs `images`, which line 1 of data.py makes by running download\(…\)"),
    ):
        with pytest.raises(NameError) as caught:
            method()
        with pytest.raises(Refused, match=reason):
            refuse_what_is_lacking(program, [str(caught.value)])


def test_a_fault_of_the_model_is_not_taken_for_something_that_is_lacking(
    write: Write, load: Callable[[Slice], tuple[Any, Program]]
) -> None:
    _, program = load(sliced(write(PROJECTS["from beside"])))
    refuse_what_is_lacking(
        program, ["NameError: name 'typo' is not defined", "'Net' object has no attribute 'a'"]
    )


def test_a_base_that_this_python_does_not_have_is_refused(
    write: Write, load: Callable[[Slice], tuple[Any, Program]]
) -> None:
    folder = write(
        {
            "base.py": "import not_installed\nclass Base(not_installed.Base): pass\n",
            "net.py": "from base import Base\nclass Net(Base): pass\n",
        }
    )
    with pytest.raises(Refused, match="this Python does not have: No module named 'not_installed'"):
        load(sliced(folder))


@pytest.mark.parametrize(
    ("statement", "use", "reason"),
    [
        (
            "from .helpers import f",
            "f",
            r"the module `\.helpers` of the project, which is not there \(line 1\)",
        ),
        ("from lib.helpers import f", "f", r"`lib\.helpers` of the project, which is not there \(line 1\)"),
        ("from lib import f", "f", r"it needs `f`, which lib.__init__\.py does not define"),
        ("import lib", "lib.f", r"it needs `f`, which lib.__init__\.py does not define"),
        ("from lib.broken import f", "f", r"line 1 of broken\.py: syntax error"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(statement: str, use: str, reason: str, write: Write) -> None:
    net = f"{statement}\nclass Net:\n    def call(self, x): return {use}(x)\n"
    with pytest.raises(SliceError, match=reason):
        sliced(write({"lib/__init__.py": "", "lib/broken.py": "def f(:\n", "net.py": net}))
