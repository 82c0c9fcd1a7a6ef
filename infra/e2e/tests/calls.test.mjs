// Calls: members and a guest, through the TURN server only, with Chromium's fake devices.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startBrowser } from '../harness/browser.mjs';
import {
  PATIENCE,
  count,
  enter,
  fakeDevices,
  join,
  lobby,
  person,
  receives,
  startCall,
} from '../harness/call.mjs';
import { chapters } from '../harness/chapters.mjs';
import { Device } from '../harness/device.mjs';
import { Subspace } from '../harness/subspace.mjs';
import { until } from '../harness/until.mjs';

const PASSWORD = 'correct horse battery';
const PHONE = { width: 390, height: 844 };

let browser;
let subspace;
const devices = [];

before(async () => {
  browser = await startBrowser(fakeDevices());
  subspace = await new Subspace('calls').start([], { turn: '127.0.0.1:0' });
});

after(async () => {
  for (const device of devices) await device.close?.();
  await browser?.close();
  await subspace?.stop();
});

/** Asserts that an element is entirely visible, and large enough to touch. */
async function whole(locator, what) {
  const box = await locator.boundingBox();
  assert.ok(box, `${what} is not shown`);
  assert.ok(
    box.x >= 0 &&
      box.y >= 0 &&
      box.x + box.width <= PHONE.width &&
      box.y + box.height <= PHONE.height,
    `${what} is cut: ${JSON.stringify(box)}`,
  );
  assert.ok(box.height >= 32 && box.width >= 32, `${what} is small: ${JSON.stringify(box)}`);
}

test('a call in a channel', { timeout: 300_000 }, async (t) => {
  const chapter = chapters(t, () => devices);
  const come = async (name) => {
    const device = await Device.open(browser, name);
    devices.push(device);
    return device;
  };
  let alice, bob, zoe, link;

  await chapter('alice starts one, and its link is a line in the channel', async () => {
    alice = await come('alice');
    await alice.goTo(await subspace.setUpLink());
    await alice.signUp('alice', PASSWORD);
    await alice.chat();
    await alice.online();
    const invite = await alice.invite();
    bob = await come('bob');
    await bob.goTo(invite);
    await bob.signUp('bob', PASSWORD);
    await bob.chat();
    await bob.online();
    await bob.member('alice');
    await startCall(alice);
    const line = bob.page.locator('[data-test-message]', { hasText: 'started a call, join at' });
    await line.waitFor();
    link = await line.locator('a').getAttribute('href');
    assert.match(link, /\/#\/call\/call\./);
  });

  await chapter('two talk through the TURN server', async () => {
    await join(alice, link);
    await join(bob, link);
    await receives(alice, 'bob');
    await receives(bob, 'alice');
    await bob.picture('call-two');
  });

  await chapter('a guest without an account joins', async () => {
    zoe = await come('zoe');
    await join(zoe, link, { name: 'Zoë' });
    for (const [device, name] of [
      [zoe, 'alice'],
      [zoe, 'bob'],
      [alice, 'Zoë'],
      [bob, 'Zoë'],
    ]) {
      await receives(device, name);
    }
    await alice.pictures('call-three');
  });

  await chapter(
    'who mutes is silent, who switches the camera off has a picture of letters',
    async () => {
      await bob.page.locator('[data-test-call-microphone="on"]').click();
      await person(alice, 'bob').getByText('muted').waitFor({ state: 'attached' });
      await bob.page.locator('[data-test-call-camera="on"]').click();
      await person(alice, 'bob').locator('video').waitFor({ state: 'detached' });
      await bob.page.locator('[data-test-call-camera="off"]').click();
      await person(alice, 'bob').locator('video').waitFor();
    },
  );

  await chapter('a connection that broke comes back', async () => {
    await bob.context.setOffline(true);
    await bob.page.locator('[data-test-call-interrupted]').waitFor({ timeout: 60_000 });
    await bob.context.setOffline(false);
    await bob.page
      .locator('[data-test-call-interrupted]')
      .waitFor({ state: 'detached', timeout: PATIENCE });
    await receives(bob, 'alice');
  });

  await chapter('on a telephone everything of the call is within reach', async () => {
    await alice.page.setViewportSize(PHONE);
    for (const selector of [
      '[data-test-call-to-chat]',
      '[data-test-call-end]',
      '[data-test-call-put-out]',
      '[data-test-call-hang-up]',
    ]) {
      for (const found of await alice.page.locator(selector).all()) await whole(found, selector);
    }
    await alice.page.locator('[data-test-call-end]').click();
    await whole(alice.page.locator('[data-test-dialog="end-call"]'), 'the dialog');
    await alice.picture('call-end-narrow');
    await alice.closeDialog();
  });

  await chapter('who started it puts the guest out', async () => {
    await person(alice, 'Zoë').locator('[data-test-call-put-out]').click();
    const dialog = alice.page.locator('[data-test-dialog="put-out"]');
    await whole(dialog, 'the dialog');
    await alice.picture('call-put-out-narrow');
    assert.equal(await person(bob, 'Zoë').locator('[data-test-call-put-out]').count(), 0);
    await dialog.locator('[data-test-submit]').click();
    await zoe.page.getByText('You were removed from this call.').waitFor();
    for (const device of [alice, bob]) await person(device, 'Zoë').waitFor({ state: 'detached' });
    await alice.page.getByText('You removed Zoë (guest) from the call.').waitFor();
    await alice.page.setViewportSize({ width: 1440, height: 900 });
  });

  await chapter('a removed participant cannot come back with the same link', async () => {
    await zoe.page.reload();
    await lobby(zoe, link);
    await enter(zoe, { name: 'Zoë' });
    assert.equal(await zoe.error(), 'You were removed from this call.');
  });

  await chapter('the call goes on beside the chat, until one leaves', async () => {
    await bob.page.locator('[data-test-call-to-chat]').click();
    await bob.page.locator('[data-test-call-bar]').waitFor();
    const before = await count(alice, 'bob', 'audio');
    await until('sound of bob', async () => (await count(alice, 'bob', 'audio')) > before);
    await bob.page.locator('[data-test-call-bar] button').click();
    await person(alice, 'bob').waitFor({ state: 'detached' });
  });

  await chapter('who signs out is not in the call any more', async () => {
    await join(bob, link);
    await person(alice, 'bob').waitFor();
    await bob.page.locator('[data-test-call-to-chat]').click();
    await bob.page.locator('[data-test-open-settings]').click();
    await bob.page.locator('[data-test-sign-out]').click();
    await bob.page.locator('[data-test-sign-in]').waitFor();
    await person(alice, 'bob').waitFor({ state: 'detached' });
    await bob.signIn(subspace.origin, 'bob', PASSWORD);
    await bob.chat();
    assert.equal(await bob.page.locator('[data-test-call-bar]').count(), 0);
  });

  await chapter('whoever started it ends it for everybody, and its link', async () => {
    await join(bob, link);
    await person(alice, 'bob').waitFor();
    await bob.page.locator('[data-test-call-to-chat]').click();
    await alice.page.locator('[data-test-call-end]').click();
    await alice.page.locator('[data-test-dialog="end-call"] [data-test-submit]').click();
    await bob.page.locator('[data-test-call-over]').waitFor();
    const said = await bob.page.locator('[data-test-call-over]').innerText();
    assert.match(said, /This call is over; ask for a new link\./);
    await bob.picture('call-over-bar');
    await alice.page.locator('[data-test-call]').waitFor({ state: 'detached' });
    await zoe.page.goto('about:blank');
    await zoe.page.goto(link);
    await zoe.page.getByText('This call is over, or its link is not complete').waitFor();
  });

  await chapter('a link that is not complete opens nothing', async () => {
    await zoe.page.goto(link.slice(0, -3));
    await zoe.page.getByText('This call is over, or its link is not complete').waitFor();
  });
});
