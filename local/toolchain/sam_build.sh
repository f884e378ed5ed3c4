#!/usr/bin/env bash
# Builds template.yaml into .aws-sam/ without Docker. The wheels must be those of the functions' Python, 3.13.
#
#   sam_build.sh               build for deployment; refuses when this machine has no Python 3.13
#   sam_build.sh --any-python  without a 3.13, build with the Python there is: proves that the template and
#                              the layers build, but is not fit to be deployed
#
# RELEASE=ANYTHING publishes new versions of all functions although nothing in the sources has changed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
export PATH="$root/.venv/sam/bin:$PATH" SAM_CLI_TELEMETRY=0
built_for=3.13

if "$here/bootstrap.sh" --python "$built_for" >/dev/null; then
    if [ ! -x ".venv/sam/bin/python$built_for" ]; then # a 3.13 was installed after the environment was made
        rm -rf .venv/sam
        "$here/bootstrap.sh" sam
    fi
    sam build --cached
    exec .venv/sam/bin/python local/toolchain/release.py .aws-sam/build/template.yaml
fi

if [ "${1:-}" != --any-python ]; then
    echo "The functions run on Python $built_for, and sam build needs it to fetch the right packages." >&2
    echo "Install it beside yours (pyenv install $built_for, brew install python@$built_for) and run this again." >&2
    exit 1
fi

found=$(.venv/sam/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
echo "No Python $built_for here: building for Python $found instead, as a check only (not fit to be deployed)." >&2
sam build --cached --build-dir .aws-sam/any-python --parameter-overrides "Runtime=python$found"
exec .venv/sam/bin/python local/toolchain/release.py .aws-sam/any-python/template.yaml
