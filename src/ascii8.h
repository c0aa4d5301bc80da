/*
 * Eight bytes at a time: most text of a queue is plain ASCII, and this is how we pass over it
 * quickly.
 *
 * Contract: the word functions answer "is there any such byte", exactly, for any input and byte
 * order.
 */
#ifndef ASCII8_H
#define ASCII8_H

#include <stdint.h>
#include <string.h>

#define ASCII8_EACH(c) (UINT64_C(0x0101010101010101) * (uint64_t)(c))
#define ASCII8_HIGH    ASCII8_EACH(0x80)

static inline uint64_t ascii8_load(const char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof x);
	return x;
}

static inline uint64_t ascii8_has_high(uint64_t x)
{
	return x & ASCII8_HIGH;
}

static inline uint64_t ascii8_has_zero(uint64_t x)
{
	return (x - ASCII8_EACH(1)) & ~x & ASCII8_HIGH;
}

static inline uint64_t ascii8_has(uint64_t x, char c)
{
	return ascii8_has_zero(x ^ ASCII8_EACH((unsigned char)c));
}

/* A byte below `n`, which is at most 128. */
static inline uint64_t ascii8_has_below(uint64_t x, unsigned n)
{
	return (x - ASCII8_EACH(n)) & ~x & ASCII8_HIGH;
}

#endif
