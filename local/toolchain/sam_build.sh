#!/usr/bin/env bash
# Builds template.yaml into .aws-sam/ without Docker.
#
#   sam_build.sh         for Lambda, into .aws-sam/build; set ARCHITECTURE=x86_64 if the stack's parameter
#                        Architecture is x86_64
#   sam_build.sh --here  for this machine and the Python of .venv/app, into .aws-sam/here: for tests and bench/
#
# RELEASE=ANYTHING publishes new versions of all functions even if the sources have not changed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
export PATH="$root/.venv/sam/bin:$PATH" SAM_CLI_TELEMETRY=0

architecture=${ARCHITECTURE:-arm64}
into=.aws-sam/build
if [ "${1:-}" = --here ]; then
    case $(uname -m) in
        arm64 | aarch64) architecture=arm64 ;;
        *) architecture=x86_64 ;;
    esac
    into=.aws-sam/here
    export PACKAGE_PYTHON=$root/.venv/app/bin/python
fi

sam build --build-dir "$into" --parameter-overrides "Architecture=$architecture"
.venv/sam/bin/python local/toolchain/release.py "$into/template.yaml"
