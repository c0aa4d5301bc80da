/* The stand-in's configuration: who is local, and how long mail lives. */
#include "sender.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file's text; empty when there is none. */
static char *read_control(const struct sender *s, const char *name)
{
	char path[4096], *text;
	size_t n;
	int fd;

	snprintf(path, sizeof path, "%s/%s", s->control, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	text = fd < 0 ? strdup("") : spool_slurp(fd, &n);
	if (fd >= 0)
		close(fd);
	return text;
}

static void first_line(const struct sender *s, const char *name, const char *otherwise, char *out,
		       size_t size)
{
	char *text = read_control(s, name);

	text[strcspn(text, "\n")] = '\0';
	snprintf(out, size, "%s", text[0] ? text : otherwise);
	free(text);
}

void control_read(struct sender *s)
{
	char number[32], user[256], host[256];

	first_line(s, "me", "standin.example.test", s->me, sizeof s->me);
	first_line(s, "queuelifetime", "604800", number, sizeof number);
	s->lifetime = strtoll(number, NULL, 10);
	first_line(s, "concurrencylocal", "10", number, sizeof number);
	s->room[LOCAL] = strtoul(number, NULL, 10);
	first_line(s, "concurrencyremote", "20", number, sizeof number);
	s->room[REMOTE] = strtoul(number, NULL, 10);
	first_line(s, "doublebounceto", "postmaster", user, sizeof user);
	first_line(s, "doublebouncehost", s->me, host, sizeof host);
	snprintf(s->double_to, sizeof s->double_to, "%s@%s", user, host);
	s->locals = read_control(s, "locals");
	s->virtuals = read_control(s, "virtualdomains");
}

/* The line that begins with `key` and `end`: what follows, up to the end of the line. */
static const char *find_line(const char *lines, const char *key, size_t key_n, char end, size_t *n)
{
	for (const char *p = lines; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t length = strcspn(p, "\n");

		if (length < key_n || strncasecmp(p, key, key_n) != 0)
			continue;
		if (length == key_n ? end != '\n' : p[key_n] != end)
			continue;
		*n = length == key_n ? 0 : length - key_n - 1;
		return p + key_n + 1;
	}
	return NULL;
}

enum channel control_rewrite(const struct sender *s, const char *address, char *out, size_t size)
{
	char with_host[SPOOL_ADDRESS + 300];
	const char *at = strrchr(address, '@'), *prefix;
	size_t n;

	if (!at) {
		snprintf(with_host, sizeof with_host, "%s@%s", address, s->me);
		address = with_host;
		at = strrchr(address, '@');
	}
	snprintf(out, size, "%s", address);
	if (find_line(s->locals, at + 1, strlen(at + 1), '\n', &n))
		return LOCAL;
	prefix = find_line(s->virtuals, at + 1, strlen(at + 1), ':', &n);
	if (!prefix)
		return REMOTE;
	snprintf(out, size, "%.*s-%s", (int)n, prefix, address);
	return LOCAL;
}

const char *control_strip(const struct sender *s, const char *address)
{
	const char *at = strrchr(address, '@'), *prefix;
	size_t n;

	if (!at)
		return address;
	prefix = find_line(s->virtuals, at + 1, strlen(at + 1), ':', &n);
	if (prefix && strncmp(address, prefix, n) == 0 && address[n] == '-')
		return address + n + 1;
	return address;
}
