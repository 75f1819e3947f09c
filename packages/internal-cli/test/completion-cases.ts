/** What is typed, the cursor at its end, and what every shell has to offer then. Options are offered as `--name`. */
export const COMPLETION_CASES: readonly (readonly [typed: string, offered: readonly string[]])[] = [
  ['sample-cli cr', ['create']],
  ['sample-cli c', ['completion', 'config', 'create']],
  ['sample-cli create --fo', ['--format']],
  ['sample-cli create --quiet --st', ['--store']],
  ['sample-cli create --format ', ['json', 'slack']],
  ['sample-cli create --format s', ['slack']],
  // The value of an option is no command, even if it looks like one.
  ['sample-cli create --store config --fo', ['--format']],
  ['sample-cli config ', ['help', 'lint', 'size']],
  ['sample-cli config size ', ['large', 'small']],
  ['sample-cli completion f', ['fish']],
  ['sample-cli create --key-file a fi', []],
  ['sample-cli create --key-file fi', ['file one', 'file-two']],
  ['sample-cli config lint fi', ['file one', 'file-two']],
]
