# fish completion for mtaq(1). Made from its own tables: commands, options, fields, formats.
# Ids, queues, hosts and runs are those of this host, or of the -q and -C on the line.

# The word of the command, when it is written.
function __mtaq_command
    set -l tokens (commandline -opc)
    set -l skip no
    for token in $tokens[2..-1]
        if test $skip = yes
            set skip no
        else if contains -- $token $__mtaq_global_takes
            set skip yes
        else if not string match -q -- '-*' $token
            echo $token
            return
        end
    end
end

function __mtaq_needs_command
    test -z (__mtaq_command)
end

function __mtaq_using
    test "$(__mtaq_command)" = $argv[1]
end

# Words of a command, not options.
function __mtaq_words_of
    __mtaq_using $argv[1]; and not string match -q -- '-*' (commandline -ct)
end

# mtaq, with the queues that the line names.
function __mtaq_ask
    set -l tokens (commandline -opc)
    set -l call $tokens[1]
    set -l take no
    for token in $tokens[2..-1]
        if test $take = yes
            set -a call (string unescape -- $token)
            set take no
        else if contains -- $token -q --queue -C --config
            set -a call $token
            set take yes
        else if string match -qr -- '^(-[qC].|--(queue|config)=)' $token
            set -a call (string unescape -- $token)
        end
    end
    test $take = yes; and set -e call[-1]
    $call --quiet $argv 2>/dev/null </dev/null
end

# What is typed of the argument: without a quote before it, and without the option in the same word.
function __mtaq_typed
    commandline -ct | string replace -r '^--[a-z-]+=' '' | string replace -r '^[\'"]' ''
end

function __mtaq_dirs
    __fish_complete_directories (__mtaq_typed)
end

function __mtaq_queues
    set -l tokens (commandline -opc)
    $tokens[1] --quiet queues 2>/dev/null </dev/null
    __mtaq_dirs
end

function __mtaq_when
    printf '%s\n' auto always never
end

function __mtaq_codes
    printf '%s\n' $__mtaq_code_names
end

function __mtaq_commands
    printf '%s\n' $__mtaq_command_names
end

function __mtaq_ids
    set -l typed (__mtaq_typed)
    set -l only
    string match -qr '^[A-Za-z0-9]+$' -- $typed; and set only -e "id =~ /^$typed/"
    __mtaq_ask list --ids --limit 200 $only
end

function __mtaq_hosts
    __mtaq_ask hosts --all | string replace -r ' .*' '' | tail -n +2
end

function __mtaq_runs
    __mtaq_ask journal | string replace -r ' .*' ''
end

function __mtaq_fields
    set -l head (__mtaq_typed | string replace -r '[^,]*$' '')
    printf "$head%s\n" $__mtaq_field_names
    printf "$head-%s\n" $__mtaq_field_names
end

function __mtaq_format
    set -l typed (__mtaq_typed)
    if string match -q '*{*' -- $typed
        set -l head (string replace -r '[^{]*$' '' -- $typed | string replace -a % %%)
        printf "$head%s\n" $__mtaq_field_names
    else
        printf '%s\n' $__mtaq_format_names
    end
end

function __mtaq_expr
    set -l typed (__mtaq_typed)
    set -l head (string replace -r '[A-Za-z0-9_.]*$' '' -- $typed)
    set -l is (string match -r -- '(?:^|[^A-Za-z0-9_.])([a-z_.]+)\s*(?:==|!=)\s*$' $head)
    set -l in (string match -r -- '(?:^|[^A-Za-z0-9_.])([a-z_.]+)\s+(?:not\s+)?in\s*\((?:[^()]*,)?\s*$' $head)
    set -l words
    if test (count $is) -eq 2
        set words (__mtaq_enum $is[2])
    else if test (count $in) -eq 2
        set words (__mtaq_enum $in[2])
    else if not string match -qr -- '[=<>~]\s*$' $head
        set words $__mtaq_field_names and or not in 'any(' 'all(' 'has('
    end
    for word in $words
        printf '%s%s\n' $head $word
    end
end

@TABLES@
