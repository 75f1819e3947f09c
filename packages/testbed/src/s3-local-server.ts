/**
 * The child process of `startS3Local`: fauxqs on 127.0.0.1, on the port that is the first argument.
 * The second, its folder, is there so that a sweep can tell whose process it is.
 */
import { startFauxqs } from 'fauxqs'

await startFauxqs({ host: '127.0.0.1', port: Number(process.argv[2]), logger: false })
