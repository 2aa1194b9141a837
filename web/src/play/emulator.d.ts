// The package's manifest names a module file that it does not hold (6.0.0); this is the one that it does.
declare module '@xterm/headless/lib-headless/xterm-headless.mjs' {
  export * from '@xterm/headless'
}
