// A webhook: created in the browser, called by a service with a push, and read by everyone in the channel.
import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';

import { startBrowser } from '../harness/browser.mjs';
import { chapters } from '../harness/chapters.mjs';
import { Device } from '../harness/device.mjs';
import { Subspace } from '../harness/subspace.mjs';
import { WeeChat } from '../harness/weechat.mjs';

const GENERAL = '#general';
const COMMIT = '0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c';
const PUSH = {
  ref: 'refs/heads/main',
  before: '6dcb09b5b57875f334f61aebed695e2e4193db5e',
  after: COMMIT,
  compare: 'https://code.example.test/octo/demo/compare/6dcb09b5b578...0d1a26e67d8f',
  repository: { name: 'demo', html_url: 'https://code.example.test/octo/demo' },
  pusher: { name: 'octo' },
  sender: { login: 'octo' },
  head_commit: { url: `https://code.example.test/octo/demo/commit/${COMMIT}` },
  commits: [
    {
      id: COMMIT,
      distinct: true,
      message: 'Mend the sails @channel\n\nThey were torn.',
      author: { name: 'Octo Cat' },
    },
  ],
};
const SUMMARY = `[demo] octo pushed 1 new commit to main: ${PUSH.head_commit.url}`;
const DETAIL = 'demo/main 0d1a26e Octo Cat: Mend the sails @ channel...';

let browser, server, alice, carol;

before(async () => {
  browser = await startBrowser();
  server = await new Subspace('webhooks').start();
});

after(async () => {
  await browser?.close();
  await carol?.stop();
  await server?.stop();
});

/** Posts an event, like GitHub. */
function post(url, secret, delivery, body = JSON.stringify(PUSH)) {
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  return fetch(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'User-Agent': 'GitHub-Hookshot/1a2b3c4',
      'X-GitHub-Delivery': delivery,
      'X-GitHub-Event': 'push',
      'X-GitHub-Hook-ID': '292430182',
      'X-Hub-Signature-256': `sha256=${signature}`,
    },
    body,
  });
}

test('a push reaches the channel', { timeout: 180_000 }, async (t) => {
  const chapter = chapters(t, () => (alice ? [alice] : []));
  let hook;

  await chapter('somebody reads the channel in a plain IRC client', async () => {
    alice = await Device.open(browser, 'webhooks-alice');
    await alice.goTo(await server.setUpLink());
    await alice.signUp('alice', 'correct horse battery');
    await alice.chat();
    await alice.online();
    await alice.inRoom(GENERAL);
    carol = await new WeeChat('carol').connect(server.ircPort);
    await carol.join(GENERAL);
  });

  await chapter('she makes a webhook and gets its address and secret', async () => {
    hook = await alice.makeWebhook({ source: 'github', name: 'Demo' });
    assert.ok(hook.url.startsWith(`${server.origin}/hooks/alice.`), hook.url);
    await alice.pictures('webhook-made');
    await alice.closeDialog();
  });

  await chapter('a signed push is read in both, once, although it is repeated', async () => {
    const delivery = randomUUID();
    const answers = [];
    for (let n = 0; n < 3; n += 1) answers.push(await post(hook.url, hook.secret, delivery));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
    await alice.reads(SUMMARY);
    await alice.reads(DETAIL);
    await carol.sees(GENERAL, /octo pushed 1 new commit to main/);
    await carol.sees(GENERAL, /Mend the sails @ channel/);
    // A later event is read after it, so by then nothing more of it can come.
    const last = JSON.stringify({ ...PUSH, ref: 'refs/heads/last' });
    assert.equal((await post(hook.url, hook.secret, randomUUID(), last)).status, 200);
    await alice.reads('pushed 1 new commit to last');
    await carol.sees(GENERAL, /pushed 1 new commit to last/);
    const shown = carol.said(GENERAL).filter(({ text }) => text.includes('commit to main'));
    assert.equal(shown.length, 1, JSON.stringify(shown));
    await alice.pictures('webhook-said');
  });

  await chapter('a wrong signature is refused, and she sees what became of each', async () => {
    const wrong = await post(hook.url, 'not the secret', randomUUID());
    assert.equal(wrong.status, 403);
    assert.match((await wrong.json()).detail, /X-Hub-Signature-256/);
    const outcomes = await alice.webhookOutcomes('Demo');
    assert.deepEqual(outcomes, ['refused', 'delivered', 'delivered']);
    await alice.pictures('webhook-deliveries');
    await alice.closeDialog();
    assert.deepEqual(alice.troubles, []);
  });
});
