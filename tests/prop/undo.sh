#!/bin/sh
# Random sequences of actions on recorded queues of both MTAs; `mtaq undo` of each run, the last first, gives the same
# tree back after each. The work is done by undo.py. UNDO_SEED=N repeats a run, UNDO_SEQUENCES=N makes it longer.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

command -v python3 >/dev/null || skip_all 'no python3'
[ "$(id -u)" = 0 ] || skip_all 'not root: the files of the recordings have other owners'
mkdir -p "$tmp/world/a" "$tmp/world/b"
set -- python3 -B "$top_srcdir/tests/prop/undo.py" "$tmp" "$MTAQ" "$top_srcdir" "${UNDO_SEED:-}" "${UNDO_SEQUENCES:-12}"
# a/ and b/ are two file systems
# shellcheck disable=SC2016
if have_private_mounts; then
	set -- unshare --mount --propagation private sh -c '
		mount -t tmpfs -o mode=755 none "$1/a" && mount -t tmpfs -o mode=755 none "$1/b" || exit 99
		shift
		exec "$@"' two "$tmp/world" "$@"
else
	diag 'no private mounts here: all is on one file system'
fi
"$@"
