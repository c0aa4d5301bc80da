/* Any bytes as a journal: what is taken for one has numbered intents, one result each, and is the
 * same when it is read again without what was cut off. */
#include "journal_read.h"
#include "runid.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_records(const struct journal_file *f)
{
	size_t total = 0;

	for (int r = 0; r < RESULT_COUNT; r++)
		total += f->results[r];
	check(total == f->count);
	for (size_t i = 0; i < f->count; i++) {
		struct error err = ERROR_INIT;
		json_t *line = journal_line(f->records[i].intent, &err);

		check(json_integer_value(json_object_get(line, "n")) == (json_int_t)i + 1);
		check((f->records[i].outcome.p != NULL) == (f->records[i].result != RESULT_NONE));
		json_decref(line);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct journal_file f, again;
	struct error err = ERROR_INIT;

	if (journal_parse(text, &f, &err) == 0) {
		check(run_id_valid(slice_from(f.run)));
		check_records(&f);
		while (text.n && text.p[text.n - 1] != '\n')
			text.n--;
		check(journal_parse(text, &again, &err) == 0 && again.count == f.count);
		journal_file_free(&again);
	} else {
		/* GONE: it has no beginning */
		check(err.code == ERROR_CORRUPT || err.code == ERROR_LIMIT ||
		      err.code == ERROR_GONE);
	}
	journal_file_free(&f);
	return 0;
}
