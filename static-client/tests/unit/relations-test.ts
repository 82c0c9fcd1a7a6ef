import { module, test } from 'qunit';
import { parseDay } from 'subspace-client/lib/archive';
import { addEntry, mergeEntries } from 'subspace-client/lib/chat/entries';
import {
  REACTIONS_LIMIT,
  isShort,
  relate,
  shownReactions,
  WAITING_LIMIT,
  type Relation,
} from 'subspace-client/lib/chat/relations';
import { carries } from 'subspace-client/lib/chat/types';
import { at, entry, event, said, state, World } from '../helpers/chat';

const ALICE = { nick: 'alice', casemapping: 'rfc1459' } as const;

function relation(change: Partial<Relation> = {}): Relation {
  return {
    kind: 'reaction',
    about: 'm1',
    from: 'bob',
    at: 10,
    text: '',
    emoji: '👍',
    removed: false,
    ...change,
  };
}

/** What is said of the message m1, whatever comes first. */
function outcomes(relations: Relation[]) {
  const message = entry({ id: 'm1', from: 'carol', text: 'hello' });
  return [true, false].map((before) => {
    const world = new World();
    world.change((draft) => {
      const room = draft.roomByKey('net/#general')!;
      if (before) relate(room, relations);
      addEntry(room, message);
      if (!before) relate(room, relations);
    });
    return world.room().entries[0]!;
  });
}

module('Unit | relations of messages', function () {
  test('of one person and one emoji the newest counts', function (assert) {
    for (const found of outcomes([
      relation({ at: 20, removed: true }),
      relation({ at: 10 }),
      relation({ from: 'BOB', emoji: '🎉' }),
      relation({ from: 'alice', emoji: '🎉', at: 30 }),
    ])) {
      assert.deepEqual(shownReactions(found, 'alice', 'ascii'), [
        { emoji: '🎉', names: ['BOB', 'alice'], own: true },
      ]);
    }
    const many = Array.from({ length: REACTIONS_LIMIT + 50 }, (_, n) =>
      relation({ emoji: `e${n}` }),
    );
    for (const { reactions } of outcomes(many)) {
      assert.strictEqual(reactions?.length, REACTIONS_LIMIT);
    }
  });

  test('only its author changes a message, and the newest edit counts', function (assert) {
    const edit = { kind: 'edit', from: 'carol' } as const;
    for (const found of outcomes([
      relation({ ...edit, at: 20, text: 'hello there' }),
      relation({ ...edit, at: 10, text: 'hello?' }),
      relation({ ...edit, from: 'mallory', at: 30, text: 'I am a fool' }),
    ])) {
      assert.deepEqual([found.text, found.editedAt], ['hello there', 20]);
    }
  });

  test('of what was deleted only the trace stays', function (assert) {
    for (const found of outcomes([
      relation(),
      relation({ kind: 'deletion', from: 'carol' }),
      relation({ kind: 'edit', from: 'carol', at: 50, text: 'back' }),
      relation({ emoji: '🎉' }),
    ])) {
      assert.deepEqual(
        [found.text, found.deletedBy, found.reactions],
        ['', 'carol', undefined],
      );
    }
  });

  test('what waits for messages has a bound', function (assert) {
    const world = new World();
    world.change((draft) => {
      const room = draft.roomByKey('net/#general')!;
      for (let n = 0; n < WAITING_LIMIT + 20; n++) {
        relate(room, [relation({ about: `m${n}` })]);
      }
    });
    const { waiting } = world.room();
    assert.strictEqual(waiting.size, WAITING_LIMIT);
    assert.false(waiting.has('m0'), 'the oldest is forgotten');
  });

  test('they come from the gateway', function (assert) {
    const world = new World();
    const reaction = {
      type: 'reaction',
      content: '👍',
      inReplyTo: 'm1',
    } as const;
    const when = { published: at(50) };
    world.receive(
      said('bob', '#general', 'hello', 10, { id: 'm1' }),
      said('bob', '#general', 'yes', 20, {
        id: 'm2',
        object: { type: 'message', content: 'yes', inReplyTo: 'm1' },
      }),
      event('add', 'carol', '#general', reaction, when),
      event('add', 'carol', '#general', { ...reaction, content: 'a\nb' }, when),
      event('add', 'carol', '#general', { ...reaction, inReplyTo: '' }, when),
      event('delete', 'bob', '#general', { type: 'message', id: 'm2' }, when),
      event('delete', 'bob', '#general', { type: 'message' }, when),
      event('dance', 'bob', '#general', { type: 'message' }, when),
      event('update', 'bob', '#general', {
        type: 'chat-state',
        state: 'composing',
      }),
    );
    const [first, second, ...more] = world.room().entries;
    assert.deepEqual(more, []);
    assert.deepEqual(
      first?.reactions?.map(({ from, emoji }) => [from, emoji]),
      [['carol', '👍']],
    );
    assert.deepEqual(
      [second?.replyTo, second?.text, second?.deletedBy],
      ['m1', '', 'bob'],
    );
    assert.deepEqual(
      world.happenings
        .filter(({ type }) => type === 'typing')
        .map(({ room, from, lasts }) => [room, from, lasts]),
      [['net/#general', 'bob', 6000]],
    );
  });

  test('they come from archives, and what nobody knows is shown as its text', function (assert) {
    const about = { ref: 'm1', from: 'carol' };
    const messages = [
      { id: 'm1', timestamp: 1, from: 'bob', text: '', type: 'text' },
      {
        id: 'm2',
        timestamp: 2,
        from: 'bob',
        text: 'yes',
        type: 'text',
        replyTo: 'm1',
      },
      {
        id: 'r',
        timestamp: 3,
        text: 'reacted',
        type: 'reaction',
        emoji: '👍',
        ...about,
      },
      {
        id: 'd',
        timestamp: 4,
        text: 'deleted a message',
        type: 'deletion',
        ...about,
      },
      { id: 'p', timestamp: 5, from: 'bob', text: 'which?', type: 'poll' },
      { id: 'c', timestamp: 6, from: 'bob', text: 'well', type: 'constructor' },
      {
        id: 'x',
        timestamp: 7,
        from: 'bob',
        text: 'reacted',
        type: 'reaction',
        ref: 7,
      },
    ];
    const day = parseDay(
      { today: { '@id': '2026/01/15', messages } },
      ALICE,
      false,
    );
    assert.deepEqual(
      day?.entries.map(({ id, kind, deletedBy, replyTo }) => [
        id,
        kind,
        deletedBy,
        replyTo,
      ]),
      [
        ['m1', 'message', '', undefined],
        ['m2', 'message', undefined, 'm1'],
        ['p', 'message', undefined, undefined],
        ['c', 'message', undefined, undefined],
        ['x', 'message', undefined, undefined],
      ],
    );
    assert.deepEqual(
      day?.relations.map(({ kind }) => kind),
      ['reaction', 'deletion'],
    );
    const world = new World();
    world.change((draft) => {
      const room = draft.roomByKey('net/#general')!;
      mergeEntries(room, day!.entries);
      relate(room, day!.relations);
    });
    assert.strictEqual(world.room().entries[0]?.deletedBy, 'carol');
  });

  test('only what the network carries can be done', function (assert) {
    const world = new World();
    const can = () => carries(world.state.networks.get('net')!, 'reactions');
    assert.false(can(), 'not before it is online');
    world.receive(state('online', '', { supports: ['replies'] }));
    assert.false(can());
    world.receive(state('online', '', { supports: ['reactions', 'replies'] }));
    assert.true(can());
    world.receive(state('offline'));
    assert.false(can());
  });

  test('a reaction is short', function (assert) {
    const family = '👨‍👩‍👧‍👦';
    const good = ['👍', family, 'well said', 'x'.repeat(16), '👍'.repeat(16)];
    // The gateway takes 64 bytes.
    const bad = ['', 'x'.repeat(17), '👍'.repeat(17), family.repeat(3), 'a\nb'];
    assert.deepEqual(good.filter(isShort), good);
    assert.deepEqual(bad.filter(isShort), []);
  });
});
