// `cargo xtask bench client`: the web client's cost while people talk, in a Chromium slowed down four times.
import { parseArgs } from 'node:util';

import { startBrowser } from './harness/browser.mjs';
import { Device } from './harness/device.mjs';
import { measured, startMeasuring } from './harness/measure.mjs';
import { PlainIrc } from './harness/plain-irc.mjs';
import { Subspace } from './harness/subspace.mjs';
import { until } from './harness/until.mjs';

const GENERAL = '#general';
const { values } = parseArgs({
  options: {
    /** The slow-down factor. */
    slower: { type: 'string', default: '4' },
    /** Messages in the room before a new one arrives. */
    room: { type: 'string', default: '107' },
    /** Lines of the flood, in ten seconds. */
    flood: { type: 'string', default: '370' },
    /** Messages of the long room. */
    long: { type: 'string', default: '2300' },
  },
});
const { slower, room, flood, long } = Object.fromEntries(
  Object.entries(values).map(([name, value]) => [name, Number(value)]),
);
/** The number of people who talk at once; the server throttles a single one. */
const TALKERS = 24;
const PATIENCE = 300_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let browser, server;
const talkers = [];
let said = 0;

/** Sends this many lines, spread evenly over a period. */
async function talk(lines, ms) {
  const begin = Date.now();
  for (let n = 0; n < lines; n++) {
    const due = begin + (ms * n) / lines;
    if (due > Date.now()) await pause(due - Date.now());
    said += 1;
    talkers[said % TALKERS].say(
      GENERAL,
      `line ${said}: see https://example.test/${said} and \`code\``,
    );
  }
}

/** Waits until the page shows the last message. */
const arrived = (page, last = said) =>
  page
    .locator('[data-test-message]')
    .filter({ hasText: `line ${last}:` })
    .waitFor({ timeout: PATIENCE });

async function memory(session) {
  await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  const of = (name) => metrics.find((metric) => metric.name === name).value;
  return { heap: Math.round(of('JSHeapUsedSize') / 1e5) / 10, nodes: of('Nodes') };
}

const row = (what, ...columns) =>
  console.log([what.padEnd(34), ...columns.map((column) => String(column).padStart(12))].join(''));

function print(what, { present, nodes, changes, frames, tasks }, { heap, nodes: all }) {
  const { p50, p95, max } = frames;
  row(what, nodes, changes, p50, p95, max, tasks.count, tasks.max, heap, present, all);
}

async function main() {
  browser = await startBrowser();
  server = await new Subspace('bench-client').start();
  const alice = await Device.open(browser, 'bench-client');
  const { page } = alice;
  await alice.goTo(await server.setUpLink());
  await alice.signUp('alice', 'correct horse battery');
  await alice.chat();
  await alice.online();
  await alice.inRoom(GENERAL);
  for (let n = 0; n < TALKERS; n++) {
    talkers.push(await (await new PlainIrc(`crowd${n}`).connect(server.ircPort)).join(GENERAL));
  }
  await talk(room, room * 25);
  await arrived(page);
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await session.send('Emulation.setCPUThrottlingRate', { rate: slower });

  console.log(`Chromium ${browser.version()}, ${slower} times slower; times in ms, heap in MB`);
  row(
    '',
    'nodes',
    'changes',
    'frame p50',
    'frame p95',
    'frame max',
    'long tasks',
    'longest',
    'heap',
    'in the page',
    'all nodes',
  );

  await page.evaluate(startMeasuring);
  await talk(1, 0);
  await arrived(page);
  await pause(500);
  print(`one line in a room of ${room}`, await page.evaluate(measured), await memory(session));

  await page.evaluate(startMeasuring);
  await talk(flood, 10_000);
  await arrived(page);
  print(`${flood} lines in 10 s`, await page.evaluate(measured), await memory(session));

  await session.send('Emulation.setCPUThrottlingRate', { rate: 1 });
  if (said < long) await talk(long - said, (long - said) * 22);
  await arrived(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: slower });
  await page.evaluate(startMeasuring);
  const top = page.locator('[data-test-message]').filter({ hasText: 'line 1:' });
  const timeline = page.locator('[data-test-timeline]');
  await until(
    'the top of the room',
    async () => {
      await timeline.evaluate((element) => (element.scrollTop = 0));
      return (await top.count()) > 0;
    },
    PATIENCE,
  );
  print(`to the top of ${said} lines`, await page.evaluate(measured), await memory(session));

  await page.evaluate(startMeasuring);
  await talk(1, 0);
  await pause(2000);
  print('one line, read at the top', await page.evaluate(measured), await memory(session));

  await page.addInitScript(startMeasuring);
  await page.reload();
  await alice.inRoom(GENERAL);
  await alice.online();
  await arrived(page);
  await pause(3000);
  const load = await page.evaluate(measured);
  print('load of the page', load, await memory(session));
  console.log(`layout shift at load: ${load.shift} (good is below 0.1)`);
  if (process.env.SHIFTS) console.log(JSON.stringify(load.shifts, null, 1));
}

try {
  await main();
} finally {
  for (const talker of talkers) talker.stop();
  await browser?.close();
  await server?.stop();
}
