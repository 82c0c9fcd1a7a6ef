// Mistakes by people and the outside world, and the error messages.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startBrowser } from '../harness/browser.mjs';
import { Device } from '../harness/device.mjs';
import { freePort } from '../harness/ports.mjs';
import { Program } from '../harness/processes.mjs';
import { Subspace, binary } from '../harness/subspace.mjs';
import { until } from '../harness/until.mjs';

const PASSWORD = 'correct horse battery';
let browser, server, alice;

before(async () => {
  browser = await startBrowser();
  server = await new Subspace('bad-input').start();
  alice = await Device.open(browser, 'bad-input-alice');
  await alice.goTo(await server.setUpLink());
  await alice.signUp('alice', PASSWORD);
  await alice.chat();
  await alice.online();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A sentence for people: no codes, no internals. */
function assertSentence(text) {
  assert.match(text, /^["\p{Lu}].* .*[.!?]$/su, text);
  assert.doesNotMatch(text, /undefined|\[object|Error:|\b[45]\d\d\b/, text);
}

test('a wrong password', async () => {
  const device = await Device.open(browser, 'wrong-password');
  await device.signIn(server.origin, 'alice', 'not her password');
  assertSentence(await device.error());
  await device.picture('wrong-password');
  await device.signIn(server.origin, 'alice', PASSWORD);
  await device.chat();
  await device.close();
});

test('strangers at the same address who take all connections', async () => {
  let [going, full] = [true, false];
  const occupied = (async () => {
    while (going) {
      const answer = await fetch(`${server.origin}/sockethub/?EIO=4&transport=polling`);
      await answer.text();
      if (answer.status !== 429) continue;
      full = true;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  await until('all connections taken', () => full);
  const device = await Device.open(browser, 'occupied');
  const opened = [];
  device.page.on('websocket', (socket) => opened.push(new URL(socket.url()).searchParams));
  await device.signIn(server.origin, 'alice', PASSWORD);
  await device.chat();
  await device.online();
  going = false;
  await occupied;
  const shown = opened.map((query) => query.has('ticket'));
  assert.equal(shown[0], false, 'first without');
  assert.ok(shown.includes(true), 'then with the ticket');
  await device.close();
});

test('a password that is too short, and a name that cannot be one', async () => {
  const device = await Device.open(browser, 'sign-up');
  await device.goTo(await alice.invite());
  await device.signUp('bob', 'short');
  assertSentence(await device.error());
  await device.signUp('Bob the Builder', 'a long enough password');
  assertSentence(await device.error());
  await device.signUp('alice', 'a long enough password');
  assertSentence(await device.error());
  await device.signUp('bob', 'a long enough password');
  await device.chat();
  await device.close();
});

test('an invite that was used, one that never was, and the set-up link once it is done', async () => {
  const link = await alice.invite();
  const first = await Device.open(browser, 'first');
  await first.goTo(link);
  await first.signUp('carla', 'a long enough password');
  await first.chat();
  await first.close();
  const setUp = await server.setUpLink();
  for (const [name, wrong] of [
    ['used-invite', link],
    ['made-up-invite', `${server.origin}/#/invite/nonsense`],
    ['used-set-up', setUp],
  ]) {
    const device = await Device.open(browser, name);
    await device.goTo(wrong);
    await device.picture(name);
    assertSentence(await device.lead());
    assert.equal(await device.page.locator('[data-test-sign-up]').count(), 0, name);
    await device.close();
  }
});

test('a network that cannot be reached', async () => {
  const port = await freePort();
  await alice.addNetwork({ name: 'Nowhere', host: '127.0.0.1', port, channels: '#x' });
  const network = alice.page.locator('[data-test-network="Nowhere"]');
  await network.and(alice.page.locator('[data-test-connection-state="offline"]')).waitFor();
  await alice.picture('unreachable-network');
  await alice.online();
});

test('a channel that cannot be one, and a command that is none', async () => {
  await alice.open('#general');
  for (const [text, pattern] of [
    ['/join spaces and, commas', /spaces/],
    ['/nonsense', /no command "\/nonsense"/],
  ]) {
    await alice.say(text);
    const sentence = await alice.hint(pattern);
    assertSentence(sentence);
    assert.equal(await alice.draft(), text, 'what was typed is still there to be corrected');
  }
  await alice.picture('wrong-commands');
  await alice.say('still here');
  await alice.accepted('still here');
});

test('a message to nobody, and a channel that the server does not know', async () => {
  await alice.say('/msg nobody-is-called-that hello');
  assertSentence(await alice.trouble(/nobody-is-called-that/));
  await alice.picture('message-to-nobody');
  await alice.open('#general');
  await alice.say(`/join #${'x'.repeat(300)}`);
  assertSentence(await alice.trouble(/xxx/));
  await alice.picture('unknown-channel');
});

test('a port in use, a wrong flag and a wrong token name are one sentence each', async () => {
  const port = new URL(server.origin).host;
  const folder = new Subspace('port-in-use').data;
  const args = ['serve', '--data', folder, '--ircd-listen', 'off', '--mail-listen', 'off'];
  for (const [more, pattern] of [
    [['--listen', port], new RegExp(port.split(':')[1])],
    [['--listen', 'nonsense'], /listen: found something else than an address like/],
  ]) {
    const program = new Program('wrong-start', binary(), [...args, ...more]);
    assert.equal(await program.end(), 'exit code 1');
    const said = program.lines.filter((line) => line.startsWith('subspace: '));
    assert.equal(said.length, 1, program.lines.join('\n'));
    assert.match(said[0], pattern);
  }
  const token = ['token', 'nobody', '--scope', 'notes:rw', '--data', server.data];
  const program = new Program('wrong-token', binary(), token);
  assert.equal(await program.end(), 'exit code 1');
  assert.match(program.lines.join('\n'), /nobody/);
});
