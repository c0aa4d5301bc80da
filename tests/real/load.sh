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

CFDIR=${CFDIR:-/usr/share/sendmail/cf}
for SM in ${SM:-} /usr/libexec/sendmail/sendmail /usr/lib/sm.bin/sendmail; do
	[ -x "$SM" ] && break
done
export CFDIR SM
[ -x "$SM" ] || skip_all 'no sendmail (Debian: sendmail-bin)'
[ -f "$CFDIR/m4/cf.m4" ] || skip_all 'no configuration sources of sendmail (Debian: sendmail-cf)'
for tool in m4 bash python3; do
	command -v $tool >/dev/null || skip_all "no $tool"
done
[ "$(id -u)" = 0 ] || skip_all 'not root'
unshare --uts --mount --propagation private true 2>/dev/null || skip_all 'no private namespaces here'

PORT=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
export PORT
world=$tmp/world
chmod 755 "$tmp" # the local mailer does not run as root
EXTRA_CF='O QueueLA=9999
O RefuseLA=9999' bash "$top_srcdir/tests/private-sendmail.sh" "$world" flat >"$tmp/made" 2>&1 ||
	bail "no private sendmail: $(cat "$tmp/made")"

# one file for each bounce, complete when it has its name
cat >"$world/bin/deliver" <<EOF
#!/bin/sh
f=\$(mktemp "$world/mail/.new.XXXXXXXXXX") && cat >"\$f" && mv "\$f" "$world/mail/bounce\${f##*.new}"
EOF

python3 -B "$top_srcdir/tests/real/load.py" "$world" "$MTAQ" "$PORT" "${LOAD_SEED:-}" "${LOAD_SECONDS:-12}"
