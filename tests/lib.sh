# Helpers for tests written in sh; they print TAP. Use:
#
#	. "${top_srcdir:-.}/tests/lib.sh" || exit 99
#	run "$MTAQ" list -q "$(fixture sendmail flat)"
#	is "$status" 0 'exit status of list'
#	done_testing
#
# $tmp is a directory of the test's own, removed at exit. Nothing here sleeps for a fixed time.
# shellcheck shell=sh
# shellcheck disable=SC2034 # variables are for the tests

top_srcdir=$(cd "${top_srcdir:-.}" && pwd) || exit 99
top_builddir=$(cd "${top_builddir:-.}" && pwd) || exit 99
MTAQ=${MTAQ:-$top_builddir/mtaq}
tap_count=0 tap_failed=0 exit_commands=

tmp=$(mktemp -d "${TMPDIR:-/tmp}/mtaq-test.XXXXXXXX") || exit 99
clean_up() {
	trap - EXIT
	eval "$exit_commands"
	rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Run COMMAND (one word of shell) before $tmp is removed, last added first.
at_exit() {
	exit_commands="$1
$exit_commands"
}

# Text for people, as TAP comments.
diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

tap_result() {
	tap_count=$((tap_count + 1))
	[ -z "$1" ] || tap_failed=$((tap_failed + 1))
	printf '%sok %d - %s\n' "$1" "$tap_count" "$2"
}

pass() {
	tap_result '' "$1"
}

fail() {
	tap_result 'not ' "$1"
}

# ok NAME COMMAND...: the command succeeds. Its output is shown when it does not.
ok() {
	tap_name=$1
	shift
	if "$@" >"$tmp/.ok" 2>&1; then
		pass "$tap_name"
	else
		fail "$tap_name"
		diag "failed: $*"
		diag "$(head -n 50 "$tmp/.ok")"
	fi
}

# is GOT WANTED NAME
is() {
	if [ "$1" = "$2" ]; then
		pass "$3"
		return 0
	fi
	fail "$3"
	diag "got:    $1"
	diag "wanted: $2"
}

# like GOT PATTERN NAME: an extended regular expression matches some line of GOT.
like() {
	if printf '%s\n' "$1" | grep -Eq -e "$2"; then
		pass "$3"
		return 0
	fi
	fail "$3"
	diag "got:         $1"
	diag "not matched: $2"
}

# unlike GOT PATTERN NAME
unlike() {
	if ! printf '%s\n' "$1" | grep -Eq -e "$2"; then
		pass "$3"
		return 0
	fi
	fail "$3"
	diag "got:     $1"
	diag "matched: $2"
}

# same FILE WANTED-FILE NAME: equal byte for byte.
same() {
	if cmp -s "$1" "$2"; then
		pass "$3"
		return 0
	fi
	fail "$3"
	diag "$(diff -u "$2" "$1" | head -n 60)"
}

# none NAME COMMAND...: the command finds nothing and complains of nothing (it may be a function with a pipeline).
none() {
	tap_name=$1
	shift
	"$@" >"$tmp/.none" 2>&1
	if [ ! -s "$tmp/.none" ]; then
		pass "$tap_name"
	else
		fail "$tap_name"
		diag "$(head -n 200 "$tmp/.none")"
	fi
}

# skip REASON NAME
skip() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$2" "$1"
}

# skip_all REASON: instead of any test.
skip_all() {
	printf '1..0 # SKIP %s\n' "$1"
	exit 0
}

bail() {
	printf 'Bail out! %s\n' "$*"
	exit 99
}

done_testing() {
	printf '1..%d\n' "$tap_count"
	[ "$tap_failed" -eq 0 ]
	exit
}

# run COMMAND...: its standard output and error go to the files $out and $err, its exit status to $status.
out=$tmp/.out err=$tmp/.err status=
run() {
	status=0
	"$@" >"$out" 2>"$err" </dev/null || status=$?
}

# fixture KIND CASE: unpack fixtures/KIND/CASE.tar (or .tar.gz) and print where; each call makes a fresh copy.
# Sendmail cases hold mail/ and mqueue/, qmail cases control/ and queue/.
fixture() {
	fixture_dir=$(mktemp -d "$tmp/$1-$2.XXXXXX") || bail "cannot make a directory for $1 $2"
	for fixture_tar in "$top_srcdir/fixtures/$1/$2.tar" "$top_srcdir/fixtures/$1/$2.tar.gz"; do
		[ -f "$fixture_tar" ] || continue
		tar --warning=no-timestamp -C "$fixture_dir" -xpf "$fixture_tar" || bail "cannot unpack $fixture_tar"
		printf '%s\n' "$fixture_dir"
		return 0
	done
	bail "no fixture $1 $2"
}

# fixture_queue KIND CASE: unpack it and print what -q takes, with its own configuration and not this host's.
fixture_queue() {
	fixture_top=$(fixture "$1" "$2") || exit 99
	case $1 in
	qmail) printf 'qmail:%s/queue\n' "$fixture_top" ;;
	*) printf 'sendmail:%s/mqueue,cf=%s/mail/sendmail.cf\n' "$fixture_top" "$fixture_top" ;;
	esac
}

# fixture_clock KIND: when the queues were recorded, for --clock.
fixture_clock() {
	case $1 in
	qmail) echo @1795167000 ;;
	*) echo @1768478400 ;;
	esac
}

# Are there pseudo-terminals? (not in every container or chroot)
have_pty() {
	python3 -c 'import os; os.openpty()' 2>/dev/null
}

# run_on_tty COLUMNS COMMAND...: as run, with a terminal of that width as standard output
run_on_tty() {
	run python3 "$top_srcdir/tests/golden/on_tty.py" "$@"
}

# controls FILE: how many characters in it a terminal would act upon, tabs and line ends aside: C0, DEL, and C1 both as
# bytes and as UTF-8
controls() {
	python3 -c 'import sys
text = open(sys.argv[1], "rb").read().decode("utf-8", "surrogateescape")
print(sum(c < 32 and c not in (9, 10) or 127 <= c < 160 or 0xdc80 <= c < 0xdca0 for c in map(ord, text)))' "$1"
}

# Can this process have a mount namespace of its own? (root, and not in every container)
have_private_mounts() {
	unshare --mount --propagation private true 2>/dev/null
}

# shown_as DIR PATH COMMAND...: run the command where PATH is DIR. PATH is made when it is not there, which only the
# command sees (on a private tmpfs over its parent). Ask have_private_mounts first.
shown_as() {
	unshare --mount --propagation private sh -c '
		dir=$1 path=$2 hold=$(mktemp -d)
		shift 2
		mount --bind "$dir" "$hold" || exit 99
		if [ ! -d "$path" ]; then
			mount -t tmpfs none "$(dirname "$path")" && mkdir "$path" || exit 99
		fi
		mount --bind "$hold" "$path" && umount "$hold" && rmdir "$hold" || exit 99
		exec "$@"' shown_as "$@"
}

# newest_run JOURNAL: the id of the run that wrote last into this journal. Ids alone do not tell: those of one second differ
# by their process ids, which are no order once they begin again.
newest_run() {
	find "$1" -name '*.jsonl' -printf '%T@ %f\n' 2>/dev/null | sort -n | sed -n '$s/^[^ ]* \(.*\)\.jsonl$/\1/p'
}

# within SECONDS COMMAND...: try until it succeeds, at most so long.
within() {
	within_end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$within_end" ] || return 1
		sleep 0.05
	done
}
