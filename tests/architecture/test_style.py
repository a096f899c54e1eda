"""The house is kept in order: modules say what they are for, and stay small enough to read."""

import ast
from pathlib import Path

from tests.support.house import ROOT, modules, suites

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> list[tuple[str, int]]:
    """Every function of a module, and how many lines its code has: a docstring is not counted against it."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            first = node.body[0]
            words = ast.get_docstring(node) is not None and first.end_lineno is not None
            documented = first.end_lineno - first.lineno + 1 if words and first.end_lineno else 0
            found.append((node.name, node.end_lineno - node.lineno + 1 - documented))
    return found


def test_every_module_says_first_what_it_is_for() -> None:
    read = [*modules(), *(path for path in suites() if not path.name.startswith("test_"))]
    texts = {relative(path): path.read_text() for path in read}
    assert [path for path, text in texts.items() if text.strip() and not text.startswith('"""')] == []


def test_modules_are_short() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in modules()}
    assert {path: lines for path, lines in lengths.items() if lines > MODULE_LINES_MAX} == {}


def test_functions_are_short() -> None:
    long = [
        f"{relative(path)}: {name} has {lines} lines"
        for path in modules()
        for name, lines in functions(path)
        if lines > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_one_license_speaks_for_every_file() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
