#!/bin/sh
# What `mtaq help` says and what mtaq(1) says are the same: commands, synopses, options.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

page=$top_srcdir/man/mtaq.1
run "$MTAQ" help
is "$status" 0 'mtaq help ends well'
sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$out" >"$tmp/commands"
[ -s "$tmp/commands" ] || bail 'mtaq help names no command'

# --- synopses: one paragraph beginning with .Nm for each command, in its order

awk '
function flush() {
	if (line != "")
		print "mtaq" line
	line = ""
}
/^\.Sh / { flush(); inside = /^\.Sh SYNOPSIS/; next }
!inside { next }
/^\.Nm/ { flush(); next }
{
	# .Oo Ar X Oc Ns ... is [X]...; Cm and Fl words stand as they are
	gsub(/^\./, "")
	n = split($0, word, " ")
	glue = ""
	for (i = 1; i <= n; i++) {
		w = word[i]
		if (w == "Oo") { open = "["; continue }
		if (w == "Oc") { line = line "]"; continue }
		if (w == "Ns") { glue = 1; continue }
		if (w == "Ar" || w == "Cm") continue
		if (w == "Fl") { dash = "-"; continue }
		line = line (glue ? "" : " ") open dash w
		glue = open = dash = ""
	}
}
END { flush() }' "$page" >"$tmp/man-synopsis"
while read -r command; do
	"$MTAQ" help "$command" | sed -n '1s/^usage: //p'
done <"$tmp/commands" >"$tmp/help-synopsis"
same "$tmp/man-synopsis" "$tmp/help-synopsis" 'SYNOPSIS is what the commands print as usage'

# --- options: "PLACE -x --long ARGUMENT", where PLACE is a command, "global" or "selector"

# Sections of help: Options, Selectors, Global options.
help_options() {
	awk -v command="$1" '
	/^[A-Z][a-z ]*:$/ {
		place = $0 == "Options:" ? command : $0 == "Selectors:" ? "selector" : $0 == "Global options:" ? "global" : ""
		next
	}
	/^$/ { place = "" }
	place != "" && /^  +-/ {
		option = $1
		at = 2
		if (option ~ /,$/) {
			sub(/,$/, "", option)
			option = option " " $2
			at = 3
		}
		# an argument is in capitals, and stands in the first columns
		if ($at ~ /^[A-Z][A-Z|]*/ && index($0, " " $at) < 26) {
			match($at, /^[A-Z|%]*/)
			option = option " " substr($at, 1, RLENGTH)
		}
		print place, option
	}'
}
while read -r command; do
	"$MTAQ" help "$command" | help_options "$command"
done <"$tmp/commands" | sort -u >"$tmp/help-options"

# .It Fl x , Fl -long Ar ARGUMENT in the lists of Commands (below .It Cm COMMAND), Global options and SELECTORS.
awk '
/^\.S[hs] / { place = "" }
/^\.Ss Commands/ { place = "commands" }
/^\.Ss Global options/ { place = "global" }
/^\.Sh SELECTORS/ { place = "selector" }
/^\.Bl / { depth++ }
/^\.El/ { depth-- }
/^\.It Cm / && place == "commands" && depth == 1 { command = $3 }
/^\.It Fl / && place != "" {
	line = place == "commands" ? command : place
	argument = ""
	for (i = 2; i <= NF; i++)
		if ($i ~ /^(Fl|Ar|Ns|Op)$/)
			macro = $i
		else if (macro == "Fl" && $i != ",")
			line = line " -" $i
		else if (macro == "Ar" && argument == "")
			line = line " " (argument = $i)
	print line
}' "$page" | sort -u >"$tmp/man-options"
[ -s "$tmp/help-options" ] && [ -s "$tmp/man-options" ] || bail 'no options found'
none 'every option of help is in the manual' comm -23 "$tmp/help-options" "$tmp/man-options"
none 'every option of the manual is in help' comm -13 "$tmp/help-options" "$tmp/man-options"
documented() {
	sed -n '/^\.Ss Commands/,/^\.S[sh] Global/s/^\.It Cm \([a-z]*\)$/\1/p' "$page" | sort -u >"$tmp/documented"
	sort -u "$tmp/commands" | comm -3 - "$tmp/documented"
}
none 'the same commands' documented
done_testing
