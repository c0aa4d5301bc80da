/* mtaq queues: what was found, and with -v why, with lifetimes and running daemons. */
#include "cmd.h"
#include "queues.h"

static void add_fact(void *ctx, const char *key, const char *value, const char *why)
{
	struct buf *b = ctx;

	buf_printf(b, "  %-19s ", key);
	text_escape(b, slice_from(value));
	if (why) {
		buf_adds(b, "  (");
		text_escape(b, slice_from(why));
		buf_addc(b, ')');
	}
	buf_addc(b, '\n');
}

static void add_queue_text(struct buf *b, const struct queue *q, bool verbose)
{
	text_escape(b, slice_from(q->name));
	buf_addc(b, '\n');
	if (!verbose)
		return;
	q->backend->describe(q, add_fact, b);
}

static void queues_run(struct run *run, const void *options)
{
	struct queue_list l;
	struct buf b;

	(void)options;
	buf_init(&b);
	queues_open(run, &l);
	for (size_t i = 0; i < l.count; i++)
		add_queue_text(&b, l.list[i], run->globals.verbose > 0);
	run_out(run, buf_slice(&b));
	buf_free(&b);
	queues_close(&l);
}

const struct command command_queues = {
    .name = "queues",
    .summary = "list the queues; -v: why, their directories, lifetimes and daemons",
    .args = "",
    .run = queues_run,
};
