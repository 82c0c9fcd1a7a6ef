// Six people in one call, the maximum, through the TURN server only: everyone sees and hears everyone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startBrowser } from '../harness/browser.mjs';
import { enter, fakeDevices, join, lobby, person, received, startCall } from '../harness/call.mjs';
import { chapters } from '../harness/chapters.mjs';
import { Device } from '../harness/device.mjs';
import { Subspace } from '../harness/subspace.mjs';
import { until } from '../harness/until.mjs';

const PASSWORD = 'correct horse battery';
const GUESTS = ['Ben', 'Cleo', 'Dora', 'Emil', 'Fay'];
const NAMES = ['alice', ...GUESTS];

/** Thirty video streams are encoded, sent and displayed on one machine: cameras are slow and windows are small. */
const CAMERA = 'device-count=1,fps=5';
const WINDOW = { width: 800, height: 600 };

/** How long each chapter may take, in ms, and how many more frames and packets of everyone have to arrive. */
const LIMIT = 120_000;
const MORE = { frames: 5, audio: 20 };

let browser;
let subspace;
const devices = [];

before(async () => {
  browser = await startBrowser(fakeDevices(CAMERA));
  subspace = await new Subspace('calls-six').start([], { turn: '127.0.0.1:0' });
});

after(async () => {
  for (const device of devices) await device.close();
  await browser?.close();
  await subspace?.stop();
});

const come = async (name) => {
  const device = await Device.open(browser, name, { viewport: WINDOW });
  device.context.setDefaultTimeout(LIMIT);
  devices.push(device);
  return device;
};

/** Video and sound of everyone arrive at everyone else, and keep arriving, through the relay. */
const everybodyReceives = async (people) => {
  const firsts = new Map();
  const seen = new Map();
  const waited = new Set();
  for (const one of people) {
    for (const other of people) {
      if (one !== other) waited.add(`${other.name} at ${one.name}`);
    }
  }
  await until(
    'pictures and sound of everybody at everybody',
    async () => {
      for (const device of people) {
        for (const now of await received(device)) {
          const way = `${now.name} at ${device.name}`;
          seen.set(way, now);
          if (!waited.has(way) || now.state !== 'connected' || !now.width) continue;
          assert.equal(now.path, 'relay', way);
          const first = firsts.get(way) ?? now;
          firsts.set(way, first);
          const arrives = Object.entries(MORE).every(
            ([what, more]) => now[what] >= first[what] + more,
          );
          if (arrives) waited.delete(way);
        }
      }
      const missing = [...waited].map((way) => [way, seen.get(way)]);
      assert.deepEqual(missing, []);
      return true;
    },
    LIMIT,
  );
};

test('six people in a call', { timeout: 400_000 }, async (t) => {
  const chapter = chapters(t, () => devices);
  let link;
  const people = [];

  await chapter('six come', async () => {
    const alice = await come('alice');
    await alice.goTo(await subspace.setUpLink());
    await alice.signUp('alice', PASSWORD);
    await alice.chat();
    await alice.online();
    link = await startCall(alice);
    await join(alice, link);
    people.push(alice);
    for (const name of GUESTS) {
      const guest = await come(name);
      await join(guest, link, { name });
      people.push(guest);
    }
  });

  await chapter('everybody sees and hears everybody', async () => {
    await everybodyReceives(people);
    await people[0].picture('call-six');
  });

  await chapter('the pictures are as small as for six', async () => {
    for (const device of people) {
      for (const one of await received(device)) {
        const side = Math.min(one.width, one.height);
        assert.ok(side <= 270, `${one.name} at ${device.name}: ${side}`);
      }
    }
  });

  await chapter('a seventh is told that the call is full, and nobody notices', async () => {
    const gus = await come('Gus');
    await lobby(gus, link);
    await enter(gus, { name: 'Gus' });
    assert.equal(await gus.error(), 'This call is full; six people can take part.');
    for (const device of people) {
      assert.equal((await received(device)).length, NAMES.length - 1);
    }

    // Somebody who leaves makes room.
    const fay = people.pop();
    await fay.page.locator('[data-test-call-hang-up]').click();
    await fay.page.getByText('You left the call').waitFor();
    // Her page says so at once; the seat is free when the others have been notified.
    await person(people[0], 'Fay').waitFor({ state: 'detached' });
    await enter(gus, { name: 'Gus' });
    await gus.page.locator('[data-test-call]').waitFor();
    for (const device of people) await person(device, 'Gus').waitFor();
  });
});
