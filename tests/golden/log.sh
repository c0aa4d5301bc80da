#!/bin/sh
# What qmail-send's log tells of the recorded queues, from each carrier, against the reference reading (CASE.truth.json).
. "${top_srcdir:-.}/tests/lib.sh"
command -v jq >/dev/null || skip_all 'no jq'
TZ=UTC
export TZ

here=$top_srcdir/tests/golden
recorded=$top_srcdir/fixtures/qmail
clock=$(fixture_clock qmail)

# query FILTER FILE...: with the definitions of truth.jq.
query() {
	filter=$1
	shift
	jq -S -c --argjson clock "${clock#@}" -L "$here" "include \"truth\"; $filter" "$@"
}

# compare CASE LOG NAME: the queue of CASE with this log.
compare() {
	run "$MTAQ" list --format json --clock "$clock" -q "$(fixture_queue qmail "$1")" --log "$2"
	is "$status $(cat "$err")" '0 ' "$3: all is read"
	query '.[] | truth_log($clock)' "$recorded/$1.truth.json" | sort >"$tmp/wanted"
	query 'ours_log' "$out" | sort >"$tmp/got"
	same "$tmp/got" "$tmp/wanted" "$3"
}

for reference in "$recorded"/*.truth.json; do
	case=$(basename "$reference" .truth.json)
	for carrier in log syslog syslog-iso; do
		[ -f "$recorded/$case.$carrier" ] || continue
		compare "$case" "$recorded/$case.$carrier" "$case.$carrier"
	done
done
tar -C "$tmp" --warning=no-timestamp -xf "$recorded/basic.logdir.tar"
compare basic "$tmp/logdir" 'basic: multilog directory'
cut -d' ' -f2- "$recorded/basic.log" >"$tmp/plain"
done_testing
