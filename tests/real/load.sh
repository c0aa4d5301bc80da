#!/bin/sh
# Several mtaq with different actions on one queue of a real sendmail that works on it at the same time: its runners in
# a loop, new mail arriving, some recipients refused for now, some for good. At no time is a message visible without its
# data, and at the end each is accounted for exactly once, with its whole body. All is done by load.py.
#
# LOAD_SEED=N repeats the choices of a run (not its timing), LOAD_SECONDS=N makes it longer, LOAD_DIR=DIR puts it on
# another file system than one in memory, where everybody gets through the queue more often.
LOAD_DIR=${LOAD_DIR:-/dev/shm}
if [ -d "$LOAD_DIR" ] && [ -w "$LOAD_DIR" ]; then
	TMPDIR=$LOAD_DIR
	export TMPDIR
fi
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
. "$top_srcdir/tests/sendmail.sh" || exit 99

need_sendmail

PORT=$(closed_port)
export PORT
world=$tmp/world
private_sendmail "$world" flat

# one file for each bounce, complete when it has its name
cat >"$world/bin/deliver" <<EOF
#!/bin/sh
f=\$(mktemp "$world/mail/.new.XXXXXXXXXX") && cat >"\$f" && mv "\$f" "$world/mail/bounce\${f##*.new}"
EOF

python3 -B "$top_srcdir/tests/real/load.py" "$world" "$MTAQ" "$PORT" "${LOAD_SEED:-}" "${LOAD_SECONDS:-12}"
