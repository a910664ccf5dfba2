"""The parts that are compiled; all else is in pyproject.toml.

All is done without them too, only slower, so the package also installs where
there is no compiler.
"""

import sys

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "moonsense.codec._objects",
            ["src/moonsense/codec/_objects.c"],
            extra_compile_args=[] if sys.platform == "win32" else ["-g0"],
            py_limited_api=True,
            optional=True,
        ),
        Extension(
            "moonsense.codec.arrow._scan",
            ["src/moonsense/codec/arrow/_scan.cpp"],
            depends=["src/moonsense/codec/arrow/_scan.hpp"],
            language="c++",
            extra_compile_args=["/std:c++17"] if sys.platform == "win32" else ["-std=c++17", "-g0"],
            py_limited_api=True,
            optional=True,
        ),
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
