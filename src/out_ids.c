/* --format ids: ids for other programs, one per line or NUL-separated. */
#include "output.h"

static void fields(const struct output *o, void (*add)(void *ctx, enum field_id field), void *ctx)
{
	(void)o;
	add(ctx, FIELD_ID);
}

/* A data file that cannot be looked at is not one that is missing: an id without its time would be
 * taken for that of a damaged message. Why was told already. */
static bool known(const struct message *m)
{
	return !m->queue->backend->script_id || !(m->failed & PART_DATA) ||
	       m->why[PART_DATA_I]->code == ERROR_CORRUPT ||
	       m->why[PART_DATA_I]->code == ERROR_GONE;
}

static int message(const struct output *o, const struct field_context *c, struct buf *out)
{
	struct slice id;

	if (!known(c->message))
		return 0;
	id = output_script_id(c);
	if (!id.p)
		return -1;
	if (o->options.id_end)
		output_line(o, out, id);
	else
		output_raw(o, out, id);
	buf_addc(out, o->options.id_end);
	return 0;
}

const struct output_kind output_ids = {
    .name = "ids",
    .summary = "ids alone, for other programs",
    .fields = fields,
    .message = message,
};
