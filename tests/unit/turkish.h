/*
 * A Turkish locale, where the capital of i is not I: for tests that nothing of ours depends on the
 * locale.
 *
 * Contract: turkish_begin() is false, and has said why as a TAP comment, when there is none and
 * none can be made. turkish_end() follows in either case.
 */
#ifndef TESTS_TURKISH_H
#define TESTS_TURKISH_H

#include <ctype.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct turkish {
	char dir[64]; /* of the locale that was made; "" for one of the system's */
};

static inline bool turkish_make(struct turkish *t)
{
	char command[256];

	snprintf(t->dir, sizeof t->dir, "/tmp/mtaq-locale-XXXXXX");
	if (!mkdtemp(t->dir)) {
		t->dir[0] = '\0';
		return false;
	}
	/* Its exit status is 1 for mere warnings: whether it worked is seen by setlocale. */
	snprintf(command, sizeof command,
		 "PATH=$PATH:/usr/sbin:/usr/bin localedef -i tr_TR -f ISO-8859-9 %s/tr_TR "
		 ">/dev/null 2>&1 || :",
		 t->dir);
	if (system(command) != 0)
		return false;
	setenv("LOCPATH", t->dir, 1);
	return setlocale(LC_ALL, "tr_TR") != NULL;
}

static inline bool turkish_begin(struct turkish *t)
{
	t->dir[0] = '\0';
	/* An 8-bit one first: there the ctype functions themselves are Turkish. */
	if ((setlocale(LC_ALL, "tr_TR") && toupper('i') != 'I') || turkish_make(t) ||
	    setlocale(LC_ALL, "tr_TR.UTF-8"))
		return true;
	printf("# SKIP no Turkish locale here, and localedef cannot make one\n");
	return false;
}

static inline void turkish_end(struct turkish *t)
{
	char command[128];

	setlocale(LC_ALL, "C");
	unsetenv("LOCPATH");
	if (!t->dir[0])
		return;
	snprintf(command, sizeof command, "rm -rf %s", t->dir);
	if (system(command) != 0)
		printf("# %s is left behind\n", t->dir);
}

#endif
