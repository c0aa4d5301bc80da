/* Any bytes as a status file of sendmail and as records of qmail's tcpto: slices stay inside, and
 * every record has an answer. */
#include <stdlib.h>

#include "../../backends/qmail/internal.h"
#include "../../backends/sendmail/hoststatus.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_inside(struct slice bytes, struct slice s)
{
	check(s.p == NULL || (s.p >= bytes.p && s.p + s.n <= bytes.p + bytes.n));
}

static void feed_status(struct slice bytes)
{
	struct host_status s;
	size_t lines = 1, bad = host_status_parse(bytes, &s);

	for (size_t i = 0; i < bytes.n; i++)
		lines += bytes.p[i] == '\n';
	check(bad <= lines + 1);
	check_inside(bytes, s.dsn);
	check_inside(bytes, s.reply);
}

/* The more time has passed, the sooner a host is tried. */
static void feed_record(const char record[TCPTO_RECORD])
{
	char text[TCPTO_TEXT];
	struct host_note at, later;
	struct tcpto t;

	tcpto_parse(record, &t);
	check(t.failures <= 255 && t.last >= 0 && t.last <= UINT32_MAX);
	tcpto_judge(&t, t.last, text, &at);
	check(at.host.n >= 7 && at.host.n < TCPTO_TEXT);
	check((at.state == HOST_DOWN) == (t.failures >= 2));
	check(at.until <= at.until_latest);
	for (int64_t s = 0; s < 7000; s += 500) {
		tcpto_judge(&t, t.last + s, text, &later);
		check(later.state <= at.state);
		at.state = later.state;
	}
	check(at.state == HOST_TRIED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {size ? (const char *)data : "", size};

	feed_status(bytes);
	for (size_t i = 0; i + TCPTO_RECORD <= size; i += TCPTO_RECORD)
		feed_record(bytes.p + i);
	return 0;
}
