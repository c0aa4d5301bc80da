# What tests need for a real sendmail of their own, made by private-sendmail.sh. After lib.sh:
#
#	. "$top_srcdir/tests/sendmail.sh" || exit 99
#	need_sendmail flock
#	PORT=$(closed_port)
#	private_sendmail "$tmp/world" flat
# shellcheck shell=sh

# what private-sendmail.sh goes by is said by the test, not by who runs it
unset PORT DPORT MXNAME QAT QFMODE EXTRA_CF EXTRA_MC LIBFAKETIME FAKETIME
CFDIR=${CFDIR:-/usr/share/sendmail/cf}
for SM in ${SM:-} /usr/libexec/sendmail/sendmail /usr/lib/sm.bin/sendmail; do
	[ -x "$SM" ] && break
done
export CFDIR SM

# sendmail_lacks [TOOL...]: why it cannot be had here, or which of the tools; nothing when it can.
sendmail_lacks() {
	[ -x "$SM" ] || echo 'no sendmail (Debian: sendmail-bin)'
	[ -f "$CFDIR/m4/cf.m4" ] || echo 'no configuration sources of sendmail (Debian: sendmail-cf)'
	for tool in m4 bash python3 "$@"; do
		command -v "$tool" >/dev/null || echo "no $tool"
	done
	[ "$(id -u)" -eq 0 ] || echo 'not root'
	unshare --uts --mount --propagation private true 2>/dev/null || echo 'no private namespaces here'
}

# need_sendmail [TOOL...]: skips all, and says why, when it cannot be had.
need_sendmail() {
	why=$(sendmail_lacks "$@" | head -n 1)
	[ -z "$why" ] || skip_all "$why"
	chmod 755 "$tmp" # its mailers do not run as root
}

# A port that nobody listens on, and that the system gives to nobody who does not ask for it.
closed_port() {
	python3 -c 'import random, socket
while True:
    port = random.randrange(10000, 32000)
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break'
}

# private_sendmail DIR [LAYOUT]: as private-sendmail.sh, whose variables may be exported.
private_sendmail() {
	bash "$top_srcdir/tests/private-sendmail.sh" "$@" >"$tmp/private.log" 2>&1 ||
		bail "no private sendmail: $(cat "$tmp/private.log")"
}
