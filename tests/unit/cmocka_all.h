/* cmocka needs these first, in this order (1.1 and 2.x). */
#ifndef TESTS_CMOCKA_ALL_H
#define TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

/* One test of a program, or those that a wildcard means: MTAQ_TEST_FILTER=test_drop_*. */
__attribute__((constructor)) static inline void choose_tests(void)
{
	const char *chosen = getenv("MTAQ_TEST_FILTER");

	if (chosen)
		cmocka_set_test_filter(chosen);
}

/* "DIR/mtaq-WHAT.XXXXXX" for mkdtemp, in TMPDIR where that is short enough. */
static inline void scratch_name(char *out, size_t size, const char *what)
{
	const char *dir = getenv("TMPDIR");
	int n = snprintf(out, size, "%s/mtaq-%s.XXXXXX", dir ? dir : "/tmp", what);

	if (n < 0 || (size_t)n >= size)
		snprintf(out, size, "/tmp/mtaq-%s.XXXXXX", what);
}

#endif
