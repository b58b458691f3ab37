#!/bin/sh
# Makes .venv with the locked packages, and installs or names the system packages that are missing.
# Usage: scripts/setup.sh [dev]   (dev: also what the tests need). Does nothing where all is in place.
# PYTHON=… chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."

want=${1:-run}
venv=.venv
stamp=$venv/.triptych-$want
# What a window and a headless picture need of Debian and Ubuntu; xvfb and xauth are for machines without a display.
packages="libegl1 libgl1 libopengl0 libgl1-mesa-dri libglib2.0-0 libfontconfig1 fonts-dejavu-core libdbus-1-3
libxkbcommon0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-xinerama0
libxcb-image0 libxcb-render-util0 libxcb-randr0 libxcb-sync1 libxcb-xfixes0 libxcb-xkb1 xvfb xauth"

say() { printf '%s\n' "$*" >&2; }

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

apt_install() {
    say "Installing $*"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" </dev/null >/dev/null 2>&1 ||
        { apt-get update -q </dev/null >/dev/null 2>&1 || true
          DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" </dev/null >/dev/null; }
}

is_installed() {
    # Debian's 64-bit time transition renamed some libraries: libglib2.0-0 is libglib2.0-0t64 from Debian 13 on.
    for name in "$1" "${1}t64"; do
        if dpkg-query -W -f='${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed; then return 0; fi
    done
    return 1
}

check_system() {
    [ "$(cat "$venv/.triptych-system" 2>/dev/null)" != "$packages" ] || return 0
    command -v dpkg-query >/dev/null || return 0
    missing=
    for package in $packages; do is_installed "$package" || missing="$missing $package"; done
    if [ -z "$missing" ]; then complete=yes; return 0; fi
    # shellcheck disable=SC2086
    if can_install && apt_install $missing; then complete=yes; return 0; fi
    say "System packages are missing. Install them with:"
    say "    sudo apt-get install -y --no-install-recommends$missing"
    say "Going on without them; the window or headless pictures may not work."
}

usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
with_venv() { "$1" -c 'import venv, ensurepip' >/dev/null 2>&1; }

find_python() {
    python=
    for candidate in ${PYTHON:-} python3.11 python3 python3.12 python3.13 python; do
        usable "$candidate" || continue
        python=$candidate
        if with_venv "$candidate"; then return 0; fi
    done
    return 1
}

choose_python() {
    find_python && return 0
    if can_install; then
        apt_install python3 python3-venv || true
        find_python && return 0
    fi
    if [ -n "$python" ]; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        say "$python cannot make virtual environments. Install: sudo apt-get install -y python$version-venv"
    else
        say "Triptych needs Python 3.11 or newer. Install it, on Debian with: sudo apt-get install -y python3 python3-venv"
    fi
    exit 1
}

make_venv() {
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        choose_python
        say "Making $venv with $($python --version)"
        rm -rf "$venv"
        "$python" -m venv "$venv"
    fi
    say "Installing the locked packages into $venv (the first time takes some minutes)"
    files="-r requirements.lock"
    [ "$want" = dev ] && files="$files -r requirements-dev.lock"
    # shellcheck disable=SC2086
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check $files
}

fingerprint() { cat requirements.lock requirements-dev.lock scripts/setup.sh | cksum; }

complete=
check_system
if ! { [ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ] &&
    "$venv/bin/python" -c '' 2>/dev/null; }; then
    make_venv
    fingerprint >"$stamp"
    if [ "$want" = dev ]; then fingerprint >"$venv/.triptych-run"; fi
fi
[ -z "$complete" ] || printf '%s\n' "$packages" >"$venv/.triptych-system"
