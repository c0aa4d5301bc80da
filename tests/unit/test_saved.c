/* Notes of saved messages: what is written is read back; what a stranger wrote is checked. */
#include "unit/cmocka_all.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/limits.h>
#include <mtaq/saved.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct backend backend = {.name = "sendmail"};
static const struct queue queue = {.backend = &backend, .name = "sendmail:/q\xff", .dir = "/q\xff"};
static const struct unit unit = {.queue = &queue, .path = "/q\xff/q1"};

struct world {
	char path[32];
	int fd;
	struct arena a;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	strcpy(w->path, "/tmp/mtaq-saved.XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->fd = open(w->path, O_RDONLY | O_DIRECTORY);
	assert_true(w->fd >= 0);
	arena_init(&w->a, 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	DIR *d = opendir(w->path);
	struct dirent *e;

	while ((e = readdir(d)) != NULL)
		unlinkat(w->fd, e->d_name, 0);
	closedir(d);
	close(w->fd);
	rmdir(w->path);
	arena_free(&w->a);
	free(w);
	return 0;
}

static void put(struct world *w, const char *name, const char *text)
{
	int fd = openat(w->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static size_t entries(const struct world *w)
{
	DIR *d = opendir(w->path);
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* A note for "qfA1" and "df\xffA1" of 4 and 7 bytes. */
static json_t *make_note(struct world *w)
{
	const struct action a = {.queue = &queue, .run_id = "20261120T000000Z-1"};
	const struct plan_item item = {.id = SLICE("A1")};
	struct held h = {.item = &item};
	struct error err = ERROR_INIT;
	struct stat st;
	json_t *note;

	h.message.entry.unit = &unit;
	h.message.state = STATE_HELD;
	h.message.sender = SLICE("a\xfe@example.com");
	note = saved_note(&a, &h);
	assert_non_null(note);
	put(w, "qfA1", "V8\n.");
	put(w,
	    "df\xff"
	    "A1",
	    "body...");
	assert_int_equal(fstatat(w->fd, "qfA1", &st, 0), 0);
	assert_int_equal(
	    saved_note_file(note, "control", SLICE("qfA1"), SLICE("qf/qfA1"), &st, &err), 0);
	assert_int_equal(fstatat(w->fd,
				 "df\xff"
				 "A1",
				 &st, 0),
			 0);
	st.st_mode = S_IFREG | 0640;
	st.st_uid = 0x80000001;
	st.st_mtim = (struct timespec){-5, 7};
	assert_int_equal(saved_note_file(note, "data",
					 SLICE("df\xff"
					       "A1"),
					 SLICE("df\xff"
					       "A1"),
					 &st, &err),
			 0);
	return note;
}

static void test_round_trip(void **state)
{
	struct world *w = *state;
	json_t *note = make_note(w), *back;
	struct error err = ERROR_INIT;
	struct saved_file f;

	assert_int_equal(saved_write_note(w->fd, note, &err), 0);
	back = saved_read_note(w->fd, SLICE("A1"), &err);
	assert_non_null(back);
	assert_true(json_equal(note, back));
	assert_true(
	    slice_eq(json_bytes_get(json_object_get(back, "dir"), &w->a), SLICE("/q\xff/q1")));
	assert_true(saved_file_by_role(back, "data", &w->a, &f));
	assert_string_equal(f.name.p, "df\xff"
				      "A1");
	assert_true(f.size == 7 && f.mode == 0640 && f.uid == 0x80000001);
	assert_true(f.mtime_ns == -5000000000 + 7);
	assert_false(saved_file_by_role(back, "transcript", &w->a, &f));
	assert_false(saved_file(back, 2, &w->a, &f));
	json_decref(back);
	/* again: the note is replaced, no temporary is left */
	assert_int_equal(saved_write_note(w->fd, note, &err), 0);
	assert_int_equal(entries(w), 3);
	json_decref(note);
}

/* Several at once: none has its name before it is published, and none is left of what is not. */
static void test_pending(void **state)
{
	struct world *w = *state;
	json_t *note = make_note(w);
	struct error err = ERROR_INIT;
	struct saved_pending p[3];
	size_t before = entries(w);

	for (unsigned i = 0; i < 3; i++) {
		const char id[] = {'B', (char)('0' + i), '\0'};

		json_object_set_new(note, "id", json_string(id));
		assert_int_equal(saved_prepare_note(w->fd, note, i, &p[i], &err), 0);
		saved_begin_sync(&p[i]);
	}
	assert_int_equal(entries(w), before + 3);
	assert_null(saved_read_note(w->fd, SLICE("B0"), NULL));
	assert_int_equal(saved_publish_note(&p[1], &err), 0);
	saved_discard_note(&p[0]);
	saved_discard_note(&p[2]);
	assert_int_equal(entries(w), before + 1);
	json_decref(note);
	note = saved_read_note(w->fd, SLICE("B1"), &err);
	assert_non_null(note);
	json_decref(note);
	assert_int_equal(p[1].fd, -1);
}

static void test_complete(void **state)
{
	struct world *w = *state;
	json_t *note = make_note(w);
	struct error err = ERROR_INIT;

	assert_int_equal(saved_check_complete(w->fd, note, &err), 0);
	put(w, "qfA1", "V8\n");
	assert_int_equal(saved_check_complete(w->fd, note, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_int_equal(unlinkat(w->fd, "qfA1", 0), 0);
	err = ERROR_INIT;
	assert_int_equal(saved_check_complete(w->fd, note, &err), -1);
	assert_int_equal(err.code, ERROR_GONE);
	assert_int_equal(symlinkat("df\xff"
				   "A1",
				   w->fd, "qfA1"),
			 0);
	err = ERROR_INIT;
	assert_int_equal(saved_check_complete(w->fd, note, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	json_decref(note);
}

static void test_remove(void **state)
{
	struct world *w = *state;
	json_t *note = make_note(w);
	struct error err = ERROR_INIT;

	put(w, "other", "stays");
	assert_int_equal(saved_write_note(w->fd, note, &err), 0);
	assert_int_equal(unlinkat(w->fd, "qfA1", 0), 0);
	assert_int_equal(saved_remove(w->fd, note, &err), 0);
	assert_int_equal(entries(w), 1);
	/* once more: nothing there is no error */
	assert_int_equal(saved_remove(w->fd, note, &err), 0);
	json_decref(note);
}

#define NOTE(id, file)                                                                             \
	"{\"mtaq\":1,\"mta\":\"qmail\",\"queue\":\"q\",\"dir\":\"d\",\"id\":" id                   \
	",\"state\":\"queued\",\"run\":\"r\",\"time\":1,\"sender\":null,\"files\":[" file "]}"
#define FILE_OF(name, place, size)                                                                 \
	"{\"role\":\"mess\",\"name\":" name ",\"place\":" place ",\"size\":" size                  \
	",\"mode\":420,\"uid\":0,\"gid\":0,\"atime_ns\":0,\"mtime_ns\":0}"
#define GOOD FILE_OF("\"f\"", "\"mess/3/f\"", "1")

static const struct {
	const char *text;
	enum error_code code;
} notes[] = {
    {NOTE("\"A1\"", GOOD), ERROR_NONE},
    {"", ERROR_CORRUPT},
    {"{", ERROR_CORRUPT},
    {"[]", ERROR_CORRUPT},
    {"{\"mtaq\":1,\"mtaq\":1}", ERROR_CORRUPT},
    {NOTE("\"A2\"", GOOD), ERROR_CORRUPT},
    {NOTE("7", GOOD), ERROR_CORRUPT},
    {NOTE("\"A1\"", ""), ERROR_CORRUPT},
    {NOTE("\"A1\"", "7"), ERROR_CORRUPT},
    {NOTE("\"A1\"", GOOD ",{}"), ERROR_CORRUPT},
    {NOTE("\"A1\"", FILE_OF("\"../f\"", "\"f\"", "1")), ERROR_CORRUPT},
    {NOTE("\"A1\"", FILE_OF("\"..\"", "\"f\"", "1")), ERROR_CORRUPT},
    {NOTE("\"A1\"", FILE_OF("\"\"", "\"f\"", "1")), ERROR_CORRUPT},
    {NOTE("\"A1\"", FILE_OF("\"f\\u0000g\"", "\"f\"", "1")), ERROR_CORRUPT},
    {NOTE("\"A1\"", FILE_OF("{\"hex\":\"2f\"}", "\"f\"", "1")), ERROR_CORRUPT},
    {NOTE("\"A1\"", FILE_OF("{\"hex\":\"2\"}", "\"f\"", "1")), ERROR_CORRUPT},
    {NOTE("\"A1\"", FILE_OF("\"f\"", "\"/f\"", "1")), ERROR_CORRUPT},
    {NOTE("\"A1\"", FILE_OF("\"f\"", "\"a/../f\"", "1")), ERROR_CORRUPT},
    {NOTE("\"A1\"", FILE_OF("\"f\"", "\"a//f\"", "1")), ERROR_CORRUPT},
    {NOTE("\"A1\"", FILE_OF("\"f\"", "\"f\"", "-1")), ERROR_CORRUPT},
    {NOTE("\"A1\"", FILE_OF("\"f\"", "\"f\"", "\"1\"")), ERROR_CORRUPT},
};

static void test_notes_of_strangers(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
		struct error err = ERROR_INIT;
		json_t *note;

		put(w, "A1.json", notes[i].text);
		note = saved_read_note(w->fd, SLICE("A1"), &err);
		if (err.code != notes[i].code)
			fail_msg("note %zu: %s", i, error_name(err.code));
		assert_int_equal(note != NULL, err.code == ERROR_NONE);
		json_decref(note);
	}
}

static void test_ids_of_strangers(void **state)
{
	struct world *w = *state;
	char longest[LIMIT_NAME_BYTES + 1];
	const struct {
		struct slice id;
		enum error_code code;
	} rows[] = {
	    {SLICE("nothing"), ERROR_GONE},
	    {SLICE(""), ERROR_CORRUPT},
	    {SLICE("../A1"), ERROR_CORRUPT},
	    {SLICE("a\0b"), ERROR_CORRUPT},
	    {SLICE("."), ERROR_CORRUPT},
	    {SLICE("fifo"), ERROR_CORRUPT},
	    {SLICE("link"), ERROR_CORRUPT},
	    {slice_of(longest, 250), ERROR_GONE},
	    {slice_of(longest, 251), ERROR_CORRUPT},
	};

	memset(longest, 'x', sizeof longest);
	put(w, "A1.json", NOTE("\"A1\"", GOOD));
	assert_int_equal(mkfifoat(w->fd, "fifo.json", 0600), 0);
	assert_int_equal(symlinkat("A1.json", w->fd, "link.json"), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error err = ERROR_INIT;

		assert_null(saved_read_note(w->fd, rows[i].id, &err));
		if (err.code != rows[i].code)
			fail_msg("id %zu: %s", i, error_name(err.code));
	}
}

/* LIMIT_NOTE_BYTES: neither written nor read past it. */
static void test_limit(void **state)
{
	struct world *w = *state;
	json_t *note = make_note(w);
	struct error err = ERROR_INIT;
	char *large = malloc(LIMIT_NOTE_BYTES + 2);

	memset(large, ' ', LIMIT_NOTE_BYTES + 1);
	large[LIMIT_NOTE_BYTES + 1] = '\0';
	json_object_set_new(note, "sender", json_string(large));
	assert_int_equal(saved_write_note(w->fd, note, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(entries(w), 2);
	put(w, "A1.json", large);
	err = ERROR_INIT;
	assert_null(saved_read_note(w->fd, SLICE("A1"), &err));
	assert_int_equal(err.code, ERROR_LIMIT);
	json_decref(note);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_pending, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_complete, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_remove, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_notes_of_strangers, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_ids_of_strangers, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
