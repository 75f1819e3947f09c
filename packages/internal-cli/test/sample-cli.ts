/** A program with one of everything that completion knows: nested commands, choices, files, text that needs quoting. */
import { Argument, Option } from 'commander'
import { runCli } from '../src/index.ts'

runCli(import.meta.url, {
  name: 'sample-cli',
  version: '1.0.0',
  description: 'A sample.',
  build(program) {
    program
      .command('create')
      .description(`make one: it's [new]`)
      .option('--store <url>', 'where it lives')
      .addOption(new Option('--format <format>', 'its shape').choices(['json', 'slack']))
      .option('--key-file <file>', 'file with the key')
      .option('--quiet', 'say nothing')
    const config = program.command('config').description('look at configuration')
    config.command('lint').description('find mistakes').argument('<file>', 'the file')
    config
      .command('size')
      .description('size it')
      .addArgument(new Argument('<mode>').choices(['small', 'large']))
  },
})
