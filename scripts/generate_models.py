"""Make src/moonsense/models from proto/: the modules, their stubs and the package's names.

    python scripts/generate_models.py            write them
    python scripts/generate_models.py --check    fail if what is there differs

Runs in an environment with grpcio-tools and mypy-protobuf (``make models``
makes one): protoc 5.29's code imports on protobuf 5.29 and on every later one.
"""

from __future__ import annotations

import argparse
import builtins
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
MODELS = ROOT / "src" / "moonsense" / "models"

# The order in which the published clients' package star-imports its modules.
# journey_feedback is not among them there, nor our rules.
EXPORTED = (
    "common_v2",
    "bundle_v2",
    "control_plane_v2",
    "data_plane_v2",
    "data_plane_v2_sdk",
    "error_reporting",
    "feature",
    "pagination",
    "signal",
)


def generate(into: Path) -> None:
    """Write every generated file into an empty folder."""
    protos = sorted(PROTO.glob("*.proto"))
    subprocess.run(
        [
            sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}",
            f"--plugin=protoc-gen-mypy={Path(sys.executable).with_name('protoc-gen-mypy')}",
            f"--python_out={into}", f"--mypy_out=quiet:{into}",
            *(p.name for p in protos),
        ],
        cwd=PROTO,
        check=True,
    )  # fmt: skip
    modules = {p.stem + "_pb2" for p in protos}
    for path in sorted(into.iterdir()):
        text = path.read_text(encoding="utf-8")
        path.write_text(_relative(text, modules, stub=path.suffix == ".pyi"), encoding="utf-8")
    (into / "__init__.py").write_text(_package(into), encoding="utf-8")


def _relative(text: str, modules: set[str], *, stub: bool) -> str:
    """protoc writes ``import bundle_v2_pb2``, as if the modules lay at the top of the path."""
    names = "|".join(sorted(modules))
    text = re.sub(rf"^import ({names}) as ", r"from . import \1 as ", text, flags=re.M)
    text = re.sub(rf"^from ({names}) import ", r"from .\1 import ", text, flags=re.M)
    # The second argument becomes the classes' __module__, by which pickle finds them.
    text = re.sub(rf"(_builder\.Build\w+\(DESCRIPTOR, )'({names})'", r"\1'moonsense.models.\2'", text)
    if stub:
        text = re.sub(rf"^import ({names})$", r"from . import \1", text, flags=re.M)
    return text


def _package(into: Path) -> str:
    """``moonsense.models``: every name of the published package, and an __all__ that shadows no builtin."""
    names: set[str] = set()
    for module in EXPORTED:
        stub = (into / f"{module}_pb2.pyi").read_text(encoding="utf-8")
        names |= set(re.findall(r"^class (?!_)(\w+)\(", stub, flags=re.M))
        names |= set(re.findall(r"^([A-Za-z]\w*): (?!typing_extensions.TypeAlias)", stub, flags=re.M))
    names -= set(dir(builtins)) | {"DESCRIPTOR"}
    names |= {f"{module}_pb2" for module in EXPORTED}
    lines = [
        '"""The messages of the service, generated from proto/. Do not edit.',
        "",
        "``__all__`` leaves ``Exception`` of error_reporting out: a star import must not hide Python's.",
        '"""',
        "",
    ]
    lines += [f"from .{module}_pb2 import *" for module in EXPORTED]
    lines += ["", "__all__ = [", *(f'    "{name}",' for name in sorted(names)), "]", ""]
    return "\n".join(lines)


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh, present = _tree(Path(scratch)), _tree(MODELS)
    if arguments.check:
        different = sorted(n for n in fresh.keys() | present.keys() if fresh.get(n) != present.get(n))
        for name in different:
            print(f"models/{name} is not what proto/ makes; run: make models", file=sys.stderr)
        return 1 if different else 0
    MODELS.mkdir(parents=True, exist_ok=True)
    for name in present.keys() - fresh.keys():
        (MODELS / name).unlink()
    for name, content in fresh.items():
        (MODELS / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
