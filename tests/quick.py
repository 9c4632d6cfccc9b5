"""Runs the tests of what was changed, for whoever works on it: see `make quick`.

Changed is what differs from the branch `main`, committed or not. The tests of a changed file are
those that are named after it or import it, or mention its name if it is not Python; those of a
wrapper are also all that have its name in the catalogue among their parameters.
"""

import ast
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
TESTS = {path.name: path.read_text() for path in sorted((ROOT / "tests").glob("test_*.py"))}
TOO_MANY = 12  # files of tests: then it is the suite


def changed_files():
    def git(*arguments):
        return subprocess.check_output(["git", *arguments], cwd=ROOT, text=True).splitlines()

    [base] = git("merge-base", "HEAD", "main")
    names = [*git("diff", "--name-only", base), *git("ls-files", "--others", "--exclude-standard")]
    return [pathlib.Path(name) for name in names if (ROOT / name).exists()]


def imports(source):
    """The modules that a test imports, and what it imports from them, with dots."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def tests_of(path):
    """The names of the files of tests of a changed file."""
    if path.parts[:2] == ("docs", "site"):
        return {"test_site.py"}
    if path.suffix != ".py":
        return {name for name, source in TESTS.items() if path.name in source}
    parts = path.with_suffix("").parts
    if parts[:2] == ("docs", "pictures"):  # whose files import each other
        return {"test_site_pictures.py"}
    alone = parts[0] in ("tests", "benchmarks", "docs")  # which are no packages
    module = ".".join(parts[1:] if alone else ("stepwrap", *parts))
    named = {path.name, f"test_{path.name}"} & {*TESTS}
    if "references" in parts:  # one of those that are all tested together
        named.add("test_formulas.py")
    return named | {name for name, source in TESTS.items() if module in imports(source)}


def selected(paths):
    """Files of tests, and what a test in them must have in its name: one of these or a wrapper."""
    names = {name for path in paths for name in tests_of(path)}
    files, wrappers = {*names}, set()
    for path in paths:
        if path.parts[0] != "wrappers" or path.suffix != ".py":
            continue
        source = (ROOT / path).read_text()
        wrappers |= {*re.findall(r'^@wrapper\("(\w+)"', source, re.MULTILINE)}
        classes = re.findall(r"^class (\w+)", source, re.MULTILINE)
        files |= {name for name, test in TESTS.items() if any(cls in test for cls in classes)}
    if wrappers:
        files |= {"test_catalogue.py", "test_formulas.py"}
    return sorted(files), sorted(names | wrappers)


if __name__ == "__main__":
    files, names = selected(changed_files())
    if not names or sum(name in TESTS for name in names) > TOO_MANY:
        sys.exit(f"{len(files)} files of tests are touched by the changes: run `make test`.")
    chosen = ["-m", "not long", "-k", " or ".join(names), *(f"tests/{file}" for file in files)]
    print("pytest", *chosen)
    sys.exit(subprocess.call([sys.executable, "-m", "pytest", "-x", "-q", *chosen], cwd=ROOT))
