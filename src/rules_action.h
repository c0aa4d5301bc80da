/*
 * What stands after `do`: an action, its target and its options. Private to src/rules*.c.
 */
#ifndef MTAQ_RULES_ACTION_H
#define MTAQ_RULES_ACTION_H

#include "rules_text.h"

/* Read the rest of the line into `rule`; mistakes are told. */
void rules_action(struct rules_text *t, struct rule *rule);

#endif
