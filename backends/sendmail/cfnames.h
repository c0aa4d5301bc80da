/* Names of sendmail's options, long and of one letter. */
#ifndef SENDMAIL_CFNAMES_H
#define SENDMAIL_CFNAMES_H

#include "cf.h"

/* The option that `name` means: caseless, any abbreviation that no other option shares. CF_OTHER
 * when it is one that nobody here needs, or none, or ambiguous. */
enum cf_option cf_option_named(struct slice name);
enum cf_option cf_option_letter(char letter);

#endif
