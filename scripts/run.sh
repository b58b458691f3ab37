#!/bin/sh
# Opens the window on the bundled samples. Without a display: on a virtual one, and saves a picture of it.
set -eu
cd "$(dirname "$0")/.."

if [ "$(uname -s)" != Linux ] || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    exec .venv/bin/python main.py --samples
fi
if ! command -v xvfb-run >/dev/null; then
    echo "There is no display, and no virtual one: sudo apt-get install -y xvfb xauth" >&2
    exit 1
fi
mkdir -p out
echo "There is no display; opening the window on a virtual one." >&2
xvfb-run -a -s "-screen 0 1920x1080x24" .venv/bin/python main.py --samples --window-picture out/window.png
echo "A picture of the window: $(pwd)/out/window.png"
