// A team's first day, from the set-up link to a restart after a power cut.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Archives } from '../harness/archives.mjs';
import { startBrowser } from '../harness/browser.mjs';
import { chapters } from '../harness/chapters.mjs';
import { Device } from '../harness/device.mjs';
import { startInspircd } from '../harness/inspircd.mjs';
import { Subspace } from '../harness/subspace.mjs';
import { until } from '../harness/until.mjs';
import { WeeChat } from '../harness/weechat.mjs';

const PASSWORDS = { alice: 'correct horse battery', bob: 'staple of my diet' };
const GENERAL = '#general';
// Somebody who closed the browser may only be reloading the page: it takes half a minute until they are away.
const GONE = { away: true, limitMs: 60_000 };
const SECOND = { name: 'Example', channel: '#harbour' };

let browser, server, inspircd;
const devices = [];
const plainClients = [];

async function device(name) {
  const opened = await Device.open(browser, name);
  devices.push(opened);
  return opened;
}

async function plainClient(nick, port) {
  const client = new WeeChat(nick);
  plainClients.push(client);
  return client.connect(port);
}

before(async () => {
  browser = await startBrowser();
  inspircd = await startInspircd();
  server = await new Subspace('story').start();
});

after(async () => {
  await browser?.close();
  for (const client of plainClients) await client.stop();
  await server?.stop();
  await inspircd?.stop();
});

test('a team begins to talk', { timeout: 600_000 }, async (t) => {
  const open = new Set();
  const chapter = chapters(t, () => [...open]);
  const come = async (name) => {
    const opened = await device(name);
    open.add(opened);
    return opened;
  };
  const leave = async (gone) => {
    open.delete(gone);
    await gone.close();
  };
  let alice, bob, invite, archives;

  await chapter(
    'the set-up link makes the first account, and she is in the default channel',
    async () => {
      alice = await come('alice');
      await alice.goTo(await server.setUpLink());
      await alice.page.locator('[data-test-sign-up]').waitFor();
      await alice.pictures('1-set-up');
      await alice.signUp('alice', PASSWORDS.alice);
      await alice.chat();
      await alice.online();
      await alice.inRoom(GENERAL);
      await alice.member('alice');
      await alice.say('Is anybody here?');
      await alice.accepted('Is anybody here?');
      archives = new Archives(
        server.origin,
        'alice',
        await server.token('alice', 'chat-messages:r'),
      );
    },
  );

  await chapter('an invite link brings a second person', async () => {
    invite = await alice.invite();
    bob = await come('bob');
    await bob.goTo(invite);
    assert.match(await bob.lead(), /alice/);
    await bob.pictures('2-invite');
    await bob.signUp('bob', PASSWORDS.bob);
    await bob.chat();
    await bob.online();
    await bob.inRoom(GENERAL);
    await bob.member('alice');
    await alice.member('bob');
  });

  await chapter('they talk in the channel and directly', async () => {
    await bob.say('Hello alice, I am here.');
    await alice.reads('Hello alice, I am here.', 'bob');
    await alice.say('Welcome! Shall we *ship* it? https://example.test/plan');
    await bob.reads('Welcome! Shall we *ship* it?', 'alice');
    await alice.say('/msg bob Just between us');
    await bob.open('alice');
    await bob.reads('Just between us', 'alice');
    await bob.say('Nobody else reads this');
    await alice.open('bob');
    await alice.reads('Nobody else reads this', 'bob');
    await alice.pictures('3-direct');
    await alice.open(GENERAL);
    await bob.open(GENERAL);
  });

  await chapter('each sees the other go and come', async () => {
    await leave(bob);
    await alice.member('bob', GONE);
    bob = await come('bob-again');
    await bob.signIn(server.origin, 'bob', PASSWORDS.bob);
    await bob.chat();
    await bob.open(GENERAL);
    await bob.reads('Hello alice, I am here.', 'bob');
    await alice.member('bob');
    await alice.say('/away At lunch');
    await bob.member('alice', { away: true });
    await alice.say('/away');
    await bob.member('alice');
  });

  let carol;
  await chapter('a plain IRC client talks with both, and all text is plain', async () => {
    carol = await plainClient('carol', server.ircPort);
    await carol.join(GENERAL);
    await alice.member('carol');
    carol.say(GENERAL, 'Good morning from WeeChat');
    await alice.reads('Good morning from WeeChat', 'carol');
    await bob.reads('Good morning from WeeChat', 'carol');
    await alice.say('Good morning, carol <3 & "friends"');
    await carol.reads(GENERAL, 'alice', 'Good morning, carol <3 & "friends"');
    await bob.say('first line\nsecond line: ünï¢ødé 🚀');
    await carol.reads(GENERAL, 'bob', 'first line');
    await carol.reads(GENERAL, 'bob', 'second line: ünï¢ødé 🚀');
    carol.say('bob', 'psst, bob');
    await bob.open('carol');
    await bob.reads('psst, bob', 'carol');
    await bob.say('psst yourself');
    await carol.reads('bob', 'bob', 'psst yourself');
    await bob.open(GENERAL);
    for (const { text } of carol.said(GENERAL)) assert.doesNotMatch(text, /[{}\p{Cc}]/u);
  });

  let dave;
  await chapter('a second network, and she is on both at once', async () => {
    dave = await plainClient('dave', inspircd.port);
    await dave.join(SECOND.channel);
    await alice.addNetwork({
      name: SECOND.name,
      host: '127.0.0.1',
      port: inspircd.port,
      channels: SECOND.channel,
    });
    await alice.online(SECOND.name);
    await alice.open(SECOND.channel, SECOND.name);
    await alice.member('dave');
    await alice.say('Ahoy from the other shore');
    await dave.reads(SECOND.channel, 'alice', 'Ahoy from the other shore');
    dave.say(SECOND.channel, 'Ahoy alice');
    await alice.reads('Ahoy alice', 'dave');
    await alice.pictures('4-two-networks');
    await alice.online();
    await bob.say('alice: are you still there?');
    assert.equal(await alice.unread(GENERAL), 1);
    await alice.open(GENERAL);
    await alice.reads('alice: are you still there?', 'bob');
    await alice.pictures('5-channel');
  });

  await chapter('she closes the browser and messages go on arriving', async () => {
    await leave(alice);
    await bob.member('alice', GONE);
    carol.say(GENERAL, 'alice: you missed this');
    dave.say(SECOND.channel, 'alice: and this');
    carol.say('alice', 'and a secret');
    await bob.reads('alice: you missed this', 'carol');
    for (const text of ['alice: you missed this', 'alice: and this', 'and a secret']) {
      await until(`"${text}" in her archives`, async () =>
        (await archives.texts('')).includes(text),
      );
    }
  });

  await chapter('she comes back on another device and has them all', async () => {
    alice = await come('alice-laptop');
    await alice.signIn(server.origin, 'alice', PASSWORDS.alice);
    await alice.chat();
    await alice.online();
    await alice.online(SECOND.name);
    await alice.open(GENERAL);
    await alice.reads('alice: you missed this', 'carol');
    await alice.reads('Is anybody here?', 'alice');
    await alice.open('carol');
    await alice.reads('and a secret', 'carol');
    await alice.open(SECOND.channel, SECOND.name);
    await alice.reads('alice: and this', 'dave');
    await alice.reads('Ahoy from the other shore', 'alice');
    await bob.member('alice');
  });

  await chapter(
    'the power fails in the middle of a sentence, and everything is there again',
    async () => {
      await alice.open(GENERAL);
      await bob.say('The last words before the dark');
      await alice.reads('The last words before the dark', 'bob');
      await server.kill();
      await alice.disconnected();
      await server.start();
      await alice.connected();
      await alice.online();
      await alice.online(SECOND.name);
      await alice.member('bob');
      await carol.sees(GENERAL, /The last words before the dark/);
      await until('carol to be back', async () => {
        carol.say(GENERAL, 'Lights are on again');
        await alice.page.waitForTimeout(500);
        return (await alice.texts()).some((text) => text.includes('Lights are on again'));
      });
      await alice.reads('The last words before the dark', 'bob');
      await alice.say('And we are all here');
      await bob.reads('And we are all here', 'alice');
      await carol.reads(GENERAL, 'alice', 'And we are all here');
      const phone = await come('bob-phone');
      await phone.signIn(server.origin, 'bob', PASSWORDS.bob);
      await phone.chat();
      await phone.open(GENERAL);
      await phone.reads('Hello alice, I am here.', 'bob');
      await phone.reads('And we are all here', 'alice');
      await alice.open(SECOND.channel, SECOND.name);
      await alice.reads('Ahoy alice', 'dave');
      dave.say(SECOND.channel, 'Still afloat?');
      await alice.reads('Still afloat?', 'dave');
      await alice.pictures('6-after-the-restart');
    },
  );

  await chapter('whatever a browser has shown is in the archives', async () => {
    for (const name of ['alice', 'bob']) {
      const token = await server.token(name, 'chat-messages:r');
      const theirs = new Archives(server.origin, name, token);
      const shown = new Set();
      for (const one of devices.filter((one) => one.name.startsWith(name))) {
        for (const id of one.shown) shown.add(id);
      }
      assert.ok(shown.size > 10, `${name} was shown ${shown.size} messages`);
      await until(`all of ${name}'s messages in the archives`, async () => {
        const archived = new Set((await theirs.entries()).map((entry) => entry.id));
        const missing = [...shown].filter((id) => !archived.has(id));
        if (missing.length) throw new Error(`missing: ${missing.join(', ')}`);
        return true;
      });
    }
  });

  await chapter('no page had a script error or asked anybody else', () => {
    for (const { name, troubles } of devices) assert.deepEqual(troubles, [], name);
  });
});
