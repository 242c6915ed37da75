#!/bin/bash
# Puts the course into The Littlest JupyterHub of this machine. Run it as root from a clone of the course, after the
# hub's own installer, and again after each update of the clone:
#
#     sudo bash deploy/littlest/install.sh
#
# Memory and processors of one student can be set before it: sudo MEMORY=1G PROCESSORS=1 bash ...
set -euo pipefail

course=$(cd "$(dirname "$0")/../.." && pwd)
hub=${TLJH_INSTALL_PREFIX:-/opt/tljh}
if [ ! -x "$hub/user/bin/python" ] || [ ! -x "$hub/hub/bin/tljh-config" ]; then
    echo "There is no Littlest JupyterHub in $hub. README.md in the folder deploy/ says how to install it." >&2
    exit 1
fi

# The environment that all students share: the pins, what copies the notebooks to them, and the course's library.
pip() { "$hub/user/bin/python" -m pip install "$@"; }
pip --require-hashes --requirement "$course/requirements.txt"
pip nbgitpuller==1.3.0
pip --no-deps --no-build-isolation "$course"

config() { "$hub/hub/bin/tljh-config" "$@"; }
config set limits.memory "${MEMORY:-1G}"
config set limits.cpu "${PROCESSORS:-1}"
config set services.cull.timeout 3600  # seconds without a sign of life: a lecture's pause does not end a server
config set services.cull.every 300
mkdir -p "$hub/config/jupyterhub_config.d"
install -m 644 "$course/deploy/littlest/livegrad.py" "$hub/config/jupyterhub_config.d/livegrad.py"
config reload
