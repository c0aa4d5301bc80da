#compdef mtaq
# zsh completion for mtaq(1). Made from its own tables: commands, options, fields, formats.
# Ids, queues, hosts and runs are those of this host, or of the -q and -C on the line.

_mtaq_tables() {
@TABLES@
}

# mtaq, with the queues that the line names.
_mtaq_ask() {
	local -a call
	local i word
	call=("${(Q)mtaq_line[1]/#\~/$HOME}")
	for ((i = 2; i < $#mtaq_line; i++)); do
		word=$mtaq_line[i]
		case $word in
		(-q|--queue|-C|--config)
			call+=($word "${(Q)mtaq_line[i + 1]}")
			((i++))
			;;
		(-q?*|--queue=*|-C?*|--config=*) call+=("${(Q)word}") ;;
		esac
	done
	$call --quiet "$@" 2>/dev/null </dev/null
}

_mtaq_files() {
	_files
}

_mtaq_dirs() {
	_files -/
}

_mtaq_queues() {
	local -a queues
	queues=(${(f)"$("${(Q)mtaq_line[1]/#\~/$HOME}" --quiet queues 2>/dev/null </dev/null)"})
	compadd -a queues
	_files -/
}

_mtaq_when() {
	compadd auto always never
}

_mtaq_codes() {
	compadd -a _mtaq_code_names
}

_mtaq_commands() {
	_describe -t commands command _mtaq_summaries
}

_mtaq_ids() {
	local -a ids only
	[[ $PREFIX =~ '^[A-Za-z0-9]+$' ]] && only=(-e "id =~ /^$PREFIX/")
	ids=(${(f)"$(_mtaq_ask list --ids --limit 200 $only)"})
	compadd -a ids
}

_mtaq_hosts() {
	local -a hosts
	hosts=(${${${(f)"$(_mtaq_ask hosts --all)"}[2,-1]}%% *})
	compadd -a hosts
}

_mtaq_runs() {
	local -a runs
	runs=(${${(f)"$(_mtaq_ask journal)"}%% *})
	compadd -a runs
}

_mtaq_fields() {
	compset -P '*,'
	compset -P -
	compadd -S '' -a _mtaq_field_names
}

_mtaq_format() {
	if compset -P '*[{]'; then
		compadd -S '' -a _mtaq_field_names
	else
		compadd -a _mtaq_format_names
	fi
}

_mtaq_expr() {
	local head before=$IPREFIX
	local is='(^|[^A-Za-z0-9_.])([a-z_.]+)[[:space:]]*(==|!=)[[:space:]]*$'
	local in='(^|[^A-Za-z0-9_.])([a-z_.]+)[[:space:]]+(not[[:space:]]+)?in[[:space:]]*\(([^()]*,)?[[:space:]]*$'
	local value='(=|<|>|~)[[:space:]]*$'
	compset -P '*[^A-Za-z0-9_.]'
	head=${${IPREFIX#$before}//\\/}
	if [[ $head =~ $is || $head =~ $in ]]; then
		compadd -S '' ${=_mtaq_enums[$match[2]]}
	elif ! [[ $head =~ $value ]]; then
		compadd -S '' -a _mtaq_field_names
		compadd -S '' and or not in 'any(' 'all(' 'has('
	fi
}

# The words after the options of command $1: what they may be, one kind or word after the other.
_mtaq_words() {
	local kind arguments=_mtaq_arguments_$1
	for kind in ${(P)arguments}; do
		case $kind in
		(_mtaq_*) $kind ;;
		(*) compadd $kind ;;
		esac
	done
}

_mtaq() {
	local curcontext=$curcontext state line ret=1 own selects
	local -a mtaq_line _mtaq_summaries _mtaq_format_names _mtaq_code_names _mtaq_field_names
	local -a _mtaq_global_options _mtaq_selector_options
	local -A opt_args _mtaq_enums
	mtaq_line=("${words[@]}")
	_mtaq_tables
	_arguments -C -s -S $_mtaq_global_options '1:command:_mtaq_commands' '*:: :->command' && ret=0
	if [[ $state == command ]]; then
		curcontext=${curcontext%:*:*}:mtaq-$words[1]:
		own=_mtaq_options_$words[1] selects=_mtaq_selects_$words[1]
		_arguments -s -S ${(P)own} ${${(P)selects}:+$_mtaq_selector_options} $_mtaq_global_options \
		    "*: : _mtaq_words $words[1]" && ret=0
	fi
	return ret
}

_mtaq "$@"
