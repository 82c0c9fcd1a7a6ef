import { module, test } from 'qunit';
import {
  addEntry,
  confirm,
  mark,
  mergeEntries,
  settle,
  trim,
} from 'subspace-client/lib/chat/entries';
import type { DraftRoom } from 'subspace-client/lib/chat/draft';
import type { Entry } from 'subspace-client/lib/chat/types';
import { Outbox, OUTBOX_LIMIT, localId } from 'subspace-client/lib/chat/outbox';
import { LocalStore } from 'subspace-client/lib/local-store';
import { arrival, at, entry, event, said, World } from '../helpers/chat';

function inRoom<T>(world: World, work: (room: DraftRoom) => T): T {
  let result: T;
  world.change((draft) => {
    result = work(draft.roomByKey('net/#general')!);
  });
  return result!;
}

const pending = (text: string, at: number, id = `local:${text}`) =>
  entry({ id, at, text, from: 'alice', own: true, delivery: 'pending' });

module('Unit | entries', function () {
  test('archives and live messages merge by id', function (assert) {
    const world = new World();
    world.receive(
      said('bob', '#general', 'c', 3000),
      said('bob', '#general', 'd', 4000),
    );
    const added = inRoom(world, (room) =>
      mergeEntries(room, [
        entry({ id: 'bob-1000', at: 1000, text: 'a' }),
        entry({ id: 'bob-3000', at: 3000, text: 'c' }),
        entry({ id: 'bob-2000', at: 2000, text: 'b' }),
        entry({ id: 'bob-2000', at: 2000, text: 'b' }),
      ]),
    );
    assert.strictEqual(added, 2);
    assert.deepEqual(world.texts(), ['a', 'b', 'c', 'd']);
  });

  test('merging in any order gives the same', function (assert) {
    const all = Array.from({ length: 40 }, (_, i) =>
      entry({ id: `m${i}`, at: i * 10, text: String(i) }),
    );
    let seed = 3;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    for (let round = 0; round < 30; round++) {
      const world = new World();
      const mixed = [...all, ...all].sort(() => random() - 0.5);
      inRoom(world, (room) => {
        while (mixed.length) {
          const part = mixed.splice(0, 1 + Math.floor(random() * 7));
          if (random() < 0.5) mergeEntries(room, part);
          else for (const one of part) addEntry(room, one);
        }
      });
      assert.deepEqual(
        world.room().entries.map(({ id }) => id),
        all.map(({ id }) => id),
      );
    }
  });

  test('who came and went within a millisecond stands after a reload where it stood before', function (assert) {
    const live = [
      said('bob', '#general', 'first', 1000, { id: 'm1' }),
      event('leave', 'bob', '#general', undefined, {
        id: 'l1',
        published: at(1000),
      }),
      event('join', 'bob', '#general', undefined, {
        id: 'j1',
        published: at(1000),
      }),
      said('bob', '#general', 'second', 1000, { id: 'm2' }),
      said('bob', '#general', 'third', 1000, { id: 'm3' }),
    ];
    const ids = (world: World) => world.room().entries.map(({ id }) => id);
    const before = new World();
    before.receive(...arrival(), ...live);
    assert.deepEqual(ids(before), ['m1', 'l1', 'j1', 'm2', 'm3']);

    const after = new World();
    // The gateway replays messages, and the archive has all but the newest.
    const replayed = live.filter(({ type }) => type === 'send');
    after.receive(...arrival(), ...replayed);
    inRoom(after, (room) =>
      mergeEntries(room, before.room().entries.slice(0, -1)),
    );
    assert.deepEqual(ids(after), ids(before));
  });

  test('events without an id are not doubled by the archive', function (assert) {
    const world = new World();
    inRoom(world, (room) => {
      addEntry(
        room,
        entry({ id: 'live:join:bob', kind: 'join', at: 1000, text: '' }),
      );
      mergeEntries(room, [
        entry({ id: 'archived', kind: 'join', at: 1200, text: '' }),
      ]);
      mergeEntries(room, [
        entry({ id: 'later', kind: 'join', at: 60_000, text: '' }),
      ]);
    });
    assert.deepEqual(
      world.room().entries.map(({ id }) => id),
      ['live:join:bob', 'later'],
    );
  });

  test('twins are at most five seconds apart, of one person, and one of them has no id', function (assert) {
    const first = {
      id: 'live:1',
      kind: 'join',
      from: 'Bob[',
      at: 7000,
    } as const;
    const cases: [string, Partial<Entry>, boolean][] = [
      ['five seconds before', { at: 2000 }, true],
      ['and a moment', { at: 1999 }, false],
      ['five seconds after', { at: 12_000 }, true],
      ['and a moment', { at: 12_001 }, false],
      ['in another stretch', { at: 4999 }, true],
      ['as the network writes names', { at: 7001, from: 'bob{' }, true],
      ['somebody else', { at: 7001, from: 'bob' }, false],
      ['something else', { at: 7001, kind: 'leave' }, false],
      ['both without an id', { at: 7001, id: 'live:2' }, true],
    ];
    for (const [why, change, twin] of cases) {
      const world = new World();
      const added = inRoom(world, (room) => {
        addEntry(room, entry(first));
        return addEntry(room, entry({ ...first, id: 'x', ...change }));
      });
      assert.strictEqual(added, !twin, why);
    }
    const world = new World();
    const both = inRoom(world, (room) =>
      mergeEntries(room, [
        entry({ ...first, id: 'a' }),
        entry({ ...first, id: 'b', at: 7001 }),
      ]),
    );
    assert.strictEqual(both, 2, 'both have an id');
    // A dropped entry is no longer a twin.
    const forgotten = inRoom(world, (room) => {
      addEntry(room, entry({ ...first, at: 90_000 }));
      trim(room, 0);
      return addEntry(room, entry({ ...first, id: 'x', at: 90_000 }));
    });
    assert.true(forgotten);
  });

  test('a burst of events without ids costs as much for each as few do', function (assert) {
    /**
     * How often a room's entries are read while this many people join and leave at once, and the archive reports it.
     */
    const reads = (people: number, named: (n: number) => string) => {
      let count = 0;
      const world = new World();
      inRoom(world, (room) => {
        room.entries = new Proxy(room.entries, {
          get(entries, key, receiver) {
            count += 1;
            return Reflect.get(entries, key, receiver) as unknown;
          },
        });
        const all = Array.from({ length: people }, (_, n) => ({
          kind: n % 2 ? 'join' : 'leave',
          from: named(n),
          at: 1_000_000 + (4000 * n) / people,
        })) as Partial<Entry>[];
        all.forEach((one, n) =>
          addEntry(room, entry({ ...one, id: `live:${n}` })),
        );
        mergeEntries(
          room,
          all.map((one, n) => entry({ ...one, id: `archived:${n}` })),
        );
        mergeEntries(
          room,
          all.map((one, n) => entry({ ...one, id: `before:${n}`, at: n })),
        );
      });
      return count;
    };
    for (const named of [(n: number) => `p${n}`, () => 'bob']) {
      const [few, many] = [reads(400, named), reads(800, named)];
      assert.true(many <= 2.5 * few, `${few} reads, then ${many}`);
    }
  });

  test('what is not confirmed stays below', function (assert) {
    const world = new World();
    inRoom(world, (room) => addEntry(room, pending('mine', 1000)));
    world.receive(said('bob', '#general', 'later', 9000));
    assert.deepEqual(world.texts(), ['later', 'mine']);
    inRoom(world, (room) => confirm(room, 'local:mine', 'srv', 5000));
    assert.deepEqual(world.texts(), ['mine', 'later'], 'the server says when');
    assert.strictEqual(world.room().entries[0]?.delivery, undefined);
  });

  test('a message whose ack was lost comes back once', function (assert) {
    const world = new World();
    inRoom(world, (room) => addEntry(room, pending('hello', 1000)));
    world.receive(said('alice', '#general', 'hello', 1400));
    assert.deepEqual(
      world.room().entries.map(({ id, delivery }) => [id, delivery]),
      [['alice-1400', undefined]],
    );
    assert.strictEqual(world.happenings[0]?.localId, 'local:hello');
    assert.false(
      inRoom(world, (room) => confirm(room, 'local:hello', 'alice-1400', 1400)),
      'a late ack changes nothing',
    );
  });

  test('an older message with the same text is another one', function (assert) {
    const world = new World();
    inRoom(world, (room) => addEntry(room, pending('hello', 500_000)));
    world.receive(said('alice', '#general', 'hello', 1000));
    assert.strictEqual(world.room().entries.length, 2);
  });

  test('an own message is known again by the id that was made for it, not by its text', function (assert) {
    const world = new World();
    inRoom(world, (room) => {
      addEntry(room, pending('ok', 1000, 'local:1'));
      addEntry(room, pending('ok', 1000, 'local:2'));
    });
    const own = (ms: number, clientId: string, content = 'ok') =>
      said('alice', '#general', content, ms, {
        object: { type: 'message', content, clientId },
      });
    const ids = () => world.room().entries.map(({ id }) => id);
    world.receive(own(1100, 'local:elsewhere'));
    assert.deepEqual(
      ids(),
      ['alice-1100', 'local:1', 'local:2'],
      'the same words from another device are another message',
    );
    world.receive(own(1200, 'local:2', 'changed by the server'));
    assert.deepEqual(ids(), ['alice-1100', 'alice-1200', 'local:1']);
    world.receive(own(1300, 'local:2', 'its second line'));
    assert.deepEqual(
      ids(),
      ['alice-1100', 'alice-1200', 'alice-1300', 'local:1'],
      'further parts settle nothing else',
    );
    assert.deepEqual(
      world.happenings.flatMap(({ localId: id }) => id ?? []),
      ['local:2'],
    );
    inRoom(world, (room) =>
      mergeEntries(room, [
        entry({ id: 'a', at: 1400, own: true, clientId: 'local:1' }),
      ]),
    );
    assert.false(ids().includes('local:1'), 'archives tell it too');
  });

  test('an archive settles a failed message', function (assert) {
    const world = new World();
    inRoom(world, (room) => {
      addEntry(room, pending('hello', 1000));
      mark(room, 'local:hello', 'failed', 'The connection broke.');
      mergeEntries(room, [
        entry({ id: 'a', at: 1500, text: 'hello', from: 'alice', own: true }),
      ]);
    });
    assert.deepEqual(
      world.room().entries.map(({ id, reason }) => [id, reason]),
      [['a', undefined]],
    );
  });

  test('a text of several lines settles by its first', function (assert) {
    const world = new World();
    inRoom(world, (room) =>
      addEntry(room, pending('one\ntwo', 1000, 'local:1')),
    );
    const first = entry({
      id: 'a',
      at: 1100,
      text: 'one',
      from: 'alice',
      own: true,
    });
    assert.strictEqual(
      inRoom(world, (room) => settle(room, first)),
      'local:1',
    );
    inRoom(world, (room) => addEntry(room, pending('once', 1000, 'local:2')));
    assert.strictEqual(
      inRoom(world, (room) => settle(room, { ...first, text: 'on' })),
      undefined,
    );
  });

  test('failing keeps the text and says why', function (assert) {
    const world = new World();
    inRoom(world, (room) => {
      addEntry(room, pending('hello', 1000));
      mark(room, 'local:hello', 'failed', 'No such channel.');
    });
    assert.strictEqual(world.room().entries[0]?.reason, 'No such channel.');
    inRoom(world, (room) => mark(room, 'local:hello', 'pending'));
    assert.strictEqual(world.room().entries[0]?.reason, undefined);
    assert.deepEqual(world.texts(), ['hello']);
  });

  test('trimming forgets the oldest, which the archive can bring back', function (assert) {
    const world = new World();
    const many = Array.from({ length: 20 }, (_, i) =>
      entry({ id: `m${i}`, at: i, text: String(i) }),
    );
    inRoom(world, (room) => {
      mergeEntries(room, many);
      trim(room, 5);
    });
    assert.deepEqual(world.texts(), ['15', '16', '17', '18', '19']);
    inRoom(world, (room) => mergeEntries(room, many));
    assert.strictEqual(world.room().entries.length, 20);
  });
});

module('Unit | outbox', function (hooks) {
  const store = new LocalStore();
  hooks.beforeEach(() => store.removeAll('outbox:test'));
  hooks.afterEach(() => store.removeAll('outbox:test'));

  const item = (text: string) => ({
    localId: localId(),
    networkId: 'net',
    to: '#general',
    kind: 'message' as const,
    text,
    at: 1,
  });

  test('what was not confirmed survives a reload', function (assert) {
    const outbox = new Outbox(store, 'test');
    const [first, second] = [item('a'), item('b')];
    outbox.add(first);
    outbox.add(second);
    outbox.remove(first.localId);
    const again = new Outbox(store, 'test');
    assert.deepEqual(again.items, [second]);
    assert.strictEqual(new Outbox(store, 'test-other').items.length, 0);
  });

  test('it is bounded, and what is unreadable is left out', function (assert) {
    const outbox = new Outbox(store, 'test');
    for (let i = 0; i < OUTBOX_LIMIT + 10; i++) outbox.add(item(String(i)));
    assert.strictEqual(outbox.items.length, OUTBOX_LIMIT);
    store.set('outbox:test', [{ text: 1 }, null, 'x']);
    assert.strictEqual(new Outbox(store, 'test').items.length, 0);
  });
});
