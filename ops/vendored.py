"""The editor and the engine of the SQL console, rebuilt from npm: ``python -m ops.vendored``.

Versions are pinned in ``ops/vendored/package.json``. Writes ``static/vendor/codemirror/`` and
``static/vendor/duckdb/`` (modules bundled by esbuild, each with the licences of what is in it), and
the engine itself to ``portal/console/engine/``: compressed, as it has 34 MB. Needs node and npm;
compressing takes two minutes. ``--check`` changes nothing and fails where a file would be another.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import brotli

HERE = Path(__file__).with_name("vendored")
PORTAL = Path(__file__).parents[1] / "src/moulouya/portal"
VENDOR, ENGINE = PORTAL / "static/vendor", PORTAL / "console/engine"
BUNDLES = {"editor.js": VENDOR / "codemirror", "engine.js": VENDOR / "duckdb"}
WASM, WORKER = "duckdb-eh.wasm", "duckdb-browser-eh.worker.js"
# Texts of Apache-licensed packages lie beside their code under several names.
LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE", "NOTICE.txt")


def licences(modules: Path, packages: list[str]) -> str:
    """The licences of some packages, one after the other, with their versions."""
    texts = []
    for name in packages:
        folder = modules / name
        about = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        found = [folder / one for one in LICENCE_FILES if (folder / one).is_file()]
        # The package of DuckDB-Wasm comes without the text of its licence.
        found = found or [HERE / f"{name.rpartition('/')[2]}.txt"]
        body = "\n".join(one.read_text(encoding="utf-8").strip() for one in found)
        texts.append(f"{name} {about['version']} ({about['license']})\n\n{body}".strip())
    return f"\n\n{'-' * 72}\n\n".join(texts) + "\n"


def bundled(work: Path, entry: str) -> tuple[bytes, list[str]]:
    """One module, and the packages whose code is in it."""
    out, meta = work / "out.js", work / "meta.json"
    command = [
        str(work / "node_modules/.bin/esbuild"), entry, "--bundle", "--format=esm", "--minify",
        "--target=es2022", "--legal-comments=none", f"--outfile={out}", f"--metafile={meta}",
    ]  # fmt: skip
    subprocess.run(command, cwd=work, check=True, capture_output=True)
    (made,) = json.loads(meta.read_text(encoding="utf-8"))["outputs"].values()
    packages = set()
    for source in (name for name, part in made["inputs"].items() if part["bytesInOutput"]):
        parts = source.partition("node_modules/")[2].split("/")
        if parts[0]:
            packages.add("/".join(parts[: 2 if parts[0].startswith("@") else 1]))
    return out.read_bytes(), sorted(packages)


def build(work: Path) -> dict[Path, bytes]:
    """Every vendored file and what it holds."""
    for name in ("package.json", *BUNDLES):
        shutil.copy(HERE / name, work)
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"],
        cwd=work,
        check=True,
    )
    files = {}
    for entry, folder in BUNDLES.items():
        code, packages = bundled(work, entry)
        files[folder / entry] = code
        files[folder / "LICENSES.txt"] = licences(work / "node_modules", packages).encode()
    dist = work / "node_modules/@duckdb/duckdb-wasm/dist"
    # The map that the worker's last line names is not served.
    worker = (dist / WORKER).read_text(encoding="utf-8").rpartition("//# sourceMappingURL=")[0]
    engine = {WASM: (dist / WASM).read_bytes(), WORKER: worker.encode()}
    for name, body in engine.items():
        files[ENGINE / f"{name}.br"] = brotli.compress(body, quality=11, lgwin=24)
    about = {
        name: {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
        for name, body in engine.items()
    }
    files[ENGINE / "engine.json"] = (json.dumps(about, indent=2) + "\n").encode()
    files[ENGINE / "LICENSES.txt"] = licences(
        work / "node_modules", ["@duckdb/duckdb-wasm", "apache-arrow", "flatbuffers", "tslib"]
    ).encode()
    return files


def main() -> int:
    """Build, and write or compare."""
    with tempfile.TemporaryDirectory() as folder:
        files = build(Path(folder))
    other = [path for path, body in files.items()
             if not path.exists() or path.read_bytes() != body]  # fmt: skip
    if "--check" in sys.argv:
        for path in other:
            print(f"{path.name} is not what would be built")
        return bool(other)
    for path in other:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[path])
        print(f"{path.relative_to(PORTAL)}: {len(files[path])} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
