// Every main view, checked by axe, in the light and the dark theme, with the real server.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { accessible } from '../harness/axe.mjs';
import { startBrowser } from '../harness/browser.mjs';
import { fakeDevices, startCall } from '../harness/call.mjs';
import { Device } from '../harness/device.mjs';
import { PlainIrc } from '../harness/plain-irc.mjs';
import { Subspace } from '../harness/subspace.mjs';

const GENERAL = '#general';
const SECTIONS = [
  'appearance',
  'notifications',
  'account',
  'irc',
  'apps',
  'archives',
  'storage',
  'connectors',
];

let browser, server, alice, bob;

before(async () => {
  browser = await startBrowser(fakeDevices());
  server = await new Subspace('accessibility').start();
  alice = await Device.open(browser, 'accessibility-alice');
});

after(async () => {
  bob?.stop();
  await browser?.close();
  await server?.stop();
});

test('set-up and sign-in', async () => {
  await alice.goTo(await server.setUpLink());
  await alice.page.locator('[data-test-sign-up]').waitFor();
  await accessible(alice.page, 'set-up');
  const stranger = await Device.open(browser, 'accessibility-stranger');
  await stranger.goTo(server.origin);
  await stranger.page.locator('[data-test-sign-in]').waitFor();
  await accessible(stranger.page, 'sign-in');
  await stranger.close();
  await alice.signUp('alice', 'correct horse battery');
  await alice.chat();
  await alice.online();
});

test('a room with people', async () => {
  bob = await new PlainIrc('bob').connect(server.ircPort);
  await bob.join(GENERAL);
  bob.say(GENERAL, 'alice: see https://example.test/');
  await alice.inRoom(GENERAL);
  await alice.reads('alice: see', 'bob');
  await alice.member('bob');
  await accessible(alice.page, 'a room');
  await alice.page.locator('[data-test-room-menu]').click();
  await accessible(alice.page, 'its menu');
  await alice.page.keyboard.press('Escape');
});

test('dialogs', async () => {
  const { page } = alice;
  for (const item of ['topic', 'webhooks', 'mail']) {
    await alice.choose(item);
    await page.locator(`[data-test-dialog="${item}"]`).waitFor();
    await accessible(page, item);
    await alice.closeDialog();
  }
  await page.locator('[data-test-open-switcher]').click();
  await accessible(page, 'the switcher');
  await alice.closeDialog();
  await page.locator('[data-test-add-network]').click();
  await page.locator('[data-test-network-list]').waitFor();
  await accessible(page, 'networks to choose from');
  await page.locator('[data-test-custom-network]').click();
  await accessible(page, 'a network');
  await alice.closeDialog();
});

test('settings', async () => {
  for (const section of SECTIONS) {
    await alice.openSettings(section);
    await accessible(alice.page, section);
  }
  await alice.open(GENERAL);
});

test('a call', async () => {
  await startCall(alice);
  await accessible(alice.page, 'the lobby');
  await alice.page.locator('[data-test-call-join]').click();
  await alice.page.locator('[data-test-call]').waitFor();
  await accessible(alice.page, 'a call');
  assert.deepEqual(alice.troubles, []);
});
