/* Names of the actions. */
#include <mtaq/action.h>

static const struct {
	const char *name, *participle;
} names[OP_COUNT] = {
    [OP_EXPIRE] = {"expire", "expired"},    [OP_BOUNCE] = {"bounce", "bounced"},
    [OP_REQUEUE] = {"requeue", "requeued"}, [OP_RETRY] = {"retry", "asked for an attempt"},
    [OP_HOLD] = {"hold", "held"},	    [OP_RELEASE] = {"release", "released"},
    [OP_DELETE] = {"delete", "deleted"},    [OP_DROP] = {"drop", "recipient dropped"},
    [OP_MOVE] = {"move", "moved"},	    [OP_SAVE] = {"save", "saved"},
    [OP_RESTORE] = {"restore", "restored"}, [OP_UNDO] = {"undo", "undone"},
    [OP_REPAIR] = {"repair", "repaired"},
};

const char *op_name(enum op op)
{
	return names[op].name;
}

const char *op_participle(enum op op)
{
	return names[op].participle;
}
