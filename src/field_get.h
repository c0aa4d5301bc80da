/*
 * The getters of the field table, one per row of src/field.c.
 *
 * Contract: as struct field.get says. Envelope fields are in field_get.c, those that read header
 * and body in field_text.c.
 */
#ifndef MTAQ_FIELD_GET_H
#define MTAQ_FIELD_GET_H

#include <mtaq/field.h>

typedef enum field_got field_getter(const struct field_context *c, struct field_cursor *at,
				    struct value *out);
typedef const char *field_namer(int64_t i);

/* field_get.c */
field_getter field_get_id, field_get_queue, field_get_mta, field_get_host, field_get_state,
    field_get_locked;
field_getter field_get_arrival, field_get_age, field_get_accepted, field_get_expires,
    field_get_size;
field_getter field_get_sender, field_get_sender_domain, field_get_bounce, field_get_double_bounce;
field_getter field_get_recipient, field_get_recipient_domain, field_get_recipient_all,
    field_get_recipient_done;
field_getter field_get_recipients, field_get_pending, field_get_channel, field_get_route;
field_getter field_get_status, field_get_reply, field_get_dsn;
field_getter field_get_attempts, field_get_last_attempt, field_get_next_attempt;
field_getter field_get_priority, field_get_flags, field_get_body_type, field_get_auth,
    field_get_envid;
field_getter field_get_reason, field_get_version, field_get_macro, field_get_deliver_by;
field_getter field_get_original_recipient, field_get_final_recipient, field_get_controlling_user;
field_getter field_get_control_size, field_get_control_time;
field_namer field_name_mta, field_name_state, field_name_channel;

/* field_text.c */
field_getter field_get_header, field_get_subject, field_get_from, field_get_to, field_get_cc;
field_getter field_get_message_id, field_get_header_raw, field_get_original;
field_getter field_get_body, field_get_reply_in_body;
field_getter field_get_relay_ip, field_get_uid, field_get_submitter;

#endif
