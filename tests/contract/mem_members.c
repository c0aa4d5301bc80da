/* Which members of a scripted message belong to which field: see backend_mem.h. */
#include "contract/backend_mem.h"

static void take_times(struct message *m, const struct message *is, enum field_id f)
{
	switch (f) {
	case FIELD_ARRIVAL:
		m->arrival = is->arrival;
		break;
	case FIELD_ACCEPTED:
		m->accepted = is->accepted;
		break;
	case FIELD_EXPIRES:
		m->expires = is->expires;
		break;
	case FIELD_LAST_ATTEMPT:
		m->last_attempt = is->last_attempt;
		break;
	case FIELD_NEXT_ATTEMPT:
		m->next_attempt = is->next_attempt;
		break;
	default:
		break;
	}
}

static void take_numbers(struct message *m, const struct message *is, enum field_id f)
{
	switch (f) {
	case FIELD_SIZE:
		m->size = is->size;
		break;
	case FIELD_ATTEMPTS:
		m->attempts = is->attempts;
		break;
	case FIELD_PRIORITY:
		m->priority = is->priority;
		break;
	case FIELD_VERSION:
		m->version = is->version;
		break;
	case FIELD_LOCKED:
		m->locked = is->locked;
		break;
	case FIELD_CONTROL_SIZE:
		m->identity.control_size = is->identity.control_size;
		break;
	case FIELD_CONTROL_TIME:
		m->identity.control_mtime_ns = is->identity.control_mtime_ns;
		break;
	default:
		break;
	}
}

static void take_envelope(struct message *m, const struct message *is, enum field_id f)
{
	switch (f) {
	case FIELD_STATE:
		m->state = is->state;
		m->state_known = true;
		break;
	case FIELD_SENDER:
		m->sender = is->sender;
		m->sender_raw = is->sender_raw;
		break;
	case FIELD_BOUNCE:
		m->bounce = is->bounce;
		break;
	case FIELD_DOUBLE_BOUNCE:
		m->double_bounce = is->double_bounce;
		break;
	case FIELD_RECIPIENT:
		m->recipients = is->recipients;
		m->recipient_count = is->recipient_count;
		m->pending_count = is->pending_count;
		break;
	case FIELD_STATUS:
		m->statuses = is->statuses;
		m->status_count = is->status_count;
		m->message_status = is->message_status;
		break;
	default:
		break;
	}
}

static void take_texts(struct message *m, const struct message *is, enum field_id f)
{
	switch (f) {
	case FIELD_FLAGS:
		m->flags = is->flags;
		break;
	case FIELD_BODY_TYPE:
		m->body_type = is->body_type;
		break;
	case FIELD_REASON:
		m->reason = is->reason;
		break;
	case FIELD_ENVID:
		m->envid = is->envid;
		break;
	case FIELD_MACRO:
		m->macros = is->macros;
		m->macro_count = is->macro_count;
		break;
	case FIELD_HEADER:
		m->headers = is->headers;
		break;
	case FIELD_BODY:
		m->body = is->body;
		break;
	default:
		break;
	}
}

void mem_take(struct message *m, const struct message *is, enum field_id f)
{
	take_times(m, is, f);
	take_numbers(m, is, f);
	take_envelope(m, is, f);
	take_texts(m, is, f);
}
