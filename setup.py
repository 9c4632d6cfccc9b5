"""Maps the repository's root to the package `stepwrap`; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

SUBPACKAGES = find_packages(
    include=[
        "backends",
        "backends.*",
        "callbacks",
        "command",
        "core",
        "experiments",
        "experiments.*",
        "normalizers",
        "optimizers",
        "text",
        "toolkit",
        "wrappers",
        "wrappers.*",
    ]
)

setup(
    packages=["stepwrap", *(f"stepwrap.{name}" for name in SUBPACKAGES)],
    package_dir={"stepwrap": "."},
    package_data={"stepwrap": ["py.typed"]},
    script_name="setup.py",  # keeps this file out of the wheel
)
