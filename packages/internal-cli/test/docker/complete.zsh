# Completes lines in interactive shells, and prints what each is offered: complete.zsh TYPED...
# What compadd is given ends in a file, as nothing on the screen has to be taken apart then.
zmodload zsh/zpty

complete_line() {
  rm -f /tmp/hits /tmp/done /tmp/ready
  zpty shell zsh -f -i
  zpty -w shell '
PROMPT= RPROMPT=
autoload -Uz compinit && compinit -u -d /tmp/zcompdump
source /work/completion.zsh
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  local -a hits
  builtin compadd -A hits "$@"
  print -rl -- $hits >>/tmp/hits
  builtin compadd "$@"
}
bindkey "^I" complete-word
note-end() { print end >/tmp/done }
comppostfuncs=(note-end)
cd /work/files
print ready >/tmp/ready'
  until [[ -s /tmp/ready ]]; do sleep 0.05; done
  zpty -w -n shell "$1"$'\t'
  until [[ -s /tmp/done ]]; do sleep 0.05; done
  [[ -e /tmp/hits ]] && cat /tmp/hits
  zpty -d shell
}

for typed; do
  print -r -- "typed: $typed"
  complete_line "$typed"
done
