// After a short network failure, a camera that is switched off and on is visible again, whoever's network failed, both
// directly and through the relay. What counts is the displayed picture: frames are also counted for pictures that
// nobody sees.
import { after, before, test } from 'node:test';

import { startBrowser } from '../harness/browser.mjs';
import { PATIENCE, fakeDevices, join, receives, sees, startCall, state } from '../harness/call.mjs';
import { chapters } from '../harness/chapters.mjs';
import { Device } from '../harness/device.mjs';
import { freePort } from '../harness/ports.mjs';
import { Subspace } from '../harness/subspace.mjs';
import { Way } from '../harness/way.mjs';

const PASSWORD = 'correct horse battery';

let browser, subspace, alice, bob, link;
const way = new Way();

const come = async (name) => {
  const device = await Device.open(browser, name);
  device.context.setDefaultTimeout(PATIENCE * 2);
  return device;
};

before(async () => {
  browser = await startBrowser(fakeDevices());
  const port = await freePort();
  subspace = await new Subspace('calls-return').start(['--turn-host', Way.host], {
    turn: `127.0.0.1:${port}`,
  });
  await way.open(port);
  alice = await come('alice');
  await alice.goTo(await subspace.setUpLink());
  await alice.signUp('alice', PASSWORD);
  await alice.chat();
  await alice.online();
  link = await startCall(alice);
  bob = await come('bob');
});

after(async () => {
  await alice?.close();
  await bob?.close();
  await browser?.close();
  await subspace?.stop();
  way.close();
});

/** A device's network is down until it has noticed, and so has the other one if the path between them is cut. */
async function loses(device, other, { relay }) {
  await device.context.setOffline(true);
  if (relay) {
    way.block();
    await state(other, nameOf(device), 'disconnected');
  }
  await device.page.locator('[data-test-call-interrupted]').waitFor({ timeout: PATIENCE * 2 });
  way.unblock();
  await device.context.setOffline(false);
  await device.page
    .locator('[data-test-call-interrupted]')
    .waitFor({ state: 'detached', timeout: PATIENCE * 2 });
}

/** The name under which others see a participant: bob is a guest. */
const nameOf = (device) => (device === bob ? 'Bob' : device.name);

for (const relay of [true, false]) {
  test(`a network that goes for a moment: ${relay ? 'relayed' : 'direct'}`, async (t) => {
    const chapter = chapters(t, () => [alice, bob]);
    await chapter('two talk', async () => {
      await join(alice, link, { relay });
      await join(bob, link, { name: 'Bob', relay });
      const path = relay ? 'relay' : '';
      await receives(alice, 'Bob', { path });
      await receives(bob, 'alice', { path });
      await sees(alice, 'Bob');
      await sees(bob, 'alice');
    });
    for (const [device, other] of [
      [bob, alice],
      [alice, bob],
    ]) {
      await chapter(`the network of ${device.name} goes, and comes back`, async () => {
        await loses(device, other, { relay });
        await state(alice, 'Bob', 'connected');
        await state(bob, 'alice', 'connected');
      });
      for (const [shows, looks] of [
        [device, other],
        [other, device],
      ]) {
        await chapter(`${looks.name} sees the camera of ${shows.name} go off and on`, async () => {
          await shows.page.locator('[data-test-call-camera="on"]').click();
          await sees(looks, nameOf(shows), false);
          await shows.page.locator('[data-test-call-camera="off"]').click();
          await sees(looks, nameOf(shows));
        });
      }
    }
    await chapter('they leave', async () => {
      for (const { page } of [bob, alice]) {
        await page.locator('[data-test-call-hang-up]').click();
        await page.locator('[data-test-call-again]').waitFor();
        // The same link would not reload the page.
        await page.goto('about:blank');
      }
    });
  });
}
