// Calls that change: another device, the screen, a network that blocks and lets through again, and six people.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startBrowser } from '../harness/browser.mjs';
import {
  arrives,
  enter,
  FAKE_DEVICES,
  join,
  lobby,
  PATIENCE,
  person,
  receives,
  state,
} from '../harness/call.mjs';
import { chapters } from '../harness/chapters.mjs';
import { Device } from '../harness/device.mjs';
import { freePort } from '../harness/processes.mjs';
import { Subspace } from '../harness/subspace.mjs';
import { until } from '../harness/until.mjs';
import { Way } from '../harness/way.mjs';

const PASSWORD = 'correct horse battery';
/** People in a call at most. */
const SIX = 6;

let browser, subspace, alice, link;
const devices = [];
const way = new Way();

const come = async (name) => {
  const device = await Device.open(browser, name);
  // Everybody's pictures are made and shown on this one machine.
  device.context.setDefaultTimeout(PATIENCE * 2);
  devices.push(device);
  return device;
};

before(async () => {
  browser = await startBrowser([
    ...FAKE_DEVICES,
    '--auto-select-desktop-capture-source=Entire screen',
  ]);
  const port = await freePort();
  subspace = await new Subspace('calls-change').start(['--turn-host', Way.host], {
    turn: `127.0.0.1:${port}`,
  });
  await way.open(port);
  alice = await come('alice');
  await alice.goTo(await subspace.setUpLink());
  await alice.signUp('alice', PASSWORD);
  await alice.chat();
  await alice.online();
  await alice.page.locator('[data-test-start-call]').click();
  await alice.page.locator('[data-test-call-guests]').check();
  await alice.page.locator('[data-test-dialog="call"] [data-test-submit]').click();
  await alice.page.locator('[data-test-call-lobby]').waitFor();
  link = alice.page.url();
});

after(async () => {
  for (const device of devices) await device.close();
  await browser?.close();
  await subspace?.stop();
  way.close();
});

test('a call that changes', { timeout: 400_000 }, async (t) => {
  const chapter = chapters(t, () => devices);
  /** The device that one's own picture comes from. */
  const ownCamera = () =>
    alice.page
      .locator('[data-test-call-own] video')
      .evaluate((video) => video.srcObject.getVideoTracks()[0].label);
  let bob, zoe;

  await chapter('two talk through the relay', async () => {
    bob = await come('bob');
    await join(alice, link);
    await join(bob, link, { name: 'Bob' });
    await receives(alice, 'Bob');
    await receives(bob, 'alice');
  });

  await chapter('another camera and another microphone, without a break', async () => {
    const before = await ownCamera();
    await alice.page.locator('[data-test-call-devices]').click();
    for (const [kind, what] of [
      ['cameras', 'frames'],
      ['microphones', 'audio'],
    ]) {
      const choice = alice.page.locator(`[data-test-call-${kind}]`);
      const now = await choice.inputValue();
      const ids = await choice
        .locator('option')
        .evaluateAll((options) => options.map((option) => option.value));
      // The last one: the second camera is one for depth, whose pictures are not for calls.
      assert.notEqual(ids.at(-1), now);
      await choice.selectOption(ids.at(-1));
      await arrives(bob, 'alice', what);
    }
    assert.notEqual(await ownCamera(), before);
    await alice.page.locator('[data-test-call-devices]').click();
  });

  await chapter('the screen is shown instead of the camera, and back', async () => {
    await alice.page.locator('[data-test-call-screen="off"]').click();
    await alice.page.locator('[data-test-call-screen="on"]').waitFor();
    // A screen is never cropped.
    await person(bob, 'alice').locator('video.whole').waitFor();
    await arrives(bob, 'alice', 'frames', 3);
    await bob.picture('call-screen');
    await alice.page.locator('[data-test-call-screen="on"]').click();
    await person(bob, 'alice').locator('video:not(.whole)').waitFor();
    await arrives(bob, 'alice', 'frames');
  });

  await chapter('a network that blocks calls is said clearly', async () => {
    way.block();
    for (const [device, name] of [
      [alice, 'Bob'],
      [bob, 'alice'],
    ]) {
      await person(device, name)
        .getByText('No way to them was found: the network blocks calls.')
        .waitFor({ timeout: PATIENCE * 2 });
    }
    await bob.picture('call-blocked');
  });

  await chapter('also to somebody who comes while it does', async () => {
    zoe = await come('zoe');
    await join(zoe, link, { name: 'Zoe' });
    await person(zoe, 'alice')
      .getByText('No way to them was found: the network blocks calls.')
      .waitFor({ timeout: PATIENCE * 2 });
  });

  await chapter('when it lets them through again, the call goes on', async () => {
    way.unblock();
    await state(alice, 'Bob', 'connected');
    await receives(alice, 'Bob');
    await receives(bob, 'alice');
    await receives(zoe, 'alice');
    await receives(bob, 'Zoe');
    await zoe.page.locator('[data-test-call-hang-up]').click();
    await bob.page.locator('[data-test-call-hang-up]').click();
    await person(alice, 'Bob').waitFor({ state: 'detached' });
    await alice.page.locator('[data-test-call-hang-up]').click();
  });
});

test('six people, and a seventh', { timeout: 400_000 }, async (t) => {
  const chapter = chapters(t, () => devices);
  const guests = Array.from({ length: SIX }, (_, at) => `Guest ${at + 1}`);
  const inside = [];
  /** Two show a picture: six would be too much for a small machine to encode thirty times. */
  const shows = (name) => name === 'Guest 1' || name === 'Guest 2';

  await chapter('six talk, each with each', async () => {
    for (const name of guests) {
      const device = await come(name);
      await lobby(device, link);
      if (!shows(name)) await device.page.locator('[data-test-call-camera="on"]').click();
      await enter(device, { name, relay: false });
      await device.page.locator('[data-test-call]').waitFor();
      inside.push(device);
    }
    for (const device of inside) {
      for (const name of guests) {
        if (name === device.name) continue;
        const what = shows(name) ? ['frames', 'audio'] : ['audio'];
        await receives(device, name, { path: '', what });
      }
    }
    await inside[0].picture('call-six');
  });

  await chapter(
    'the seventh is told that it is full, and gets in when somebody leaves',
    async () => {
      const late = await come('late');
      await lobby(late, link);
      await enter(late, { name: 'Late', relay: false });
      await late.page.getByText('This call is full; six people can take part.').waitFor();
      await inside[5].page.locator('[data-test-call-hang-up]').click();
      await person(inside[0], 'Guest 6').waitFor({ state: 'detached' });
      await late.page.locator('[data-test-call-join]').click();
      await until('late is in', () => late.page.locator('[data-test-call]').isVisible(), PATIENCE);
      await receives(late, 'Guest 1', { path: '' });
      await receives(inside[0], 'Late', { path: '' });
    },
  );
});
