# Brings a reference reading of a qmail queue (truth) and our list --format json (ours) to one form. Addresses and senders
# become arrays of bytes: the reference shows each byte as a Latin-1 character, ours is UTF-8 or has its bytes in hexadecimal.

def utf8: [explode[] |
	if . < 128 then .
	elif . < 2048 then 192 + (. / 64 | floor), 128 + . % 64
	elif . < 65536 then 224 + (. / 4096 | floor), 128 + (. / 64 | floor) % 64, 128 + . % 64
	else 240 + (. / 262144 | floor), 128 + (. / 4096 | floor) % 64, 128 + (. / 64 | floor) % 64, 128 + . % 64 end];

def unhex: [range(0; length; 2) as $i | .[$i:$i + 2] | explode |
	map(if . > 96 then . - 87 else . - 48 end) | .[0] * 16 + .[1]];

def bytes(name): if has(name + "_raw_hex") then .[name + "_raw_hex"] | unhex else .[name] | utf8 end;

# The records of todo by their letter.
def records(letter): [(.envelope // [])[] | select(startswith(letter)) | .[1:] | explode];

def truth_state:
	if .state == "S4" then "new"
	elif .state != "S5" then "incoming"
	elif any(.recips[]; .done | not) then "queued"
	else "ending" end;

def truth: {
	id: (.id | tostring),
	state: truth_state,
	size,
	birth: (if .state == "S5" then .birth else null end),
	sender: (if .state == "S5" then .sender | explode elif .state == "S4" then records("F")[0] else null end),
	recipients: (if .state == "S5" then [.recips[] | {address: (.addr | explode), channel: .chan, done}]
		elif .state == "S4" then [records("T")[] | {address: ., channel: null, done: false}]
		else [] end | sort)
};

def ours: {
	id: (.queue_id | sub("@.*"; "")),
	state,
	size: .message_size,
	birth: (if .state == "queued" or .state == "ending" then .arrival_time else null end),
	sender: (if has("sender") then bytes("sender") else null end),
	recipients: ([(.recipients[] | . + {done: false}), (.recipients_done[] | . + {done: true})] |
		map({address: bytes("address"), channel, done}) | sort)
};

# What the log tells, message by message: per recipient attempts, last result and times; `clock` is the present.
def log_text: if . == null then null else gsub("_"; " ") end;

def truth_log(clock): select(.state == "S5") | {
	id: (.id | tostring),
	recipients: ([.recips[] | {address: (.addr | explode), done, attempts: (.attempts // 0), text: (.last_text | log_text),
		start: (if .last_start then .last_start[0] else null end),
		next: (if (.done | not) and (.next_retry // 0) > clock then .next_retry else null end)}] | sort),
	logged: ([(.finished_recips_seen_only_in_log // [])[] |
		{address: (.logged_addr | explode), attempts, text: (.last_text | log_text)}] | sort)
};

def ours_log: select(.state == "queued" or .state == "ending") | {
	id: (.queue_id | sub("@.*"; "")),
	recipients: ([(.recipients[] | . + {done: false}), (.recipients_done[] | . + {done: true})] |
		map({address: bytes("address"), done, attempts, text: .delay_reason, start: .last_attempt, next: .next_attempt}) | sort),
	logged: ([(.recipients_logged // [])[] | {address: bytes("address"), attempts, text: .delay_reason}] | sort)
};
