# bash completion for mtaq(1). Made from its own tables: commands, options, fields, formats.
# Ids, queues, hosts and runs are those of this host, or of the -q and -C on the line.

@TABLES@

# The words up to the cursor as one typed them: bash has cut them at = and : as well. _mtaq_words, and the current one
# in _mtaq_current.
_mtaq_rejoin()
{
	local i gap word rest=${COMP_LINE:0:COMP_POINT}
	_mtaq_words=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		gap=${rest%%[![:space:]]*}
		rest=${rest#"$gap"}
		[[ $rest == "$word"* ]] || word=$rest # the cursor stands inside it
		if [[ $i -gt 0 && -z $gap && -n $word ]]; then
			_mtaq_words[${#_mtaq_words[@]} - 1]+=$word
		else
			_mtaq_words+=("$word")
		fi
		rest=${rest#"$word"}
	done
	_mtaq_current=${_mtaq_words[${#_mtaq_words[@]} - 1]}
}

# The kind of argument that option $1 takes, in _mtaq_of; false when it takes none.
_mtaq_takes_one()
{
	local row
	for row in $_mtaq_takes $_mtaq_global_takes ${_mtaq_selects:+$_mtaq_selector_takes}; do
		if [[ $row == "$1="* ]]; then
			_mtaq_of=${row#*=}
			return 0
		fi
	done
	return 1
}

# mtaq, with the queues that the line names.
_mtaq_ask()
{
	local i word
	local -a call
	call=("${_mtaq_words[0]/#\~/$HOME}")
	for ((i = 1; i < ${#_mtaq_words[@]} - 1; i++)); do
		word=${_mtaq_words[i]}
		case $word in
		-q | --queue | -C | --config)
			call+=("$word" "${_mtaq_words[i + 1]//[\'\"]/}")
			i=$((i + 1))
			;;
		-q?* | --queue=* | -C?* | --config=*) call+=("${word//[\'\"]/}") ;;
		esac
	done
	"${call[@]}" --quiet "$@" 2>/dev/null </dev/null
}

# Keep of the words in the arguments those that begin with $1.
_mtaq_add()
{
	local start=$1 word
	shift
	for word; do
		[[ $word == "$start"* ]] && COMPREPLY+=("$word")
	done
}

# Candidates that go after $1, which stands already.
_mtaq_add_after()
{
	local head=$1 tail=$2 word
	shift 2
	for word; do
		[[ $word == "$tail"* ]] && COMPREPLY+=("$head$word")
	done
}

_mtaq_expr()
{
	local typed=$1 tail head
	tail=${typed##*[^A-Za-z0-9_.]}
	head=${typed%"$tail"}
	local is='(^|[^A-Za-z0-9_.])([a-z_.]+)[[:space:]]*(==|!=)[[:space:]]*$'
	local in='(^|[^A-Za-z0-9_.])([a-z_.]+)[[:space:]]+(not[[:space:]]+)?in[[:space:]]*\(([^()]*,)?[[:space:]]*$'
	local value='(=|<|>|~)[[:space:]]*$'
	compopt -o nospace 2>/dev/null
	if [[ $head =~ $is || $head =~ $in ]]; then
		_mtaq_add_after "$head" "$tail" $(_mtaq_enum "${BASH_REMATCH[2]}")
	elif ! [[ $head =~ $value ]]; then
		_mtaq_add_after "$head" "$tail" $_mtaq_fields and or not in 'any(' 'all(' 'has('
	fi
}

_mtaq_format()
{
	local head=${1%"${1##*\{}"}
	if [[ $1 == *'{'* ]]; then
		compopt -o nospace 2>/dev/null
		_mtaq_add_after "$head" "${1##*\{}" $_mtaq_fields
	else
		_mtaq_add "$1" $_mtaq_formats
	fi
}

_mtaq_fields_list()
{
	local tail=${1##*,}
	tail=${tail#-}
	compopt -o nospace 2>/dev/null
	_mtaq_add_after "${1%"$tail"}" "$tail" $_mtaq_fields
}

_mtaq_ids()
{
	local only=()
	[[ $1 =~ ^[A-Za-z0-9]+$ ]] && only=(-e "id =~ /^$1/")
	_mtaq_add "$1" $(_mtaq_ask list --ids --limit 200 "${only[@]}")
}

# Candidates of kind $1 for what is typed, $2.
_mtaq_kind()
{
	case $1 in
	files)
		compopt -o filenames 2>/dev/null
		COMPREPLY+=($(compgen -f -- "$2"))
		;;
	dirs)
		compopt -o filenames 2>/dev/null
		COMPREPLY+=($(compgen -d -- "$2"))
		;;
	queues)
		_mtaq_add "$2" $("${_mtaq_words[0]/#\~/$HOME}" --quiet queues 2>/dev/null </dev/null)
		compopt -o filenames -o nospace 2>/dev/null
		COMPREPLY+=($(compgen -d -- "$2"))
		;;
	format) _mtaq_format "$2" ;;
	expr) _mtaq_expr "$2" ;;
	fields) _mtaq_fields_list "$2" ;;
	when) _mtaq_add "$2" auto always never ;;
	codes) _mtaq_add "$2" $_mtaq_codes ;;
	commands) _mtaq_add "$2" $_mtaq_commands ;;
	ids) _mtaq_ids "$2" ;;
	hosts) _mtaq_add "$2" $(_mtaq_ask hosts --all | awk 'NR > 1 && NF > 1 { print $1 }') ;;
	runs) _mtaq_add "$2" $(_mtaq_ask journal | awk '{ print $1 }') ;;
	esac
}

# The word of the command, in _mtaq_name; "" when it is not written yet.
_mtaq_find_command()
{
	local i
	_mtaq_name=
	for ((i = 1; i < ${#_mtaq_words[@]} - 1; i++)); do
		case ${_mtaq_words[i]} in
		-*) _mtaq_takes_one "${_mtaq_words[i]}" && i=$((i + 1)) ;;
		*)
			_mtaq_name=${_mtaq_words[i]}
			return
			;;
		esac
	done
}

_mtaq_candidates()
{
	local typed=$1 previous=$2 word
	if [[ $previous == -* ]] && _mtaq_takes_one "$previous"; then
		_mtaq_kind "$_mtaq_of" "$typed"
	elif [[ $typed == --*=* ]] && _mtaq_takes_one "${typed%%=*}"; then
		_mtaq_kind "$_mtaq_of" "${typed#*=}"
		COMPREPLY=("${COMPREPLY[@]/#/${typed%%=*}=}")
	elif [[ $typed == -* ]]; then
		_mtaq_add "$typed" $_mtaq_options $_mtaq_global_options ${_mtaq_selects:+$_mtaq_selector_options}
	elif [[ -z $_mtaq_name ]]; then
		_mtaq_add "$typed" $_mtaq_commands
	else
		for word in $_mtaq_arguments; do
			case $word in
			@*) _mtaq_kind "${word#@}" "$typed" ;;
			*) _mtaq_add "$typed" "$word" ;;
			esac
		done
	fi
}

_mtaq()
{
	local IFS=$' \t\n' _mtaq_words _mtaq_current _mtaq_of _mtaq_name _mtaq_options _mtaq_takes _mtaq_arguments _mtaq_selects
	local quote='' cut
	COMPREPLY=()
	_mtaq_rejoin
	_mtaq_find_command
	_mtaq_command "$_mtaq_name"
	[[ $_mtaq_current == [\'\"]* ]] && quote=${_mtaq_current:0:1}
	_mtaq_candidates "${_mtaq_current#"$quote"}" "${_mtaq_words[${#_mtaq_words[@]} - 2]}"
	# bash replaces only what follows the last = or : of a word that is not quoted
	cut=${_mtaq_current%"${_mtaq_current##*[=:]}"}
	if [[ -z $quote && -n $cut ]]; then
		COMPREPLY=("${COMPREPLY[@]#"$cut"}")
	fi
}

complete -F _mtaq mtaq
