/* The files of one message, and its control file as sendmail's lister reads it. */
#include "queue.h"

#include <fcntl.h>

void sendmail_lister_lines(const struct message *m, lister_line_fn *fn, void *ctx)
{
	struct slice rest = m->control_text, line;

	while (qf_lister_line(&rest, &line))
		if (line.n)
			fn(ctx, line.p[0], slice_skip(line, 1));
}

/* Tell of dir/prefix+id if it is there. */
static void tell(const struct message *m, int fd, struct slice dir, const char *sub,
		 const char *prefix, const char *role,
		 void (*fn)(void *ctx, const char *role, const char *path), void *ctx)
{
	struct slice name =
	    arena_printf(m->arena, "%s%s%" SLICE_FMT, sub, prefix, SLICE_ARG(m->id));
	struct slice path = arena_printf(m->arena, "%" SLICE_FMT "/%s%" SLICE_FMT, SLICE_ARG(dir),
					 prefix, SLICE_ARG(m->id));
	struct stat st;

	if (name.p && path.p && fstatat(fd, name.p, &st, AT_SYMLINK_NOFOLLOW) == 0)
		fn(ctx, role, path.p);
}

void sendmail_files(const struct message *m,
		    void (*fn)(void *ctx, const char *role, const char *path), void *ctx)
{
	const struct sendmail_unit *u = sendmail_unit(m->entry.unit), *data = sendmail_data_unit(m);
	const char prefix[] = {m->entry.name.p[0], 'f', '\0'};

	tell(m, u->qf_fd, u->qf, "", prefix, "control", fn, ctx);
	tell(m, u->qf_fd, u->qf, "", "tf", "temporary", fn, ctx);
	tell(m, u->qf_fd, u->qf, "", "Tf", "temporary", fn, ctx);
	if (data)
		tell(m, data->df_fd, data->df, "", "df", "data", fn, ctx);
	tell(m, u->dir_fd, u->xf, u->has_xf ? "xf/" : "", "xf", "transcript", fn, ctx);
}

int sendmail_open_data(const struct message *m, bool *whole, struct error *err)
{
	const struct sendmail_unit *u = sendmail_data_unit(m);
	struct slice path, name;

	*whole = false;
	if (!u)
		u = sendmail_unit(m->entry.unit);
	path = arena_printf(m->arena, "%s/df%" SLICE_FMT, u->df.p, SLICE_ARG(m->id));
	if (!path.p)
		return error_set(err, ERROR_LIMIT, "out of memory");
	name = slice_skip(path, u->df.n + 1);
	return sys_open_file(u->df_fd, name.p, SYS_READ, path.p, NULL, err);
}
