/*
 * One apply at a time: a lock beside the journals.
 */
#ifndef MTAQ_APPLYLOCK_H
#define MTAQ_APPLYLOCK_H

#include "run.h"

/* False, and told, when another one has it (75) or it cannot be made (73). */
bool apply_lock(struct run *run, int *fd);
void apply_unlock(int fd);

#endif
