/* Any bytes as the contents of each of qmail's files: slices stay inside them, and lists within
 * their room. */
#include <stdlib.h>

#include "../../backends/qmail/internal.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_inside(struct slice bytes, struct slice s)
{
	check(s.p == NULL || (s.p >= bytes.p && s.p + s.n <= bytes.p + bytes.n));
}

static void check_list(struct slice bytes, const struct recipient *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_inside(bytes, list[i].address);
}

static void feed_files(struct arena *a, struct slice bytes)
{
	size_t room = record_count(bytes), n = 0;
	struct recipient *list = arena_array(a, room, sizeof *list);
	struct envelope env;
	struct slice sender;

	check(list != NULL);
	info_parse(bytes, &sender);
	check_inside(bytes, sender);
	channel_parse(bytes, CHANNEL_LOCAL, list, &n);
	check(n <= room);
	check_list(bytes, list, n);
	n = 0;
	envelope_parse(bytes, &env, list, &n);
	check(n <= room);
	check_list(bytes, list, n);
	check_inside(bytes, env.sender);
	check_inside(bytes, env.uid);
}

/* The first line is looked up among the routes of the rest. */
static void feed_routes(struct arena *a, struct slice bytes)
{
	struct slice rest = bytes, address;
	struct control_line *list;
	size_t n;

	if (!slice_cut(&rest, '\n', &address) || !rest.p)
		return;
	check(routes_parse(a, rest, &list, &n) == 0);
	check_inside(rest, route_find(list, n, address));
	for (size_t i = 1; i < n; i++)
		check(slice_casecmp(list[i - 1].key, list[i].key) < 0);
}

static void feed_names(struct slice bytes)
{
	struct wanted w;
	uint64_t n;

	if (qmail_name(bytes, &n) == NAME_NUMBER)
		check(id_parse(bytes, "/queue", &w) && w.number == n);
	else
		id_parse(bytes, "/queue", &w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {size ? (const char *)data : "", size};
	struct arena a;

	arena_init(&a, 0);
	feed_files(&a, bytes);
	feed_routes(&a, bytes);
	feed_names(bytes);
	arena_free(&a);
	return 0;
}
