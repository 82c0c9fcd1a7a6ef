import { module, test } from 'qunit';
import type { Activity } from 'subspace-client/lib/activities';
import { unread } from 'subspace-client/lib/chat/unread';
import {
  applyConnections,
  applyLinkLost,
} from 'subspace-client/lib/chat/networks';
import {
  arrival,
  at,
  attendance,
  connection,
  event,
  said,
  SERVER,
  state,
  World,
} from '../helpers/chat';

module('Unit | activities', function () {
  test('after connect the room is as it is, without lines about it', function (assert) {
    const world = new World();
    world.receive(...arrival(['alice', 'bob', 'carol']));
    const room = world.room();
    assert.strictEqual(world.state.networks.get('net')?.status, 'online');
    assert.true(room.joined);
    assert.strictEqual(room.topic, 'Tea');
    assert.deepEqual(world.members(), ['alice', 'bob', 'carol']);
    assert.strictEqual(room.entries.length, 0);
  });

  test('messages are in order of time, and none is there twice', function (assert) {
    const world = new World();
    world.receive(
      said('bob', '#general', 'second', 2000),
      said('bob', '#general', 'first', 1000),
      said('bob', '#general', 'second', 2000),
      said('bob', '#general', 'third', 3000),
    );
    assert.deepEqual(world.texts(), ['first', 'second', 'third']);
  });

  test('direct messages are in the room of the other one', function (assert) {
    const world = new World();
    world.receive(
      said('bob', 'alice', 'hello', 1000),
      said('alice', 'bob', 'hello from my other device', 2000),
    );
    assert.deepEqual(world.texts('bob'), [
      'hello',
      'hello from my other device',
    ]);
    const [first, second] = world.room('bob').entries;
    assert.true(first!.mention, 'a direct message always counts');
    assert.true(second!.own);
  });

  test('names compare as IRC compares them', function (assert) {
    const world = new World();
    world.receive(
      said('Bob[x]', 'alice', 'one', 1000),
      said('bob{X}', 'alice', 'two', 2000),
      said('carol', '#GENERAL', 'three', 3000),
    );
    assert.deepEqual(world.texts('bob{x}'), ['one', 'two']);
    assert.deepEqual(world.texts(), ['three']);
  });

  test('actions and notices keep their kind', function (assert) {
    const world = new World();
    world.receive(
      said('bob', '#general', 'waves', 1000, { kind: 'me' }),
      said('bob', '#general', 'beep', 2000, { kind: 'notice' }),
    );
    assert.deepEqual(
      world.room().entries.map(({ kind }) => kind),
      ['action', 'notice'],
    );
  });

  test('notices of services stand in the room of the network', function (assert) {
    const world = new World();
    world.receive(
      said('NickServ', 'alice', 'register', 1000, { kind: 'notice' }),
      said('', 'alice', 'welcome', 2000, {
        kind: 'notice',
        id: 'n',
        actor: { id: SERVER, type: 'service' },
      }),
    );
    assert.deepEqual(world.texts('*'), ['register', 'welcome']);
    assert.strictEqual(world.state.rooms.get('net/nickserv'), undefined);
  });

  test('a mention is marked, not for oneself', function (assert) {
    const world = new World();
    world.receive(
      said('bob', '#general', 'Alice: look', 1000),
      said('bob', '#general', 'malice', 2000),
      said('alice', '#general', 'I am alice', 3000),
    );
    assert.deepEqual(
      world.room().entries.map(({ mention }) => mention),
      [true, false, false],
    );
  });

  test('people come and go', function (assert) {
    const world = new World();
    world.receive(...arrival());
    world.receive(
      event('join', 'carol', '#general', undefined, {
        id: 'j',
        published: at(1),
      }),
      event(
        'leave',
        'bob',
        '#general',
        { type: 'message', content: 'tea' },
        { id: 'l', published: at(2) },
      ),
    );
    assert.deepEqual(world.members(), ['alice', 'carol']);
    assert.deepEqual(
      world.room().entries.map(({ kind, from, text }) => [kind, from, text]),
      [
        ['join', 'carol', ''],
        ['leave', 'bob', 'tea'],
      ],
    );
  });

  test('a quit without a room leaves all rooms', function (assert) {
    const world = new World([connection({ channels: ['#general', '#b'] })]);
    world.receive(
      ...arrival(),
      event('join', 'alice', '#b'),
      attendance('#b', ['alice', 'bob']),
      {
        ...event('leave', 'bob', undefined, {
          type: 'message',
          content: 'bye',
        }),
        target: { id: SERVER, type: 'service' },
      },
    );
    assert.deepEqual(world.members(), ['alice']);
    assert.deepEqual(world.members('#b'), ['alice']);
  });

  test('many who go or come at once are one line', function (assert) {
    const world = new World();
    const crowd = { type: 'message' as const, netsplit: true };
    const service = { id: SERVER, type: 'service', name: SERVER };
    const told = (kind: string, content: string): Activity => ({
      ...event(kind, 'bob', '#general', { type: 'message', content }),
      actor: service,
      id: content,
    });
    world.receive(
      ...arrival(['alice', 'bob', 'carol']),
      event('leave', 'bob', '#general', { ...crowd, quit: true }),
      event('leave', 'carol', '#general', { ...crowd, quit: true }),
    );
    assert.deepEqual(world.members(), ['alice']);
    assert.strictEqual(world.room().entries.length, 0);
    world.receive(told('leave', '2 people quit in a netsplit: bob, carol'));
    world.receive(event('join', 'bob', '#general', crowd));
    world.receive(told('join', '1 person is back after a netsplit: bob'));
    assert.deepEqual(world.members(), ['alice', 'bob']);
    assert.deepEqual(
      world.room().entries.map(({ kind, sentence }) => [kind, sentence]),
      [
        ['leave', '2 people quit in a netsplit: bob, carol'],
        ['leave', '1 person is back after a netsplit: bob'],
      ],
    );
  });

  test('being kicked leaves the room and says by whom', function (assert) {
    const world = new World();
    world.receive(
      ...arrival(),
      event('leave', 'alice', '#general', {
        type: 'message',
        content: 'out',
        by: 'bob',
      }),
    );
    assert.false(world.room().joined);
    assert.strictEqual(world.room().members.size, 0);
    assert.deepEqual(world.texts(), ['kicked by bob: out']);
    assert.strictEqual(
      world.room().entries[0]?.sentence,
      'alice was kicked by bob (out)',
      'in the words of the archive',
    );
  });

  test('roles and absence', function (assert) {
    const world = new World();
    const bob = () => world.room().members.get('bob');
    world.receive(
      ...arrival(),
      event('update', 'bob', '#general', { type: 'presence', role: 'owner' }),
      event('update', 'bob', undefined, {
        type: 'presence',
        show: 'away',
        content: 'tea',
      }),
    );
    assert.strictEqual(bob()?.role, 'owner');
    assert.true(bob()?.away);
    assert.strictEqual(bob()?.awayText, 'tea');
    world.receive(
      event('update', 'bob', undefined, { type: 'presence', show: 'online' }),
      event('remove', 'carol', 'bob', {
        type: 'relationship',
        relationship: 'role',
        subject: { type: 'presence', role: 'owner' },
        object: { id: `#general@${SERVER}`, type: 'room', name: '#general' },
      }),
    );
    assert.false(bob()?.away);
    assert.strictEqual(bob()?.role, 'member');
    assert.strictEqual(world.room().entries.length, 0);
    world.receive(attendance('#general', ['alice', 'bob', 'dave']));
    assert.deepEqual(world.members(), ['alice', 'bob', 'dave']);
  });

  test('own absence belongs to the network', function (assert) {
    const world = new World();
    world.receive(
      ...arrival(),
      event('update', 'alice', undefined, { type: 'presence', show: 'away' }),
    );
    assert.true(world.state.networks.get('net')?.away);
  });

  test('a new name is known everywhere', function (assert) {
    const world = new World();
    world.receive(
      ...arrival(),
      said('bob', 'alice', 'psst', 1000),
      event('update', 'bob', 'robert', { type: 'address' }),
      event('update', 'alice', 'al', { type: 'address' }),
    );
    assert.deepEqual(world.members().sort(), ['al', 'robert']);
    assert.strictEqual(world.state.networks.get('net')?.nick, 'al');
    assert.strictEqual(world.room('bob').entries.at(-1)?.kind, 'nick');
  });

  test('a topic that changes is a line, one that is told is none', function (assert) {
    const world = new World();
    world.receive(...arrival());
    assert.strictEqual(world.room().entries.length, 0);
    world.receive(
      event(
        'update',
        'bob',
        '#general',
        { type: 'topic', topic: 'Coffee' },
        { id: 't', published: at(1) },
      ),
    );
    assert.strictEqual(world.room().topic, 'Coffee');
    assert.deepEqual(world.texts(), ['Coffee']);
  });

  test('trouble stands where it belongs', function (assert) {
    const world = new World();
    const trouble = (error: string, name?: string) => ({
      type: 'error',
      actor: { id: SERVER, type: 'service' },
      error,
      ...(name ? { target: { id: `${name}@${SERVER}`, name } } : {}),
    });
    world.receive(trouble('not allowed', '#general'), trouble('server is sad'));
    assert.deepEqual(world.texts(), ['not allowed']);
    assert.deepEqual(world.texts('*'), ['server is sad']);
  });

  test('an invitation is told', function (assert) {
    const world = new World();
    world.receive(
      event('invite', 'bob', 'alice', {
        type: 'room',
        name: '#secret',
        id: `#secret@${SERVER}`,
      }),
    );
    assert.deepEqual(world.texts('*'), ['bob invites you to #secret']);
    assert.deepEqual(
      world.happenings.map(({ type }) => type),
      ['invite'],
    );
  });

  test('offline networks have nobody in their rooms, but keep messages', function (assert) {
    const world = new World();
    world.receive(...arrival(), said('bob', '#general', 'hi', 1000));
    world.receive(state('offline', 'The server cannot be reached.'));
    const network = world.state.networks.get('net');
    assert.strictEqual(network?.sentence, 'The server cannot be reached.');
    assert.false(world.room().joined);
    assert.strictEqual(world.room().members.size, 0);
    assert.deepEqual(world.texts(), ['hi']);
  });

  test('a broken link makes every network uncertain, except those switched off', function (assert) {
    const world = new World([
      connection(),
      connection({ id: 'off', server: 'other', enabled: false }),
    ]);
    world.receive(...arrival());
    world.change((draft) => applyLinkLost(draft, undefined));
    assert.strictEqual(world.state.networks.get('net')?.status, 'connecting');
    assert.strictEqual(world.state.networks.get('off')?.status, 'offline');
    assert.deepEqual(
      world.members(),
      ['alice', 'bob'],
      'the list does not jump',
    );
  });

  test('connections that are gone take their rooms along', function (assert) {
    const world = new World();
    world.receive(said('bob', '#general', 'hi', 1000));
    world.change((draft) =>
      applyConnections(draft, [connection({ id: 'new', server: 'b' })]),
    );
    assert.deepEqual([...world.state.networks.keys()], ['new']);
    assert.deepEqual([...world.state.rooms.keys()], ['new/#general']);
  });

  test('what is not understood changes nothing', function (assert) {
    const world = new World();
    world.receive(...arrival());
    const before = world.state;
    const received: unknown[] = [
      { type: 'send' },
      { type: 'nonsense', actor: { id: `x@${SERVER}` } },
      { type: 'send', actor: { id: 'bob@elsewhere' } },
      { type: 'update', actor: { id: `bob@${SERVER}` }, object: { type: '?' } },
      {
        type: 'query',
        actor: { id: `#none@${SERVER}` },
        object: { type: 'attendance', members: 'x' },
      },
      {
        type: 'add',
        actor: { id: `bob@${SERVER}` },
        object: { type: 'relationship' },
      },
      { type: 'leave', actor: { id: `ghost@${SERVER}` } },
    ];
    world.receive(...(received as Activity[]));
    assert.strictEqual(world.state, before);
  });

  test('a batch replaces what it touches and nothing else', function (assert) {
    const world = new World([connection({ channels: ['#general', '#b'] })]);
    const before = world.state;
    const other = world.room('#b');
    world.receive(said('bob', '#general', 'hi', 1000));
    assert.notStrictEqual(world.state, before);
    assert.strictEqual(world.room('#b'), other);
    assert.strictEqual(before.rooms.get('net/#general')?.entries.length, 0);
  });

  test('unread counts what others said after the marker', function (assert) {
    const world = new World();
    world.receive(
      said('bob', '#general', 'old', 1000),
      said('bob', '#general', 'new', 3000),
      said('alice', '#general', 'mine', 3500),
      said('bob', '#general', 'alice!', 4000),
      event('join', 'carol', '#general', undefined, {
        id: 'j',
        published: at(5000),
      }),
    );
    assert.deepEqual(
      unread(world.room()),
      { count: 0, mentions: 0 },
      'unknown yet',
    );
    world.change((draft) => {
      draft.roomByKey('net/#general')!.readAt = 2000;
    });
    assert.deepEqual(unread(world.room()), { count: 2, mentions: 1 });
  });

  test('a room is one room, whenever it is known how names are compared', function (assert) {
    const world = new World([connection({ channels: ['#[x]\\~'] })]);
    world.receive(
      state('online', 'Connected.', { nick: 'alice' }),
      event('join', 'alice', '#[x]\\~'),
      attendance('#[x]\\~', ['alice', 'B[o]b']),
      said('bob', '#[x]\\~', 'before', 1000),
    );
    world.receive(
      state('online', 'Connected.', { nick: 'alice', casemapping: 'ascii' }),
    );
    assert.deepEqual(world.happenings.at(-1), {
      type: 'moved',
      networkId: 'net',
      from: 'net/#{x}|^',
      room: 'net/#[x]\\~',
    });
    world.receive(said('bob', '#[X]\\~', 'after', 2000));
    const keys = ['net/#[x]\\~'];
    assert.deepEqual([...world.state.rooms.keys()], keys);
    assert.deepEqual(world.state.networks.get('net')!.rooms, keys);
    assert.deepEqual(world.texts('#[x]\\~'), ['', 'before', 'after'].slice(1));
    assert.deepEqual(world.members('#[x]\\~'), ['alice', 'B[o]b']);
    assert.true(world.room('#[x]\\~').members.has('b[o]b'));

    // Two rooms that were opened under different names become one.
    const two = new World([connection({ channels: ['#[y]'] })]);
    two.change((draft) => {
      draft.network('net')!.casemapping = 'ascii';
      draft.openRoom('net', '#{y}');
    });
    two.receive(
      said('bob', '#[y]', 'one', 1000),
      said('bob', '#{y}', 'two', 2000),
    );
    two.receive(state('online', '', { casemapping: 'rfc1459' }));
    assert.strictEqual(two.state.rooms.size, 1);
    assert.deepEqual(
      [...two.state.rooms.values()][0]!.entries.map(({ text }) => text),
      ['one', 'two'],
    );
  });
});
