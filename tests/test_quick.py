"""`make quick`: which tests are those of a change."""

import pathlib

import pytest

import quick

pytestmark = pytest.mark.backend_free


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ("tests/test_lookahead.py", {"test_lookahead.py"}),
        ("tests/cases.py", {"test_normalizers.py", "test_l4.py"}),
        ("tests/references/steps.py", {"test_formulas.py", "test_step_wrappers.py"}),
        ("text/grammar.py", {"test_text.py"}),
        ("core/stack.py", {"test_text.py", "test_catalogue.py"}),
        ("benchmarks/floor.py", {"test_benchmarks.py"}),
        ("docs/pictures/wrapper_pictures.py", {"test_site_pictures.py"}),
        ("README.md", {"test_readme.py", "test_package.py"}),
        ("docs/building/cost.py", {"test_site.py"}),
        ("docs/site/guides/stacks.md", {"test_site.py"}),
    ],
)
def test_a_file_has_the_tests_that_are_named_after_it_import_it_or_mention_it(changed, names):
    assert quick.tests_of(pathlib.Path(changed)) >= names


def test_a_wrapper_also_has_those_with_its_name_among_their_parameters():
    [path] = quick.ROOT.glob("wrappers/**/lookahead.py")
    files, names = quick.selected([path.relative_to(quick.ROOT)])
    assert {
        *("test_lookahead.py", "test_catalogue.py", "test_formulas.py", "test_weight_averages.py")
    } <= {*files}
    assert {"test_lookahead.py", "lookahead"} <= {*names}
    assert len([name for name in names if name in quick.TESTS]) <= quick.TOO_MANY


def test_what_no_test_knows_has_none():
    assert quick.selected([pathlib.Path("nothing.py")]) == ([], [])
