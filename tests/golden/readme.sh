#!/bin/sh
# The commands of README's tour do what it says: run in order in one shell, output and errors compared.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

mkdir "$tmp/bin" "$tmp/queues" "$tmp/queues/sendmail" "$tmp/queues/qmail"
ln -s "$MTAQ" "$tmp/bin/mtaq"
PATH=$tmp/bin:$PATH
TZ=UTC
export TZ
tar --warning=no-timestamp -C "$tmp/queues/sendmail" -xpf "$top_srcdir/fixtures/sendmail/flat.tar"
tar --warning=no-timestamp -C "$tmp/queues/qmail" -xpf "$top_srcdir/fixtures/qmail/basic.tar"

# One file for each command, with its line on top and its output below it.
mkdir "$tmp/steps"
awk -v dir="$tmp/steps" '
/^A five-minute tour/ { tour = 1 }
/^Where things are/ { tour = 0 }
!tour { next }
/^    \$ / { file = sprintf("%s/%03d", dir, FNR) }
!/^    / { file = "" }
file != "" { print substr($0, 5) > file }' "$top_srcdir/README"

cd "$tmp/queues" || exit 99
ran=0
for step in "$tmp"/steps/*; do
	line=$(sed -n '1s/^\$ //p' "$step")
	# it goes on in the lines that a shell would begin with "> "
	more=$(sed -n '2,${/^> /!q; s/^> //p}' "$step")
	sed '1d; /^> /d' "$step" >"$tmp/wanted"
	case $line in
	cd\ * | PATH=*) continue ;; # where the tour starts
	esac
	eval "$line${more:+
$more}" >"$tmp/got" 2>&1 </dev/null
	case $line in
	*--sort*) ;;
	*) # in the order of the directory, which depends on the filesystem
		sort -o "$tmp/got" "$tmp/got"
		sort -o "$tmp/wanted" "$tmp/wanted"
		;;
	esac
	same "$tmp/got" "$tmp/wanted" "line ${step##*/}: $line"
	ran=$((ran + 1))
done
ok "the tour has commands ($ran)" test $ran -ge 10
done_testing
