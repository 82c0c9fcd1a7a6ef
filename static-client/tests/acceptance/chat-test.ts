import {
  click,
  currentURL,
  fillIn,
  find,
  findAll,
  settled,
  triggerEvent,
  triggerKeyEvent,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import type Owner from '@ember/owner';
import { room } from 'subspace-client/lib/activities';
import type { PlatformDescriptor } from 'subspace-client/lib/protocol';
import ROOMS from '../../../connectors/dummy/src/rooms.json';
import { choose, setupApplicationTest } from '../helpers';
import {
  arrival,
  at,
  attendance,
  connection,
  event,
  said,
  SERVER,
} from '../helpers/chat';
import { shows, texts } from '../helpers/rows';
import { FakeServer } from '../helpers/server';

const GENERAL = '/chat-messages/irc.example/channels/general/';
const COMPOSER = '[data-test-composer]';
/** A browser on a busy machine takes its time to go back, in ms. */
const BACK = { timeout: 10_000 };

module('Acceptance | chat', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    const gateway = this.owner.lookup('service:gateway');
    gateway.openSocket = server.openSocket;
    // Rooms are shown as they load.
    this.owner.lookup('service:history').patience = 0;
  });

  hooks.afterEach(() => server.stop());

  /** Signs in, and responds as the gateway does after `connect`. */
  async function arrive(members?: string[]) {
    server.signIn();
    await visit('/');
    await server.greet(1, arrival(members));
    await waitFor('[data-test-member="alice"]');
    await waitFor('[data-test-connection-state="online"]');
  }

  /** The account's archives, by path; the storage is connected at once. */
  function archive(owner: Owner, documents: Record<string, unknown>) {
    const storage = owner.lookup('service:storage');
    storage.start = () => {
      storage.ready = true;
      return Promise.resolve();
    };
    owner.lookup('service:archives').sources = () => [
      {
        id: '',
        read: (path) => Promise.resolve(documents[path]),
        list: () => Promise.resolve([]),
      },
    ];
  }

  async function say(text: string) {
    await fillIn(COMPOSER, text);
    await triggerKeyEvent(COMPOSER, 'keydown', 'Enter');
  }

  test('without a session there is the sign-in, with the sentence of the server', async function (assert) {
    server.answers['POST /api/session'] = {
      status: 401,
      body: { detail: 'the name or the password is wrong' },
    };
    await visit('/');
    assert.strictEqual(currentURL(), '/sign-in');
    await fillIn('[data-test-name]', 'alice');
    await fillIn('[data-test-password]', 'wrong');
    await click('[data-test-submit]');
    assert
      .dom('[data-test-error]')
      .hasText('The name or the password is wrong.');
    assert.dom('[data-test-name]').hasValue('alice');
  });

  test('an invitation that cannot be used offers no form', async function (assert) {
    await visit('/invite/nonsense');
    assert.dom('[data-test-sign-up]').doesNotExist();
    assert.dom('[data-test-auth-lead]').includesText('There is no GET');
  });

  test('an invitation names who invites, and checks what is typed', async function (assert) {
    server.answers['GET /api/invites/tok'] = { body: { inviter: 'carol' } };
    await visit('/invite/tok');
    assert.dom('[data-test-auth-lead]').includesText('carol invited you');
    await fillIn('[data-test-name]', 'bob');
    await fillIn('[data-test-password]', 'short');
    await click('[data-test-submit]');
    assert.dom('[data-test-error]').includesText('at least 10');
    assert.true(server.spared('POST /api/accounts'));
  });

  test('one lands in the default channel', async function (assert) {
    await arrive(['alice', 'bob']);
    assert.strictEqual(currentURL(), '/net/%23general');
    assert.dom('[data-test-room-title]').hasText('#general');
    assert.dom('[data-test-topic]').hasText('Tea');
    assert.dom('[data-test-member]').exists({ count: 2 });
    assert.strictEqual(server.socket.auth['mode'], 'full');
    assert.strictEqual(server.sockets.length, 1, 'none without a platform');
  });

  test('a message is shown at once, and confirmed by the ack', async function (assert) {
    await arrive();
    await say('hello');
    assert.deepEqual(texts(), ['hello']);
    assert.dom('[data-test-delivery="pending"]').exists();
    assert.dom(COMPOSER).hasValue('');
    const { activity, ack } = await server.socket.taken('send');
    ack(null, { ...activity, id: 'm1', published: at(Date.now()) });
    await waitFor('[data-test-message="m1"][data-test-delivery="confirmed"]');
    server.socket.say(
      said('alice', '#general', 'hello', 5, { id: 'm1' }),
      said('bob', '#general', 'hi alice', Date.now() + 10),
    );
    await shows('hi alice');
    assert.deepEqual(texts(), ['hello', 'hi alice']);
    assert.dom('.at-me').hasText('alice');
  });

  test('a message that fails stays, with the reason, and can be sent again', async function (assert) {
    await arrive();
    await say('hello');
    const first = await server.socket.taken('send');
    first.ack(null, { ...first.activity, error: 'you are banned' });
    await waitFor('[data-test-failure]');
    assert.dom('[data-test-failure]').hasText('You are banned.');
    await click('[data-test-retry]');
    assert.dom('[data-test-delivery="pending"]').exists();
    const second = await server.socket.taken('send');
    second.ack(null, {
      ...second.activity,
      id: 'm1',
      published: at(Date.now()),
    });
    await waitFor('[data-test-delivery="confirmed"]');
    assert.deepEqual(texts(), ['hello']);
    assert.notOk(localStorage.getItem('subspace:outbox:alice'));
  });

  test('what is typed without a link is sent when it is back', async function (assert) {
    await arrive();
    server.socket.break();
    await waitFor('[data-test-link-banner]');
    assert.dom('[data-test-composer-hint]').hasText('', 'it is said once');
    await say('are you there?');
    assert.dom('[data-test-delivery="pending"]').exists();
    await server.opened(2);
    assert.true(
      Date.parse(server.socket.auth['since'] as string) < Date.now(),
      'asks for what was missed',
    );
    await server.greet(2, []);
    const { activity, ack } = await server.socket.taken('send');
    ack(null, { ...activity, id: 'm9', published: at(Date.now()) });
    await waitFor('[data-test-message="m9"]');
    assert.dom('[data-test-link-banner]').doesNotExist();
  });

  test('a message whose ack was lost is settled by the replay', async function (assert) {
    await arrive();
    await say('hello');
    server.socket.break();
    await server.opened(2);
    server.socket.open();
    server.socket.say(
      ...arrival(),
      said('alice', '#general', 'hello', Date.now(), { id: 'm1' }),
    );
    await waitFor('[data-test-message="m1"]');
    assert.deepEqual(texts(), ['hello']);
    assert.notOk(localStorage.getItem('subspace:outbox:alice'));
  });

  test('drafts belong to their room and survive', async function (assert) {
    await arrive();
    await fillIn(COMPOSER, 'half a thought');
    await visit('/net/bob');
    assert.dom(COMPOSER).hasValue('');
    await visit('/net/%23general');
    assert.dom(COMPOSER).hasValue('half a thought');
    assert.strictEqual(
      localStorage.getItem('subspace:draft:alice:net/#general'),
      '"half a thought"',
    );
  });

  test('a command that is none is kept, with a sentence', async function (assert) {
    await arrive();
    await say('/nonsense');
    assert
      .dom('[data-test-composer-hint]')
      .includesText('There is no command "/nonsense"');
    assert.dom(COMPOSER).hasValue('/nonsense');
    assert.strictEqual(server.socket.take('send'), undefined);
  });

  test('unread messages and mentions are counted at the side', async function (assert) {
    await arrive(['alice', 'bob']);
    // The storage has responded: the read markers are known.
    await waitFor('[data-test-beginning], [data-test-history-error]', {
      timeout: 9000,
    });
    await visit('/net/bob');
    const now = Date.now();
    server.socket.say(
      said('bob', '#general', 'one', now + 1),
      said('bob', '#general', 'two', now + 2),
    );
    await waitFor('[data-test-unread]');
    assert.dom('[data-test-unread]').hasText('2 unread');
    assert.true(document.title.startsWith('(2)'), document.title);
    // Where the sidebar is a drawer, its button shows it.
    assert.dom('[data-test-elsewhere]').hasClass('unread');
    assert
      .dom('[data-test-open-navigation]')
      .hasAria('label', 'Networks and channels: something is unread');
    server.socket.say(said('bob', '#general', 'alice?', now + 3));
    await waitFor('[data-test-mentions]');
    assert.dom('[data-test-mentions]').hasText('1 mentions');
    assert.dom('[data-test-elsewhere]').hasClass('mention');
    await click('[data-test-room-link="#general"]');
    await waitFor('[data-test-divider]');
    await waitUntil(() => !find('[data-test-mentions]'));
    assert.dom('[data-test-unread]').doesNotExist();
    assert.dom('[data-test-elsewhere]').doesNotExist();
  });

  test('people come, go and are away', async function (assert) {
    await arrive(['alice', 'bob']);
    server.socket.say(
      event('join', 'carol', '#general', undefined, { id: 'j' }),
      event('update', 'bob', undefined, { type: 'presence', show: 'away' }),
    );
    await waitFor('[data-test-member="carol"]');
    assert
      .dom('[data-test-member="bob"]')
      .hasAttribute('data-test-away', 'yes');
    assert.dom('[data-test-presence]').includesText('carol joined');
    server.socket.say(attendance('#general', ['alice']));
    await waitUntil(() => findAll('[data-test-member]').length === 1);
    assert.dom('[data-test-member]').hasText(/alice/);
  });

  test('a person in the list opens a direct conversation', async function (assert) {
    await arrive(['alice', 'bob']);
    await click('[data-test-member="bob"]');
    assert.strictEqual(currentURL(), '/net/bob');
    await say('psst');
    const { activity } = await server.socket.taken('send');
    assert.strictEqual(activity.target?.id, 'bob@irc.example');
    assert.strictEqual(activity.target?.type, 'person');
  });

  test('the name of a webhook is nobody to talk to', async function (assert) {
    await arrive(['alice', 'bob']);
    server.socket.say(
      said('GitHub/hook', '#general', 'a commit', Date.now() - 2),
      said('bob', '#general', 'at last', Date.now() - 1),
    );
    await shows('at last');
    const author = (from: string) =>
      `[data-test-from="${from}"] [data-test-author]`;
    assert.dom(author('GitHub/hook')).hasTagName('span');
    assert.dom(author('GitHub/hook')).hasText('GitHub');
    assert
      .dom('[data-test-from="GitHub/hook"] [data-test-relayed]')
      .hasText('webhook');
    assert.dom('[data-test-from="bob"] [data-test-relayed]').doesNotExist();
    assert.dom(author('bob')).hasTagName('button');
  });

  test('what comes over the wire is text, never markup', async function (assert) {
    await arrive();
    const text = '<img src=x onerror=alert(1)> <script>alert(2)</script>';
    server.socket.say(said('bob', '#general', text, Date.now()));
    await shows(text);
    assert.dom('[data-test-message] img').doesNotExist();
    assert.dom('[data-test-message] script').doesNotExist();
  });

  test('a revoked session leads back to the sign-in, and says so', async function (assert) {
    server.answers['GET /api/session'] = {
      status: 401,
      body: { detail: 'the token was revoked' },
    };
    server.signIn();
    await visit('/');
    await waitFor('[data-test-sign-in]');
    assert.dom('[data-test-notice]').includesText("You've been signed out");
    assert.notOk(localStorage.getItem('subspace:session'));
  });

  test('the composer grows with its text, and shrinks again', async function (assert) {
    await arrive();
    const height = () => find(COMPOSER)!.clientHeight;
    const single = height();
    await fillIn(COMPOSER, 'one\ntwo\nthree\nfour');
    const four = height();
    assert.true(four >= single + 60, `${single} px, then ${four} px`);
    await fillIn(COMPOSER, Array.from({ length: 60 }, String).join('\n'));
    assert.true(height() < window.innerHeight / 2, 'not without bound');
    await fillIn(COMPOSER, '');
    assert.strictEqual(height(), single);
  });

  test('after leaving and joining again the history is read again', async function (assert) {
    archive(this.owner, {
      [`${GENERAL}meta`]: { last: '2026/01/10' },
      [`${GENERAL}2026/01/10`]: {
        today: {
          '@id': '2026/01/10',
          messages: [
            {
              id: 'a',
              timestamp: 1768040000000,
              from: 'bob',
              text: 'long ago',
            },
          ],
        },
      },
    });
    await arrive(['alice', 'bob']);
    await shows('long ago');
    await say('/part #general');
    const leave = await server.socket.taken('leave');
    leave.ack(null, leave.activity);
    await waitUntil(() => !find('[data-test-room-link="#general"]'), {
      timeoutMessage: 'left',
    });
    const chat = this.owner.lookup('service:chat');
    const joined = this.owner
      .lookup('service:actions')
      .join(chat.network('net')!, '#general');
    const join = await server.socket.taken('join');
    join.ack(null, { ...join.activity, id: 'j' });
    await joined;
    await shows('long ago');
    await waitFor('[data-test-beginning]');
    assert
      .dom('[data-test-beginning]')
      .hasText('This is as far back as your history of #general goes.');
  });

  test('lines sent before are gone after signing out', async function (assert) {
    await arrive();
    await say('my secret');
    await triggerKeyEvent(COMPOSER, 'keydown', 'ArrowUp');
    assert.dom(COMPOSER).hasValue('my secret');
    await this.owner.lookup('service:life').signOut();
    this.owner.lookup('service:session').notice = '';
    server.signIn();
    const chat = this.owner.lookup('service:chat');
    assert.strictEqual(
      chat.inputHistory('net/#general').up(''),
      undefined,
      'nothing to recall',
    );
  });

  test('however long a room is, a bounded part of it is rendered', async function (assert) {
    await arrive(['alice', 'bob']);
    const now = Date.now();
    server.socket.say(
      ...Array.from({ length: 2300 }, (_, n) =>
        said('bob', '#general', `line ${n}`, now - 2_300_000 + n * 1000),
      ),
    );
    await shows('line 2299');
    const timeline = find('[data-test-timeline]')!;
    const first = () => texts()[0]!;
    const rendered = () => findAll('[data-test-message]').length;
    const most = 400;
    let steps = 0;
    while (first() !== 'line 0' && steps < 60) {
      steps += 1;
      const before = first();
      timeline.scrollTop = 0;
      await triggerEvent(timeline, 'scroll');
      await waitUntil(() => first() !== before, {
        timeout: 10_000,
        timeoutMessage: `step ${steps} after ${before}: ${timeline.scrollTop}`,
      });
      assert.true(rendered() <= most, `${rendered()} rows`);
    }
    assert.strictEqual(first(), 'line 0');
    assert.true(
      steps > 15,
      `${steps} steps: a look at the beginning asks for one step`,
    );
    // Messages that arrive meanwhile do not move what is being read.
    const top = findAll('[data-test-message]')[0];
    server.socket.say(said('bob', '#general', 'one more', now + 1));
    await waitUntil(
      () =>
        this.owner
          .lookup('service:chat')
          .room('net', '#general')!
          .entries.at(-1)!.text === 'one more',
    );
    await settled();
    assert.strictEqual(findAll('[data-test-message]')[0], top);
    assert.true(rendered() <= most, `${rendered()} rows`);
    // Down again, step by step, and from anywhere at once.
    const last = () => texts().at(-1)!;
    const below = last();
    timeline.scrollTop = timeline.scrollHeight;
    await triggerEvent(timeline, 'scroll');
    await waitUntil(() => last() !== below, {
      timeout: 10_000,
      timeoutMessage: `down from ${below}: ${timeline.scrollTop}`,
    });
    assert.true(rendered() <= most, `${rendered()} rows`);
    await click('[data-test-jump]');
    await shows('one more');
    assert.true(rendered() <= 130, `${rendered()} rows`);
  });

  test('who has scrolled up is at the end again with an own message', async function (assert) {
    await arrive(['alice', 'bob']);
    const now = Date.now();
    server.socket.say(
      ...Array.from({ length: 300 }, (_, n) =>
        said('bob', '#general', `line ${n}`, now - 300_000 + n * 1000),
      ),
    );
    await shows('line 299');
    const timeline = find('[data-test-timeline]')!;
    timeline.scrollTop = 0;
    await triggerEvent(timeline, 'scroll');
    await waitFor('[data-test-jump]');
    await say('mine');
    await shows('mine');
    await waitUntil(() => !find('[data-test-jump]'));
    const { scrollHeight, scrollTop, clientHeight } = timeline;
    assert.true(scrollHeight - scrollTop - clientHeight < 48);
  });

  test('a channel is left in its menu, and a slip can be undone', async function (assert) {
    await arrive(['alice', 'bob']);
    await click('[data-test-room-menu]');
    const items = findAll('[role="menuitem"]').map((item) =>
      item.getAttribute('data-test-menu'),
    );
    assert.deepEqual(items, [
      'call',
      'mute',
      'topic',
      'webhooks',
      'mail',
      'leave',
    ]);
    assert.strictEqual(document.activeElement, find('[role="menuitem"]'));
    await triggerKeyEvent('[role="menuitem"]', 'keydown', 'ArrowUp');
    assert.dom('[data-test-menu="leave"]').isFocused();
    await triggerKeyEvent('[data-test-menu="leave"]', 'keydown', 'Escape');
    assert.dom('[role="menu"]').doesNotExist();
    await choose('leave');
    const leave = await server.socket.taken('leave');
    leave.ack(null, leave.activity);
    await waitFor('[data-test-toast]');
    assert.dom('[data-test-toast]').includesText('You left #general.');
    const { store } = this.owner.lookup('service:session');
    const [cached] = store.get('cache:connections') as { channels: string[] }[];
    assert.deepEqual(cached!.channels, [], 'nor is it there after a reload');
    assert.dom('[data-test-room-link="#general"]').doesNotExist();
    await click('[data-test-undo]');
    const join = await server.socket.taken('join');
    join.ack(null, { ...join.activity, id: 'j' });
    await waitFor('[data-test-room="#general"][data-test-joined="yes"]');
    assert.dom('[data-test-toast]').doesNotExist();
    const { closed } = this.owner.lookup('service:preferences');
    assert.deepEqual(closed, {}, 'it is not closed any more');

    await choose('leave');
    const again = await server.socket.taken('leave');
    again.ack(null, again.activity);
    await waitFor('[data-test-toast]');
    // From another device, or by a command.
    server.socket.say(event('join', 'alice', '#general'));
    await waitFor('[data-test-room-link="#general"]');
    assert.dom('[data-test-toast]').doesNotExist('nothing to undo any more');
  });

  test('Back closes what is open first, and only then leaves the page', async function (assert) {
    await arrive(['alice', 'bob']);
    // Other tests have gone back, too; the forward entries they left end here, and so does what they stored in their
    // entries.
    history.pushState(null, '');
    const before = history.length;
    await click('[data-test-open-switcher]');
    assert.dom('[data-test-dialog="switcher"]').exists();
    history.back();
    await waitUntil(() => !find('[data-test-dialog]'), BACK);
    assert.strictEqual(currentURL(), '/net/%23general');
    await click('[data-test-open-navigation]');
    assert.dom('[data-test-shell]').hasAttribute('data-drawer', 'navigation');
    history.back();
    await waitUntil(() => !find('[data-test-scrim]'), BACK);
    assert.strictEqual(currentURL(), '/net/%23general');
    // Closing something by hand leaves no entry that Back would have to skip.
    await click('[data-test-open-switcher]');
    const popped = new Promise((done) =>
      window.addEventListener('popstate', done, { once: true }),
    );
    await click('[data-test-dialog-close]');
    await popped;
    assert.strictEqual(history.length, before + 1);
    assert.notOk((history.state as { layer?: string } | null)?.layer);
    // What is opened while the browser still takes away the entry of what was closed stays open.
    await click('[data-test-open-switcher]');
    const again = new Promise((done) =>
      window.addEventListener('popstate', done, { once: true }),
    );
    const ui = this.owner.lookup('service:ui');
    ui.close();
    await new Promise((done) => setTimeout(done, 0));
    ui.open({ kind: 'help' });
    await again;
    await settled();
    assert.dom('[data-test-dialog="help"]').exists();
    history.back();
    await waitUntil(() => !find('[data-test-dialog]'), BACK);
    assert.strictEqual(currentURL(), '/net/%23general');
  });

  test('the network of the server itself is shown, and not changed', async function (assert) {
    server.answers['GET /api/connections'] = {
      body: { connections: [connection({ managed: true })] },
    };
    server.answers['PATCH /api/connections/net'] = {
      body: connection({ managed: true, channels: ['#general', '#tea'] }),
    };
    await arrive();
    await click('[data-test-edit-network]');
    assert
      .dom('[data-test-network-managed]')
      .hasText('Managed by this server.');
    const facts = () =>
      findAll('[data-test-irc-facts] > div').map((fact) =>
        [...fact.children].map((part) => part.textContent.trim()).join(': '),
      );
    for (const fact of [
      'Server: irc.example',
      'Port: 6697',
      'TLS: on',
      'User name: alice',
      'Sign-in: SASL PLAIN, or alice:PASSWORD as server password',
    ]) {
      assert.true(
        facts().some((text) => text.replace(/\s+/g, ' ') === fact),
        fact,
      );
    }
    assert.dom('[data-test-irc-inner]').doesNotExist();
    for (const field of [
      'host',
      'port',
      'nick',
      'password',
      'name',
      'secure',
    ]) {
      assert.dom(`[data-test-network-field="${field}"]`).doesNotExist();
    }
    assert.dom('[data-test-remove-network]').doesNotExist();
    await fillIn('[data-test-network-field="channels"]', '#general, tea');
    await click('[data-test-dialog="network"] [data-test-submit]');
    await server.asked('PATCH /api/connections/net');
    await waitFor('[data-test-room-link="#tea"]');
    assert.dom('[data-test-dialog]').doesNotExist();

    await visit('/net/*');
    await click('[data-test-irc-link]');
    assert.strictEqual(currentURL(), '/settings/irc');
    assert.true(facts().includes('Channels: #general, #tea'));
    await click('[data-test-edit-network]');
    await click('[data-test-irc-password-link]');
    assert.dom('[data-test-dialog]').doesNotExist('it leads to the settings');
  });

  test('an address that leads nowhere from here is said to be one', async function (assert) {
    server.answers['GET /api/connections'] = {
      body: {
        connections: [
          connection({
            managed: true,
            host: '127.0.0.1',
            port: 6667,
            secure: false,
          }),
        ],
      },
    };
    await arrive();
    const { session } = this.owner.lookup('service:chat');
    await click('[data-test-edit-network]');
    assert.dom('[data-test-irc-facts] > div:nth-child(3) dd').hasText('off');
    assert
      .dom('[data-test-irc-inner]')
      .doesNotExist('the page is on this machine too');
    await click('[data-test-dialog-close]');
    session.useFunctions('https://chat.example');
    await click('[data-test-edit-network]');
    assert
      .dom('[data-test-irc-inner]')
      .includesText("127.0.0.1 is an address on the server's own machine.");
  });

  test('the page of a network that is not there says what was not found', async function (assert) {
    await arrive();
    await visit('/gone/%23x');
    assert.dom('[data-test-empty] h1').hasText("This page doesn't exist");
    assert
      .dom('[data-test-empty] p')
      .hasText("The network of #x was removed or isn't yours.");
    await visit('/gone/*');
    assert
      .dom('[data-test-empty] p')
      .hasText("This network was removed or isn't yours.");
  });

  test('a new network leads to its page, which says why it cannot be reached', async function (assert) {
    await arrive();
    server.answers['POST /api/connections'] = {
      status: 201,
      body: connection({
        id: 'far',
        name: 'Far',
        server: 'irc.far',
        host: 'irc.far',
        channels: [],
      }),
    };
    await click('[data-test-add-network]');
    await waitFor('[data-test-custom-network]');
    await click('[data-test-custom-network]');
    await fillIn('[data-test-network-field="host"]', 'irc.far');
    await click('[data-test-dialog="network"] [data-test-submit]');
    await waitFor('[data-test-network-card="connecting"]');
    assert.dom('[data-test-network-state]').hasText('Connecting…');
    const connect = await server.socket.taken('connect');
    connect.ack(null, {
      ...connect.activity,
      error: 'irc.far does not answer',
    });
    await waitFor('[data-test-network-card="offline"]');
    assert
      .dom('[data-test-network-trouble]')
      .includesText('irc.far does not answer');
    server.answers['PATCH /api/connections/far'] = {
      body: connection({ id: 'far', name: 'Far', server: 'irc.far' }),
    };
    await click('[data-test-reconnect]');
    await waitFor('[data-test-network-card="connecting"]');
  });

  test('the switcher finds people and channels that are not open yet', async function (assert) {
    await arrive(['alice', 'bob', 'carol']);
    await click('[data-test-open-switcher]');
    const rooms = await server.socket.taken('query');
    rooms.ack(null, {
      ...rooms.activity,
      object: { type: 'rooms', items: [{ name: '#crowd', members: 302 }] },
    });
    await fillIn('[data-test-switcher-input]', 'crowd');
    await waitFor('[data-test-choice="#crowd"]');
    assert.dom('[data-test-choice="#crowd"]').includesText('302');
    await fillIn('[data-test-switcher-input]', 'carol');
    assert.dom('[data-test-choice="carol"]').includesText('person');
    await fillIn('[data-test-switcher-input]', 'zoe');
    assert.dom('[data-test-choice="Message zoe"]').exists();
    assert.dom('[data-test-choice="Join #zoe"]').exists();
    await fillIn('[data-test-switcher-input]', 'crowd');
    await click('[data-test-choice="#crowd"]');
    const join = await server.socket.taken('join');
    join.ack(null, { ...join.activity, id: 'j' });
    await waitFor('[data-test-room="#crowd"]');
    assert.strictEqual(currentURL(), '/net/%23crowd');
  });

  test('a room is shown once its history is there, not piece by piece', async function (assert) {
    this.owner.lookup('service:history').patience = 20_000;
    let answer: (document: unknown) => void = () => {};
    const day = new Promise((resolve) => (answer = resolve));
    archive(this.owner, {
      [`${GENERAL}meta`]: { last: '2026/01/10' },
      [`${GENERAL}2026/01/10`]: day,
    });
    await arrive(['alice', 'bob']);
    server.socket.say(said('bob', '#general', 'just now', Date.now()));
    const chat = this.owner.lookup('service:chat');
    await waitUntil(() => chat.room('net', '#general')!.entries.length > 0);
    await settled();
    assert.dom('[data-test-skeleton]').exists();
    assert.deepEqual(texts(), []);
    answer({
      today: {
        '@id': '2026/01/10',
        messages: [
          { id: 'a', timestamp: 1768040000000, from: 'bob', text: 'long ago' },
        ],
      },
    });
    await waitFor('[data-test-message]', { timeout: 5000 });
    assert.deepEqual(texts(), ['long ago', 'just now']);
    assert.dom('[data-test-skeleton]').doesNotExist();
  });

  test('a call is started on the network of its room', async function (assert) {
    server.answers['POST /api/calls'] = {
      status: 201,
      body: { token: 'call.c.t', link: 'https://chat.example/call/call.c.t' },
    };
    await arrive();
    await click('[data-test-start-call]');
    await click('[data-test-dialog="call"] [data-test-submit]');
    assert.deepEqual(server.told('POST /api/calls'), [
      { target: '#general', guests: false, connection: 'net' },
    ]);
  });

  test('what is said where channels have no sign goes to the channel', async function (assert) {
    const descriptor = ROOMS as PlatformDescriptor;
    server.answers['GET /api/connections'] = {
      body: {
        connections: [
          connection({ platform: descriptor.id, channels: ['lobby'] }),
        ],
        platforms: [descriptor],
      },
    };
    server.signIn();
    await visit('/net/lobby');
    await server.greet(1, arrival().slice(0, 1));
    await waitFor('[data-test-connection-state="online"]');
    await say('hello');
    const { activity } = await server.socket.taken('send');
    assert.deepEqual(activity.target, room('lobby', SERVER));
  });
});
