/*
 * The message that a bounce quotes: where its header begins.
 *
 * Contract: pure functions over slices; nothing is decoded or allocated. Knows the parts
 * message/rfc822 and text/rfc822-headers of multipart messages (nested ones too) and qmail's line
 * "--- Below this line is a copy of the message.".
 */
#ifndef MTAQ_FIELD_ORIGINAL_H
#define MTAQ_FIELD_ORIGINAL_H

#include <mtaq/header.h>

/* `content_type`: the value of that field of the bounce (none when it has none). What is returned
 * begins at the first header field of the quoted message and may run past its end; none when
 * nothing is quoted. */
struct slice original_header(struct slice content_type, struct slice body);

#endif
