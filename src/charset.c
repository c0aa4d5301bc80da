/* Character sets of mail, converted by iconv(3): see charset.h. */
#include "charset.h"

#include <mtaq/text.h>

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

#define REPLACEMENT SLICE("\xef\xbf\xbd")

/* `to` is what iconv is asked for, NULL for the name itself. Names that are used for more than they
 * say are read as the set that they are used for. */
static const struct {
	const char *name, *to;
} charsets[] = {
    {"UTF-8", NULL},
    {"UTF8", "UTF-8"},
    {"US-ASCII", "UTF-8"},
    {"ASCII", "UTF-8"},
    {"ANSI-X3.4-1968", "UTF-8"},
    {"UTF-7", NULL},
    {"ISO-8859-1", NULL},
    {"LATIN1", "ISO-8859-1"},
    {"ISO-8859-2", NULL},
    {"LATIN2", "ISO-8859-2"},
    {"ISO-8859-3", NULL},
    {"ISO-8859-4", NULL},
    {"ISO-8859-5", NULL},
    {"ISO-8859-6", NULL},
    {"ISO-8859-7", NULL},
    {"ISO-8859-8", NULL},
    {"ISO-8859-8-I", "ISO-8859-8"},
    {"ISO-8859-9", NULL},
    {"ISO-8859-10", NULL},
    {"ISO-8859-11", NULL},
    {"ISO-8859-13", NULL},
    {"ISO-8859-14", NULL},
    {"ISO-8859-15", NULL},
    {"LATIN-9", "ISO-8859-15"},
    {"ISO-8859-16", NULL},
    {"CP437", NULL},
    {"CP737", NULL},
    {"CP775", NULL},
    {"CP850", NULL},
    {"CP852", NULL},
    {"CP855", NULL},
    {"CP857", NULL},
    {"CP858", NULL},
    {"CP862", NULL},
    {"CP864", NULL},
    {"CP866", NULL},
    {"CP874", NULL},
    {"CP1250", NULL},
    {"CP1251", NULL},
    {"CP1252", NULL},
    {"CP1253", NULL},
    {"CP1254", NULL},
    {"CP1255", NULL},
    {"CP1256", NULL},
    {"CP1257", NULL},
    {"CP1258", NULL},
    {"KOI8-R", NULL},
    {"KOI8-U", NULL},
    {"TIS-620", NULL},
    {"VISCII", NULL},
    {"MACINTOSH", NULL},
    {"MAC-ROMAN", "MACINTOSH"},
    {"MAC-CYRILLIC", NULL},
    {"ISO-2022-JP", NULL},
    {"ISO-2022-JP-1", NULL},
    {"ISO-2022-JP-2", NULL},
    {"EUC-JP", NULL},
    {"SHIFT-JIS", "CP932"},
    {"SJIS", "CP932"},
    {"MS-KANJI", "CP932"},
    {"CP932", NULL},
    {"CP31J", "CP932"},
    {"ISO-2022-KR", NULL},
    {"EUC-KR", "CP949"},
    {"KS-C-5601-1987", "CP949"},
    {"KSC5601", "CP949"},
    {"CP949", NULL},
    {"GB2312", "GB18030"},
    {"EUC-CN", "GB18030"},
    {"GBK", "GB18030"},
    {"CP936", "GB18030"},
    {"GB18030", NULL},
    {"HZ-GB-2312", "HZ"},
    {"BIG5", "CP950"},
    {"CP950", NULL},
    {"BIG5-HKSCS", NULL},
    {"EUC-TW", NULL},
};

enum { CHARSETS = sizeof charsets / sizeof charsets[0], NAME_ROOM = 24 };

struct charset_cache {
	struct {
		enum { UNTRIED = 0, OPEN, MISSING } state;
		iconv_t cd;
	} entries[CHARSETS];
};

struct charset_cache *charset_cache_new(void)
{
	return calloc(1, sizeof(struct charset_cache));
}

void charset_cache_free(struct charset_cache *c)
{
	for (size_t i = 0; c && i < CHARSETS; i++) {
		if (c->entries[i].state == OPEN)
			iconv_close(c->entries[i].cd);
	}
	free(c);
}

void charset_out_init(struct charset_out *o, struct arena *a, size_t room, size_t limit)
{
	if (room > limit)
		room = limit;
	*o = (struct charset_out){
	    .arena = a, .p = arena_alloc(a, room), .room = room, .limit = limit};
	o->failed = !o->p;
}

/* Room for `n` more bytes, or false with full or failed set. */
static bool out_room(struct charset_out *o, size_t n)
{
	size_t room = o->room;
	char *p;

	if (o->full || o->failed || n <= o->room - o->n)
		return !o->full && !o->failed;
	if (n > o->limit - o->n) {
		o->full = true;
		return false;
	}
	while (room - o->n < n)
		room = room > o->limit / 2 ? o->limit : room * 2 + 1;
	p = arena_grow(o->arena, o->p, o->room, room);
	if (!p) {
		o->failed = true;
		return false;
	}
	o->p = p;
	o->room = room;
	return true;
}

/* The first `n` bytes, or one to three less so that no character is cut. */
static struct slice take_characters(struct slice s, size_t n)
{
	size_t cut = n, used;

	if (s.n <= n)
		return s;
	while (cut > 0 && n - cut < 3 && ((unsigned char)s.p[cut] & 0xc0) == 0x80)
		cut--;
	utf8_decode(slice_skip(s, cut), &used);
	return slice_take(s, cut + used > n ? cut : n);
}

void charset_out_add(struct charset_out *o, struct slice s)
{
	if (!o->full && !o->failed && s.n > o->limit - o->n) {
		charset_out_add(o, take_characters(s, o->limit - o->n));
		o->full = true;
	} else if (s.n && out_room(o, s.n)) {
		memcpy(o->p + o->n, s.p, s.n);
		o->n += s.n;
	}
}

/* Upper case, "-" for "_", the usual prefixes as the table has them. False when it cannot be in the
 * table. */
static bool canonical(struct slice name, char out[NAME_ROOM])
{
	static const struct {
		struct slice from, to;
	} prefixes[] = {{SLICE("x-"), SLICE("")},
			{SLICE("windows-"), SLICE("CP")},
			{SLICE("ibm"), SLICE("CP")},
			{SLICE("iso8859-"), SLICE("ISO-8859-")}};
	struct slice head = SLICE("");

	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		if (slice_caseeq(slice_take(name, prefixes[i].from.n), prefixes[i].from)) {
			head = prefixes[i].to;
			name = slice_skip(name, prefixes[i].from.n);
			break;
		}
	}
	if (head.n + name.n >= NAME_ROOM)
		return false;
	memcpy(out, head.p, head.n);
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - ('a' - 'A'));
		out[head.n + i] = c == '_' ? '-' : c;
	}
	out[head.n + name.n] = '\0';
	return true;
}

/* The row that a row's `to` names, or itself: one descriptor for all names of a set. */
static int resolve(int row)
{
	if (!charsets[row].to)
		return row;
	for (int i = 0; i < CHARSETS; i++) {
		if (!charsets[i].to && strcmp(charsets[i].name, charsets[row].to) == 0)
			return i;
	}
	return row;
}

int charset_find(struct slice name)
{
	char wanted[NAME_ROOM];

	if (slice_chr(name, '\0') != SIZE_MAX || !canonical(name, wanted))
		return -1;
	for (int i = 0; i < CHARSETS; i++) {
		if (strcmp(charsets[i].name, wanted) == 0)
			return resolve(i);
	}
	return -1;
}

/* The first row: no work for iconv. */
static bool is_utf8(int charset)
{
	return charset == 0;
}

int charset_ready(struct charset_cache *c, int charset)
{
	const char *to;
	iconv_t cd;

	if (is_utf8(charset))
		return 1;
	if (!c)
		return -1;
	if (c->entries[charset].state != UNTRIED)
		return c->entries[charset].state == OPEN;
	to = charsets[charset].to;
	cd = iconv_open("UTF-8", to ? to : charsets[charset].name);
	if (cd == (iconv_t)-1) {
		if (errno != EINVAL)
			return -1;
		c->entries[charset].state = MISSING;
		return 0;
	}
	c->entries[charset].cd = cd;
	c->entries[charset].state = OPEN;
	return 1;
}

/* One call of iconv with room for some characters at least. True: all of it is done; else *why says
 * what stopped it. */
static bool convert_some(iconv_t cd, char **in, size_t *left, struct charset_out *o, int *why)
{
	char *to = o->p + o->n;
	size_t room = o->room - o->n, got;

	got = iconv(cd, in, left, &to, &room);
	*why = errno;
	o->n = o->room - room;
	return got != (size_t)-1;
}

void charset_convert(struct charset_cache *c, int charset, struct slice s, struct charset_out *o)
{
	const size_t character = 16;
	char *in = (char *)s.p;
	size_t left = s.n;
	int why = 0;
	iconv_t cd;

	if (is_utf8(charset)) {
		struct slice valid = utf8_sanitise(o->arena, s);

		o->failed |= !valid.p;
		charset_out_add(o, valid);
		return;
	}
	cd = c->entries[charset].cd;
	iconv(cd, NULL, NULL, NULL, NULL);
	while (out_room(o, character) && !convert_some(cd, &in, &left, o, &why)) {
		if (why == E2BIG) {
			/* More room than there was, and it goes on where it stopped. */
			out_room(o, o->room - o->n + character);
			continue;
		}
		charset_out_add(o, REPLACEMENT);
		if (why == EINVAL || left == 0)
			break;
		in++;
		left--;
	}
	if (out_room(o, character))
		convert_some(cd, NULL, NULL, o, &why);
}
