/*
 * Ids on the command line and on standard input, looked up in the queues.
 */
#ifndef MTAQ_IDS_H
#define MTAQ_IDS_H

#include "selection.h"

/* Take ALL, "-" and ids from run->words; look each up in every queue of the selection. An id that
 * is nowhere is told and makes the status STATUS_SOME. False when the run is to end. */
bool ids_resolve(struct selection *s);

#endif
