import manifest from '../package.json' with { type: 'json' }

/** This package's version; the bundler puts the text in. */
export const PACKAGE_VERSION: string = manifest.version
