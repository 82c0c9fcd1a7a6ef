/** Names with the four characters that only some networks fold, wherever the client compares names. */
import { module, test } from 'qunit';
import { parseDay } from 'subspace-client/lib/archive';
import type { Casemapping } from 'subspace-client/lib/casemapping';
import { buildRows } from 'subspace-client/lib/chat/rows';
import { complete } from 'subspace-client/lib/completion';
import { FoldedMap } from 'subspace-client/lib/folded';
import { DEFAULT_DESCRIPTOR } from 'subspace-client/lib/protocol';
import { isMention, tokenize } from 'subspace-client/lib/text/tokens';
import { attendance, entry, event, said, state, World } from '../helpers/chat';

const ONE = 'B[o]\\~';
const OTHER = 'b{O}|^';
/** How many names the two count as. */
const NAMES: [Casemapping, number][] = [
  ['rfc1459', 1],
  ['ascii', 2],
];

for (const [casemapping, names] of NAMES) {
  const alike = names === 1;

  module(`Unit | folding under ${casemapping}`, function () {
    const online = (nick: string) =>
      state('online', 'Connected.', { nick, casemapping });

    test('a map by names', function (assert) {
      const map = new FoldedMap(casemapping, [
        [ONE, 1],
        [OTHER, 2],
      ]);
      assert.strictEqual(map.size, names);
      assert.strictEqual(map.get('b[O]\\~'), alike ? 2 : 1);
      const copy = map.copy();
      assert.true(copy.delete(OTHER));
      assert.strictEqual(copy.has(ONE), !alike);
      assert.true(map.has(ONE), 'a copy is one');
    });

    test('members come and go, and change their names', function (assert) {
      const world = new World();
      world.receive(
        online('alice'),
        event('join', 'alice', '#general'),
        attendance('#general', ['alice', ONE, OTHER]),
      );
      assert.strictEqual(world.room().members.size, names + 1);
      world.receive(event('leave', OTHER, '#general'));
      assert.strictEqual(world.room().members.size, names);
      assert.strictEqual(world.room().members.has(ONE), !alike);
    });

    test('rooms, and what is said in them', function (assert) {
      const world = new World();
      world.receive(
        online(ONE),
        event('join', ONE, '#[x]'),
        said('bob', '#[x]', 'one', 1000),
        said('bob', OTHER, `${OTHER}: two`, 2000),
        said(OTHER, '#{X}', 'three', 3000),
      );
      const rooms = [...world.state.rooms.values()];
      assert.strictEqual(
        rooms.filter(({ kind }) => kind === 'channel').length,
        names + 1,
        'with #general',
      );
      const three = rooms
        .flatMap(({ entries }) => entries)
        .find(({ text }) => text === 'three');
      assert.strictEqual(three?.own, alike);
    });

    test('who is meant, and who spoke', function (assert) {
      assert.strictEqual(isMention(`${OTHER}: hi`, ONE, casemapping), alike);
      assert.strictEqual(
        tokenize(`hi ${OTHER}`, ONE, casemapping).some((it) => it.mention),
        alike,
      );
      const today = {
        '@id': '2026/01/15',
        messages: [{ timestamp: 1, from: OTHER, text: 'hi', type: 'text' }],
      };
      const reader = { nick: ONE, casemapping };
      const [archived] = parseDay({ today }, reader, false)!.entries;
      assert.strictEqual(archived?.own, alike);
    });

    test('messages of one person stand together', function (assert) {
      const rows = buildRows(
        [
          entry({ id: '1', at: 1000, from: ONE }),
          entry({ id: '2', at: 2000, from: OTHER }),
        ],
        { now: 3000, casemapping },
      );
      const heads = rows.filter((row) => row.type === 'message' && row.head);
      assert.strictEqual(heads.length, names);
    });

    test('an event that came without an id is its archived twin', function (assert) {
      const world = new World();
      world.receive(online('alice'), event('join', 'alice', '#general'));
      world.receive(
        event('join', ONE, '#general', undefined, {
          published: '2026-01-15T10:00:00.000Z',
        }),
        event('join', OTHER, '#general', undefined, {
          id: 'archived',
          published: '2026-01-15T10:00:01.000Z',
        }),
      );
      const joins = world.room().entries.filter(({ kind }) => kind === 'join');
      assert.strictEqual(joins.length, names);
    });

    test('what Tab completes', function (assert) {
      const { conversations } = DEFAULT_DESCRIPTOR;
      const what = {
        casemapping,
        conversations,
        nicks: [ONE],
        channels: [],
        commands: [],
      };
      const found = complete('b{o', 3, what)?.candidates;
      assert.deepEqual(found, alike ? [`${ONE}: `] : undefined);
    });
  });
}
