#!/bin/sh
# Completion in real shells: what is offered where, that every command and option of the program is there, and that it is installed
# where shells look.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
command -v python3 >/dev/null || skip_all 'no python3'
scripts=$top_builddir/completion
[ -f "$scripts/bash/mtaq" ] || skip_all 'this build makes no completion (ThreadSanitizer, or for another machine)'
export tmp

sendmail=$(fixture_queue sendmail flat)
qmail=$(fixture_queue qmail tcpto)
MTAQ_QUEUES=$sendmail
export MTAQ_QUEUES
cd "$tmp" || exit 99
mkdir -p "$tmp/place/below"
: >"$tmp/place/rules.conf"

# The words that were offered, without what stands before them in the same argument.
plain() {
	tr '\t' '\n' | sed 's|/$||; s/.*[] =:({,/[]\(.\)/\1/' | sort -u | tr '\n' ' ' | sed 's/ $//'
}

# line: what is typed; then a TAB and what is to be offered (-: nothing).
cat >"$tmp/cases" <<END
mtaq cou	count
mtaq jou	journal
mtaq --color al	always
mtaq --qui	--quiet
mtaq --quiet cou	count
mtaq -q $qmail cou	count
mtaq list --form	--format
mtaq list --format q	qread
mtaq list --format=m	mailq
mtaq list --format '{sen	sender sender.domain
mtaq list --format '{id} {sub	subject submitter
mtaq list --sort age,-siz	-size
mtaq summary --by recipient.d	recipient.domain recipient.done
mtaq list -e bou	bounce
mtaq list -e 'bou	bounce
mtaq list -e 'age > 2d and bou	bounce
mtaq list -e 'not (dou	double_bounce
mtaq list -e 'any(cha	channel
mtaq list -e an	and any(
mtaq list --expression=bou	bounce
mtaq list -e 'state == h	held
mtaq list -e 'state != inc	incoming incomplete
mtaq list -e 'state in (held, lo	lost
mtaq list -e 'state not in (lo	lost
mtaq list -e 'mta == s	sendmail
mtaq list -e state==h	held
mtaq list -e 'size > s	-
mtaq list -e 'sender == s	-
mtaq list -e heade	header header.raw[ header[
mtaq help summ	summary
mtaq journal pr	prune
mtaq trash emp	empty
mtaq delete AL	ALL
mtaq show 60F900	60F90094016259
mtaq -q $qmail show 114819	1148194@1795165489000000000
mtaq -q $qmail list -e bounce 114819	1148194@1795165489000000000
mtaq -q $qmail hosts 127.0.0.12	127.0.0.12
mtaq restore 60F900	-
mtaq move --to pla	place
mtaq move --to place/	below
mtaq -C place/r	rules.conf
mtaq list --no-such-opt	-
mtaq nonsense 	-
END
sed -i 's/	header header.raw\[ header\[$/	header.raw[ header[/' "$tmp/cases"

# shell_offers SHELL: all cases
shell_offers() {
	cut -f 1 "$tmp/cases" | python3 "$top_srcdir/tests/completion/typed.py" "$1" "$scripts" "$MTAQ" >"$tmp/$1.said" 2>"$tmp/$1.err"
	is "$? $(cat "$tmp/$1.err")" '0 ' "$1: it runs without a word"
	sed -n 'n;p' "$tmp/$1.said" >"$tmp/$1.offered"
	row=0
	while IFS='	' read -r line wanted; do
		row=$((row + 1))
		got=$(sed -n "${row}p" "$tmp/$1.offered" | plain)
		is "${got:--}" "$wanted" "$1: $line"
	done <"$tmp/cases"
}

# Every option of every command, and every field.
shell_knows_all() {
	"$MTAQ" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' >"$tmp/commands"
	{
		sed 's/.*/mtaq & --/' "$tmp/commands"
		echo 'mtaq '
		echo 'mtaq list -e '
	} >"$tmp/lines"
	python3 "$top_srcdir/tests/completion/typed.py" "$1" "$scripts" "$MTAQ" <"$tmp/lines" 2>&1 |
	    sed -n 'n;p' >"$tmp/$1.all"
	row=0
	while read -r command; do
		row=$((row + 1))
		"$MTAQ" help "$command" | sed -n 's/^  \(-., \|    \)\(--[a-z-]*\).*/\2/p' | sort -u >"$tmp/wanted"
		sed -n "${row}p" "$tmp/$1.all" | tr '\t' '\n' | sed 's/=$//' | sort -u >"$tmp/got"
		same "$tmp/got" "$tmp/wanted" "$1: the options of $command"
	done <"$tmp/commands"
	sed -n "$((row + 1))p" "$tmp/$1.all" | tr '\t' '\n' | sort >"$tmp/got"
	sort "$tmp/commands" >"$tmp/wanted"
	same "$tmp/got" "$tmp/wanted" "$1: the commands"
	sed -n "$((row + 2))p" "$tmp/$1.all" | tr '\t' '\n' | sort >"$tmp/got"
	{
		"$MTAQ" fields -1 | sed 's/\[.*/[/'
		printf '%s\n' and or not in 'any(' 'all(' 'has('
	} | sort >"$tmp/wanted"
	same "$tmp/got" "$tmp/wanted" "$1: the fields"
}

for shell in bash zsh fish; do
	if ! command -v $shell >/dev/null; then
		skip "no $shell here" "$shell"
		continue
	fi
	if [ $shell != fish ] && ! have_pty; then
		skip 'no pseudo-terminals' "$shell"
		continue
	fi
	shell_offers $shell
	shell_knows_all $shell
done

# What the line becomes: the closing quote, the next word.
# becomes SHELL TYPED WANTED
becomes() {
	is "$(printf '%s\n' "$2" | python3 "$top_srcdir/tests/completion/typed.py" "$1" "$scripts" "$MTAQ" | sed -n 1p)" "$3" "$1: $2"
}
if command -v bash >/dev/null && have_pty; then
	becomes bash "mtaq list -e 'state == he" "mtaq list -e 'state == held'"
	becomes bash 'mtaq list --format=q' 'mtaq list --format=qread '
	becomes bash 'mtaq list -e state==he' 'mtaq list -e state==held'
fi
if command -v zsh >/dev/null && have_pty; then
	becomes zsh "mtaq list -e 'state == he" "mtaq list -e 'state == held"
	becomes zsh 'mtaq list --format=q' 'mtaq list --format=qread '
fi

# --- installed, where configure was told

installed() {
	make -s -C "$top_builddir" --no-print-directory DESTDIR="$tmp/root" "$@" >"$tmp/make" 2>&1 || diag "$(tail -n 5 "$tmp/make")"
	(cd "$tmp/root" 2>/dev/null && find . -path '*ompletion*' -type f -o -path '*site-functions*' -type f) | sort
}
is "$(installed prefix=/usr install-bashcompletionDATA install-zshcompletionDATA install-fishcompletionDATA)" \
    './usr/share/bash-completion/completions/mtaq
./usr/share/fish/vendor_completions.d/mtaq.fish
./usr/share/zsh/site-functions/_mtaq' 'installed where shells look'
done_testing
