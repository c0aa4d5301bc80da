/* A growing output buffer. Its size is this program's own doing, so running out of memory ends the
 * program. */
#include <mtaq/text.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FIRST_ROOM = 256, EXIT_SYSTEM = 71 };

/* Any thread may come here: no stdio lock is taken, no exit handler runs. */
static _Noreturn void die(void)
{
	static const char text[] = "mtaq: out of memory\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);

	(void)ignored;
	_exit(EXIT_SYSTEM);
}

void buf_init(struct buf *b)
{
	*b = (struct buf){0};
}

void buf_free(struct buf *b)
{
	free(b->p);
	buf_init(b);
}

void buf_clear(struct buf *b)
{
	b->n = 0;
}

static void grow(struct buf *b, size_t need)
{
	size_t room = b->room < FIRST_ROOM ? FIRST_ROOM : b->room;

	while (room < need)
		room = room > SIZE_MAX / 2 ? need : room * 2;
	b->p = realloc(b->p, room);
	if (!b->p)
		die();
	b->room = room;
}

char *buf_room(struct buf *b, size_t n)
{
	if (n > SIZE_MAX - b->n)
		die();
	if (!b->p || b->n + n > b->room)
		grow(b, b->n + n);
	return b->p + b->n;
}

void buf_add(struct buf *b, struct slice s)
{
	if (!s.n)
		return;
	memcpy(buf_room(b, s.n), s.p, s.n);
	b->n += s.n;
}

void buf_addc(struct buf *b, char c)
{
	*buf_room(b, 1) = c;
	b->n++;
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, slice_from(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	size_t room;
	int n;

	buf_room(b, 1);
	room = b->room - b->n;
	va_start(ap, fmt);
	n = vsnprintf(b->p + b->n, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= room) {
		char *p = buf_room(b, (size_t)n + 1);

		va_start(ap, fmt);
		vsnprintf(p, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	b->n += (size_t)n;
}

void buf_pad(struct buf *b, char c, size_t n)
{
	memset(buf_room(b, n), c, n);
	b->n += n;
}

struct slice buf_slice(const struct buf *b)
{
	return slice_of(b->p ? b->p : "", b->n);
}
