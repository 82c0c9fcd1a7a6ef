// Changing the password, or signing out everywhere else, signs out every other browser within seconds.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startBrowser } from '../harness/browser.mjs';
import { Device } from '../harness/device.mjs';
import { Subspace } from '../harness/subspace.mjs';

const OLD = 'correct horse battery';
const NEW = 'staple of my diet';

let browser, server, alice;

before(async () => {
  browser = await startBrowser();
  server = await new Subspace('account').start();
  alice = await Device.open(browser, 'account-alice');
  await alice.goTo(await server.setUpLink());
  await alice.signUp('alice', OLD);
  await alice.chat();
  await alice.online();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Signs alice in on another device. */
async function elsewhere(name, password) {
  const device = await Device.open(browser, `account-${name}`);
  await device.signIn(server.origin, 'alice', password);
  await device.chat();
  await device.online();
  return device;
}

test('another password signs out every other browser, and the old one opens nothing', async () => {
  const other = await elsewhere('laptop', OLD);
  await alice.openSettings('account');
  await alice.pictures('account');
  await alice.changePassword('not my password', NEW);
  assert.match(await alice.fieldError('password-old'), /wrong/);
  await alice.picture('account-wrong');
  await alice.changePassword(OLD, NEW);
  await alice.passwordChanged();
  assert.match(await other.signedOut(), /signed out/);
  await other.signIn(server.origin, 'alice', OLD);
  assert.match(await other.error(), /password/);
  await other.signIn(server.origin, 'alice', NEW);
  await other.chat();
  await other.close();
});

test('whoever signs out everywhere else goes on, and nobody else does', async () => {
  const other = await elsewhere('phone', NEW);
  await alice.endOtherSessions();
  await other.signedOut();
  await alice.goTo(`${server.origin}/#/`);
  await alice.online();
  await alice.say('I am still here');
  await alice.accepted('I am still here');
  await other.close();
});

test('no page had an error', () => {
  assert.deepEqual(alice.troubles, []);
});
