/* Options that every command understands, and the selectors. */
#include "run.h"

const struct option_row global_options[] = {
    {'q', "queue", "QUEUE", OPTION_LIST, offsetof(struct globals, queues),
     "[sendmail:|qmail:]DIR[,key=value...]; repeatable"},
    {'C', "config", "FILE", OPTION_TEXT, offsetof(struct globals, config),
     "a sendmail.cf in place of the host's"},
    {0, "log", "FILE", OPTION_LIST, offsetof(struct globals, logs),
     "the log of a queue's MTA: a file or a directory of multilog; repeatable"},
    {0, "jobs", "N", OPTION_NUMBER, offsetof(struct globals, jobs), "threads (8)"},
    {0, "clock", "TIME", OPTION_TIME, offsetof(struct globals, clock), "pretend that it is TIME"},
    {0, "journal", "DIR", OPTION_TEXT, offsetof(struct globals, journal),
     "where acting commands keep their journal (/var/lib/mtaq/journal)"},
    {0, "trash", "DIR", OPTION_TEXT, offsetof(struct globals, trash),
     "the trash (beside each queue's spool)"},
    {0, "color", "WHEN", OPTION_TEXT, offsetof(struct globals, color), "auto, always or never"},
    {'v', "verbose", NULL, OPTION_COUNT, offsetof(struct globals, verbose), "tell more"},
    {0, "quiet", NULL, OPTION_FLAG, offsetof(struct globals, quiet), "no notes, only errors"},
    {'h', "help", NULL, OPTION_FLAG, offsetof(struct globals, help),
     "tell how the command is used"},
    {0, "version", NULL, OPTION_FLAG, offsetof(struct globals, version), "print the version"},
    {0},
};

const struct option_row selector_options[] = {
    {'e', "expression", "EXPR", OPTION_LIST, offsetof(struct selectors, expressions),
     "those for which EXPR is true, see mtaq-filter(7); repeatable, all must be"},
    {'f', "sender", "WHO", OPTION_LIST, offsetof(struct selectors, senders),
     "from WHO: address, @domain, <> or /regex/; several: any of them"},
    {'r', "recipient", "WHO", OPTION_LIST, offsetof(struct selectors, recipients),
     "to WHO (pending recipients); several: any of them"},
    {'o', "older", "AGE", OPTION_DURATION, offsetof(struct selectors, older),
     "older than AGE (90s 15m 4h 2d 1w)"},
    {'y', "younger", "AGE", OPTION_DURATION, offsetof(struct selectors, younger),
     "younger than AGE"},
    {0, "limit", "N", OPTION_NUMBER, offsetof(struct selectors, limit), "the first N only"},
    {0},
};
