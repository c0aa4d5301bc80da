/* Steps of a repair as the journal has them: see repairsteps.h. */
#include "repairsteps.h"

#include <mtaq/jsonbytes.h>

static const char *const names[STEP_KINDS] = {
    [STEP_RENAME] = "rename",	[STEP_LINK] = "link",
    [STEP_TRASH] = "trash",	[STEP_UNLINK] = "unlink",
    [STEP_REPLACE] = "replace", [STEP_MAKE] = "make",
    [STEP_BACK] = "back",	[STEP_ATTRIBUTES] = "attributes",
};

const char *step_name(enum step_kind k)
{
	return names[k];
}

json_t *step_stat_json(const struct stat *st)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "dev", (json_int_t)st->st_dev,
			 "ino", (json_int_t)st->st_ino, "mode", (json_int_t)st->st_mode, "uid",
			 (json_int_t)st->st_uid, "gid", (json_int_t)st->st_gid, "size",
			 (json_int_t)st->st_size, "mtime_ns",
			 (json_int_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec);
}

static bool number(const json_t *j, const char *key, json_int_t *out)
{
	const json_t *n = json_object_get(j, key);

	*out = json_integer_value(n);
	return json_is_integer(n);
}

bool step_stat_read(const json_t *j, struct stat *st)
{
	json_int_t dev, ino, mode, uid, gid, size, mtime;

	memset(st, 0, sizeof *st);
	if (!number(j, "dev", &dev) || !number(j, "ino", &ino) || !number(j, "mode", &mode) ||
	    !number(j, "uid", &uid) || !number(j, "gid", &gid) || !number(j, "size", &size) ||
	    !number(j, "mtime_ns", &mtime))
		return false;
	st->st_dev = (dev_t)dev;
	st->st_ino = (ino_t)ino;
	st->st_mode = (mode_t)mode;
	st->st_uid = (uid_t)uid;
	st->st_gid = (gid_t)gid;
	st->st_size = (off_t)size;
	st->st_mtim.tv_sec = (time_t)(mtime / 1000000000);
	st->st_mtim.tv_nsec = (long)(mtime % 1000000000);
	if (st->st_mtim.tv_nsec < 0) {
		st->st_mtim.tv_nsec += 1000000000;
		st->st_mtim.tv_sec--;
	}
	return true;
}

/* Takes `value` over. */
static void put(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

static json_t *step_json(const struct repair_step *s, const struct step_state *state)
{
	json_t *o = json_pack("{s:s, s:o, s:o}", "what", names[s->kind], "dir",
			      json_bytes(s->at.dir), "name", json_bytes(s->at.name));

	if (s->kind != STEP_MAKE && (s->kind != STEP_BACK || state->was.st_ino))
		put(o, "was", step_stat_json(&state->was));
	if (s->to.name.p) {
		put(o, "to_dir", json_bytes(s->to.dir));
		put(o, "to_name", json_bytes(s->to.name));
	}
	if (state->kept[0])
		put(o, "kept", json_bytes(slice_from(state->kept)));
	if (state->made.st_ino)
		put(o, "made", step_stat_json(&state->made));
	if (s->kind == STEP_ATTRIBUTES || s->kind == STEP_MAKE) {
		put(o, "mode", json_integer((json_int_t)s->mode));
		put(o, "uid", json_integer((json_int_t)s->uid));
		put(o, "gid", json_integer((json_int_t)s->gid));
	}
	return o;
}

json_t *steps_json(const struct step_list *l)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < l->count; i++)
		json_array_append_new(list, step_json(&l->steps[i], &l->states[i]));
	return list;
}
