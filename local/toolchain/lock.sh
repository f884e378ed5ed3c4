#!/usr/bin/env bash
# Updates all pins to the newest compatible releases: `make lock`.
# The pins are for Python 3.11 to 3.14 on Linux and macOS. The pin files do not name a package index, so pip uses the
# index that is configured on the computer.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"

python=$("$here/bootstrap.sh" --python)
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"$python" -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv

resolve() {
    echo "Resolving $1.in …"
    "$tools/bin/uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate --no-header "$1.in" -o "$1.txt"
}

# The layer is resolved first, because the development tools must fit its versions.
resolve layers/dependencies/requirements
resolve local/toolchain/dev
resolve local/toolchain/emulator
resolve local/toolchain/sam
resolve local/toolchain/browser

echo "Resolving browser/package.json …"
if command -v npm >/dev/null; then
    cd "$here/browser"
    npm install --silent --package-lock-only --omit-lockfile-registry-resolved --save-exact axe-core@latest
else
    echo "npm was not found: axe-core is not updated." >&2
fi
