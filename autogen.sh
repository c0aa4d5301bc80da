#!/bin/sh
# Make ./configure from a checkout (needs autoconf, automake).
set -e
cd "$(dirname "$0")"
exec autoreconf --install --force "$@"
