// The same first day on every host of the functions: only the host exists, and everything that talks to networks is
// started elsewhere with the commands that the page shows.
import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';

import { allowApp } from '../harness/app.mjs';
import { Archives } from '../harness/archives.mjs';
import { startBrowser } from '../harness/browser.mjs';
import { chapters } from '../harness/chapters.mjs';
import { Device } from '../harness/device.mjs';
import { startTls } from '../harness/front.mjs';
import { HOSTS, installed } from '../harness/hosts.mjs';
import { freePort } from '../harness/ports.mjs';
import { Program, temporaryFolder } from '../harness/processes.mjs';
import { until } from '../harness/until.mjs';
import { WeeChat } from '../harness/weechat.mjs';

const ALICE = { name: 'alice', password: 'correct horse battery' };
const BOB = { name: 'bob', password: 'staple of my diet' };
const GENERAL = '#general';
/** Three events one after the other take longer if the connector is not woken. */
const WOKEN_MS = 18_000;
const JSON_TYPE = { 'content-type': 'application/json' };

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser?.close());

/** Posts an event to a webhook, like GitHub. */
function ping({ url, secret }, zen) {
  const body = JSON.stringify({ zen, hook_id: 1, repository: { full_name: 'octo/demo' } });
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  const headers = {
    ...JSON_TYPE,
    'x-github-delivery': randomUUID(),
    'x-github-event': 'ping',
    'x-hub-signature-256': `sha256=${signature}`,
  };
  return fetch(url, { method: 'POST', headers, body });
}

async function tell(t, name) {
  const started = [];
  const keep = (part) => {
    started.unshift(part);
    return part;
  };
  t.after(async () => {
    for (const part of started) await part.stop();
  });
  const [ircPort, socketPort] = [await freePort(), await freePort()];
  const host = keep(await HOSTS[name]({ irc: `http://127.0.0.1:${socketPort}` }));
  const devices = [];
  t.after(() => Promise.all(devices.map((device) => device.close())));
  const come = async (who) => {
    // The connector's certificate is self-signed.
    const device = await Device.open(browser, `${name}-${who}`, { ignoreHTTPSErrors: true });
    devices.push(device);
    return device;
  };
  const chapter = chapters(t, () => devices);
  const elsewhere = temporaryFolder('elsewhere');
  /** Runs a command as displayed; the test only adds free ports. */
  const run = async (id, command, more) => {
    // The shell is replaced by the program, which is then stopped with it.
    const [, settings, program] = /^(.*) (\S+)$/.exec(command);
    const options = { cwd: elsewhere, env: installed(more) };
    const line = `export ${settings}; exec ${program}`;
    const started = keep(new Program(`${name}-${id}`, '/bin/sh', ['-c', line], options));
    await started.line(/^ready /);
  };
  let alice, bob, carol;

  await chapter('the set-up token makes the first account, in the browser', async () => {
    alice = await come('alice');
    await alice.goTo(host.setUpLink);
    await alice.signUp(ALICE.name, ALICE.password);
  });

  await chapter('the page says how to start an IRC server, which finds its way here', async () => {
    const command = await alice.connectServer('ircd', `irc://127.0.0.1:${ircPort}`);
    await alice.picture(`${name}-connect`);
    await run('ircd', command, { SUBSPACE_IRCD_LISTEN: `127.0.0.1:${ircPort}` });
    await alice.serverRegistered('ircd');
  });

  await chapter('then the gateway, and she is in the default channel', async () => {
    await alice.connectAnother();
    const front = keep(await startTls(socketPort));
    const command = await alice.connectServer('gateway', `https://127.0.0.1:${front.port}`);
    await run('irc', command, { SUBSPACE_LISTEN: `127.0.0.1:${socketPort}` });
    await alice.online();
    await alice.inRoom(GENERAL);
    await alice.member('alice');
    await alice.say('Is anybody here?');
    await alice.accepted('Is anybody here?');
  });

  await chapter('a plain IRC client talks with her', async () => {
    carol = keep(new WeeChat(`carol-${name}`));
    await carol.connect(ircPort);
    await carol.join(GENERAL);
    await alice.member(carol.nick);
    carol.say(GENERAL, 'Good morning from WeeChat');
    await alice.reads('Good morning from WeeChat', carol.nick);
    await alice.say('Good morning, carol <3 & "friends"');
    await carol.reads(GENERAL, 'alice', 'Good morning, carol <3 & "friends"');
  });

  await chapter('an invite link brings a second person', async () => {
    const invite = await alice.invite();
    assert.ok(invite.startsWith(host.origin), invite);
    bob = await come('bob');
    await bob.goTo(invite);
    assert.match(await bob.lead(), /alice/);
    await bob.signUp(BOB.name, BOB.password);
    await bob.chat();
    await bob.online();
    await bob.inRoom(GENERAL);
    await alice.member('bob');
    await bob.say('Hello alice, I am here.');
    await alice.reads('Hello alice, I am here.', 'bob');
    await alice.say('/msg bob Just between us');
    await bob.open('alice');
    await bob.reads('Just between us', 'alice');
  });

  await chapter('a webhook is read in the channel, and a wrong signature is not', async () => {
    await alice.open(GENERAL);
    const hook = await alice.makeWebhook({ source: 'github', name: 'Demo' });
    assert.ok(hook.url.startsWith(`${host.origin}/hooks/alice.`), hook.url);
    await alice.closeDialog();
    assert.equal((await ping({ ...hook, secret: 'not it' }, 'Forged')).status, 403);
    // On its own the connector only polls every 10 s.
    const begun = Date.now();
    for (const zen of ['Anything added dilutes everything else.', 'Half measures', 'Design']) {
      assert.equal((await ping(hook, zen)).status, 200);
      await alice.reads(zen);
    }
    const took = Date.now() - begun;
    assert.ok(took < WOKEN_MS, `three events took ${took} ms: the connector is not woken`);
    await carol.sees(GENERAL, /Anything added dilutes everything else\./);
    assert.ok(!carol.said(GENERAL).some(({ text }) => text.includes('Forged')));
  });

  await chapter('what was said is in the archives, and there after reloading', async () => {
    const scope = 'chat-messages:r';
    const { root, token } = await allowApp(alice, host.origin, { ...ALICE, scope });
    assert.equal(root, `${host.origin}/storage/alice`);
    const archives = new Archives(host.origin, 'alice', token);
    for (const text of ['Is anybody here?', 'Good morning from WeeChat', 'Just between us']) {
      await until(`"${text}" in the archives`, async () =>
        (await archives.texts('')).includes(text),
      );
    }
    await alice.page.reload();
    await alice.chat();
    await alice.open(GENERAL);
    await alice.reads('Is anybody here?', 'alice');
    await alice.reads('Hello alice, I am here.', 'bob');
    const laptop = await come('alice-laptop');
    await laptop.signIn(host.origin, ALICE.name, ALICE.password);
    await laptop.chat();
    await laptop.open(GENERAL);
    await laptop.reads('Good morning from WeeChat', carol.nick);
  });

  await chapter('an app keeps a document in her storage', async () => {
    const scope = 'notes:rw';
    const { root, token } = await allowApp(alice, host.origin, { ...ALICE, scope });
    const folder = `${root}/notes/`;
    const authorization = `Bearer ${token}`;
    const put = (headers) => {
      const all = { authorization, 'content-type': 'text/plain', ...headers };
      return fetch(`${folder}shop.txt`, { method: 'PUT', headers: all, body: 'Tea and sails' });
    };
    const made = await put({ 'if-none-match': '*' });
    assert.equal(made.status, 201);
    assert.equal((await put({ 'if-none-match': '*' })).status, 412);
    const read = await fetch(`${folder}shop.txt`, { headers: { authorization } });
    assert.equal(await read.text(), 'Tea and sails');
    assert.equal(read.headers.get('etag'), made.headers.get('etag'));
    const { items } = await (await fetch(folder, { headers: { authorization } })).json();
    assert.deepEqual(Object.keys(items), ['shop.txt']);
    assert.equal((await fetch(`${folder}shop.txt`)).status, 401);
    const elsewhere = await fetch(`${root}/chat-messages/`, { headers: { authorization } });
    assert.equal(elsewhere.status, 403);
  });

  await chapter('no page had a script error or asked anybody else', () => {
    for (const device of devices) assert.deepEqual(device.troubles, [], device.name);
  });
}

for (const name of Object.keys(HOSTS)) {
  test(`a first day on ${name}`, { timeout: 420_000 }, (t) => tell(t, name));
}
