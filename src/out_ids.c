/* --format ids: ids for other programs, one per line or NUL-separated. */
#include "output.h"

static void fields(const struct output *o, void (*add)(void *ctx, enum field_id field), void *ctx)
{
	(void)o;
	add(ctx, FIELD_ID);
}

static int message(const struct output *o, const struct field_context *c, struct buf *out)
{
	struct slice id = output_script_id(c);

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
