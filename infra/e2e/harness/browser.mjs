// Chromium, started once per test file.
import { chromium } from 'playwright-core';

import { findProgram } from './processes.mjs';

const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts Chromium without a window. */
export function startBrowser(flags = []) {
  return chromium.launch({
    executablePath: findProgram('chromium', 'chromium-browser', 'google-chrome'),
    // Chromium refuses to run its sandbox as root.
    args: [...(process.getuid() === 0 ? ['--no-sandbox'] : []), ...FLAGS, ...flags],
  });
}
