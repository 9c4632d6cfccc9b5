"""The page of what Keras cannot do: it is what its script wrote."""

import importlib.util
import json
import pathlib
import re
import subprocess
import sys

import pytest

DOCS = pathlib.Path(__file__).parent.parent / "docs"
SCRIPT = DOCS / "keras_limits.py"
PAGE = (DOCS / "keras_limits.md").read_text()


def test_the_page_has_the_entries_of_the_script():
    spec = importlib.util.spec_from_file_location("keras_limits", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script  # for its dataclass
    spec.loader.exec_module(script)
    rows = re.findall(r"^\| (.+?) \| .+ \| (.+) \| `(\w+)` \|$", PAGE, flags=re.MULTILINE)
    entries = {name: (limit.what, limit.instead) for name, limit in script.LIMITS.items()}
    assert {name: (what, instead) for what, instead, name in rows} == entries


@pytest.mark.long
def test_an_entry_still_holds():
    result = subprocess.run(
        [sys.executable, SCRIPT, "--see", "adafactor"], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    seen, versions = json.loads(result.stdout.splitlines()[-1])
    assert versions.startswith("Keras 3.")
    assert f"| {seen} |" in PAGE
