#!/bin/sh
# Install what slow tests need beside Python; where this user may not, say how. Quick where it is all there.
set -eu

for name in chromium chromium-browser google-chrome-stable google-chrome; do
    if command -v "$name" >/dev/null; then
        exit 0
    fi
done
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "services: installing Chromium, so that tests can look at the pages"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null ||
        echo "services: apt-get could not install it, so tests that look at pages will be skipped." >&2
else
    echo "services: no Chromium here, so tests that look at pages will be skipped." \
        "Install it, such as with: sudo apt-get install chromium"
fi
