#!/bin/sh
# Installs hetero_xmodal and JupyterLab from the folder of this script alone. Nothing is fetched; pip's own settings are not read.
#   ./install.sh               into .venv beside this script
#   ./install.sh /srv/course   into a folder of your choice
#   PYTHON=/opt/python/bin/python3.11 ./install.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-"$here/.venv"}
python=${PYTHON:-python3.11}
if ! command -v "$python" >/dev/null 2>&1; then
  echo "Python 3.11 is missing: install it, or say PYTHON=/path/to/python3.11 ./install.sh" >&2
  exit 2
fi
"$python" - "$here" <<'CHECK'
import hashlib
import json
import platform
import sys
from pathlib import Path

here = Path(sys.argv[1])
if sys.version_info[:2] != (3, 11):
    sys.exit(f"Python 3.11 is needed, this is {platform.python_version()}: say PYTHON=/path/to/python3.11 ./install.sh")
wanted, this = (here / "made_on.txt").read_text(encoding="utf-8").strip(), f"{platform.system()} {platform.machine()}"
if this != wanted:
    sys.exit(f"This bundle was made on {wanted}, this machine is {this}: make a bundle on a machine of its kind")
for name, record in json.loads((here / "manifest.json").read_text(encoding="utf-8"))["files"].items():
    path = here / name
    if not path.is_file():
        sys.exit(f"The file {name} is missing: copy the bundle again")
    with path.open("rb") as file:
        if name.startswith("wheels/") and hashlib.file_digest(file, "sha256").hexdigest() != record["sha256"]:
            sys.exit(f"The file {name} is damaged: copy the bundle again")
CHECK
"$python" -m venv "$target"
offline() {
  "$target/bin/python" -m pip --isolated --disable-pip-version-check install --quiet --no-index --find-links "$here/wheels" "$@"
}
offline --constraint "$here/constraints.txt" --requirement "$here/requirements.txt"
site=$("$target/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
offline --no-deps --only-binary=:all: --python-version 3.10 --target "$site" --requirement "$here/detectron2.txt"
"$target/bin/hetero-xmodal" doctor
echo "Open the notebooks: $target/bin/jupyter lab $here/tutorials"
