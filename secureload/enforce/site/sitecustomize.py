"""Begin enforcement in a Python started by an enforced program, then go on as without us."""

import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  pathlib takes 10 ms

try:
    from secureload.enforce.process import begin_if_wanted
except Exception as error:
    if os.environ.get("SECURELOAD_ENFORCE"):
        raise SystemExit(
            f"secureload: {sys.executable} was started by a program whose loads are enforced, "
            f"and has no secureload ({type(error).__name__}: {error})\n"
            "  hint: install secureload there, or start it outside `secureload run`"
        ) from None
else:
    begin_if_wanted()


def _go_on() -> None:
    """Run the `sitecustomize` that would have been found without this folder."""
    paths = [path for path in sys.path if os.path.abspath(path or ".") != _HERE]  # noqa: PTH100
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", paths)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


_go_on()
