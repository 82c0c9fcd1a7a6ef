// Calls that change: another device, the screen, a network that blocks and then works again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startBrowser } from '../harness/browser.mjs';
import {
  PATIENCE,
  arrives,
  fakeDevices,
  join,
  person,
  receives,
  startCall,
  state,
} from '../harness/call.mjs';
import { chapters } from '../harness/chapters.mjs';
import { Device } from '../harness/device.mjs';
import { freePort } from '../harness/ports.mjs';
import { Subspace } from '../harness/subspace.mjs';
import { Way } from '../harness/way.mjs';

const PASSWORD = 'correct horse battery';

let browser, subspace, alice, link;
const devices = [];
const way = new Way();

const come = async (name) => {
  const device = await Device.open(browser, name);
  // Everyone's video is encoded and decoded on this one machine.
  device.context.setDefaultTimeout(PATIENCE * 2);
  devices.push(device);
  return device;
};

before(async () => {
  browser = await startBrowser([
    ...fakeDevices(),
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
  link = await startCall(alice);
});

after(async () => {
  for (const device of devices) await device.close();
  await browser?.close();
  await subspace?.stop();
  way.close();
});

test('a call that changes', { timeout: 400_000 }, async (t) => {
  const chapter = chapters(t, () => devices);
  /** The device of the participant's own picture. */
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
      // The last one: the second camera is a depth camera, whose pictures are not for calls.
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
        .getByText("Can't connect: their network or yours blocks calls.")
        .waitFor({ timeout: PATIENCE * 2 });
    }
    await bob.picture('call-blocked');
  });

  await chapter('also to somebody who comes while it does', async () => {
    zoe = await come('zoe');
    await join(zoe, link, { name: 'Zoe' });
    await person(zoe, 'alice')
      .getByText("Can't connect: their network or yours blocks calls.")
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
