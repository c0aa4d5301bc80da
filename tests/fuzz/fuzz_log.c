/* A log of any bytes: its lines taken apart, and the backend's words in them. */
#include "logline.h"

#include <mtaq/backend.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a line tells lies inside it. */
static void check_inside(struct slice line, struct slice part)
{
	if (part.p && (part.p < line.p || part.p + part.n > line.p + line.n))
		abort();
}

static void take_event(struct log_history *h, struct slice line)
{
	struct log_event e;
	struct log_recipient *r;

	backend_find("qmail")->log_parse(line, &e);
	if (e.kind == LOG_OTHER)
		return;
	check_inside(line, e.delivery);
	check_inside(line, e.address);
	check_inside(line, e.text);
	check_inside(line, e.sender);
	if (e.kind == LOG_NEW || e.kind == LOG_END)
		log_history_clear(h);
	if (e.kind != LOG_START)
		return;
	r = log_history_at(h, e.channel, e.address);
	if (r && log_history_find(h, e.channel, e.address) != r)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of((const char *)data, size), raw;
	struct log_history h = {.whole = false};

	while (slice_cut(&rest, '\n', &raw)) {
		struct log_line l;

		logline_split(raw, &l);
		logline_time(&l);
		check_inside(raw, l.text);
		check_inside(raw, l.stamp);
		if (l.text.p)
			take_event(&h, l.text);
	}
	log_history_clear(&h);
	return 0;
}
