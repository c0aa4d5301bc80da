#!/bin/sh
# Damage done at random to recorded qmail queues: check finds it, --repair mends it, a second check finds nothing, nothing
# else changes by a byte, and undo brings the damage back. And repairs that are killed at each of their steps, with all
# that qmail-send would do to what is left: no message is lost or doubled. SEED=N repeats a run, ROUNDS=N makes it longer,
# and KILLS=1 kills at every step, not at about every third.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
command -v python3 >/dev/null 2>&1 || skip_all 'no python3'
python3 -B "$top_srcdir/tests/check/qmail.py" "$tmp" "$MTAQ" "$top_srcdir"
