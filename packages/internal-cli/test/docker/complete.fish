# Prints what each line is offered, without the descriptions: complete.fish TYPED...
source /work/completion.fish
for typed in $argv
    echo "typed: $typed"
    complete --do-complete $typed | string replace --regex '\t.*' ''
    # Which has the exit code 1 when it replaced nothing.
    true
end
