/* Options of a queue specification. */
#include <mtaq/backend.h>

const char *queue_spec_option(const struct queue_spec *s, const char *key)
{
	for (size_t i = 0; i < s->option_count; i++)
		if (strcmp(s->options[i].key, key) == 0)
			return s->options[i].value ? s->options[i].value : "";
	return NULL;
}
