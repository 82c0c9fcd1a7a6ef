import { module, test } from 'qunit';
import {
  BLOCK,
  MOST,
  RowKeeper,
  WINDOW,
  type Block,
} from 'subspace-client/lib/chat/row-keeper';
import type { Entry } from 'subspace-client/lib/chat/types';
import { entry } from '../helpers/chat';

const NOON = new Date(2026, 0, 15, 12).getTime();
const CONTEXT = {
  roomKey: 'net/#general',
  networkId: 'net',
  channel: true,
  nick: 'alice',
  casemapping: 'rfc1459',
} as const;

const line = (n: number, change: Partial<Entry> = {}) =>
  entry({ id: `m${n}`, at: NOON + n, from: `p${n % 2}`, ...change });
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => line(from + n));

/** What a timeline at the end of its room shows. */
function atEnd(keeper: RowKeeper, entries: readonly Entry[]) {
  const start = keeper.beginning(entries);
  return keeper.blocks(entries, start, entries.length, CONTEXT, { now: NOON });
}

const keys = (blocks: readonly Block[]) =>
  blocks.flatMap(({ rows }) => rows.map(({ key }) => key));
/** The block of each row. */
const homes = (blocks: readonly Block[]) =>
  new Map(
    blocks.flatMap((block) => block.rows.map(({ key }) => [key, block.key])),
  );

module('Unit | row keeper', function () {
  test('at the end of a room rows stay until a whole block is too much', function (assert) {
    const keeper = new RowKeeper();
    const entries = lines(0, WINDOW);
    let before = atEnd(keeper, entries);
    let steps = 0;
    for (let n = WINDOW; n < 5 * WINDOW; n++) {
      entries.push(line(n));
      const after = atEnd(keeper, [...entries]);
      const now = homes(after);
      const spoken = [...now.keys()].filter((key) => key.startsWith('m'));
      assert.true(spoken.length >= WINDOW, `${spoken.length} rows`);
      assert.true(spoken.length <= WINDOW + BLOCK, `${spoken.length} rows`);
      const moved = [...homes(before)].filter(
        ([key, home]) => now.has(key) && now.get(key) !== home,
      );
      assert.deepEqual(moved, []);
      const gone = before.filter(
        ({ key }) => !after.some((block) => block.key === key),
      );
      assert.true(gone.length <= 1, 'one block goes at a time');
      if (spoken.length < homes(before).size - 1) steps += 1;
      before = after;
    }
    assert.true(steps <= (4 * WINDOW) / BLOCK, `${steps} times`);
  });

  test('whoever comes back from far above has as many rows as others', function (assert) {
    const keeper = new RowKeeper();
    const entries = lines(0, 20 * WINDOW);
    keeper.blocks(entries, 100, 400, CONTEXT, { now: NOON });
    assert.strictEqual(keeper.beginning(entries), 19 * WINDOW);
    const near = entries.length - MOST - 10;
    keeper.blocks(entries, near, near + MOST, CONTEXT, { now: NOON });
    const rows = entries.length - keeper.beginning(entries);
    assert.true(rows >= WINDOW, `${rows} rows`);
    assert.true(rows <= WINDOW + BLOCK, `${rows} rows`);
  });

  test('blocks and rows that say the same are the same objects', function (assert) {
    const keeper = new RowKeeper();
    const before = atEnd(keeper, lines(0, 3 * BLOCK));
    const after = atEnd(keeper, lines(0, 3 * BLOCK));
    assert.strictEqual(after.length, before.length);
    // The entries are new objects with the same content: rows are rebuilt, but stay where they are.
    assert.deepEqual([...homes(after)], [...homes(before)]);
    const entries = lines(0, 3 * BLOCK - 5);
    const one = atEnd(keeper, entries);
    const more = atEnd(keeper, [...entries, line(3 * BLOCK - 5)]);
    assert.deepEqual(
      one.map((block, index) => block === more[index]),
      one.map((_, index) => index < one.length - 1),
      'all but the last',
    );
  });

  test('older rows come in blocks of their own, and what comes in between moves nothing', function (assert) {
    const keeper = new RowKeeper();
    const newer = lines(200, 230);
    const before = homes(atEnd(keeper, newer));
    const all = [...lines(150, 200), ...newer];
    const blocks = atEnd(keeper, all);
    const after = homes(blocks);
    for (const [key, home] of before) assert.strictEqual(after.get(key), home);
    assert.deepEqual(
      keys(blocks).slice(1),
      all.map(({ id }) => id),
    );
    const between = entry({ id: 'between', at: NOON + 210, kind: 'topic' });
    const mixed = [...all];
    mixed.splice(60, 0, between);
    const last = homes(atEnd(keeper, mixed));
    for (const [key, home] of after) assert.strictEqual(last.get(key), home);
    assert.strictEqual(last.get('between'), last.get('m209'));
  });

  test('rows of many entries are not cut', function (assert) {
    const keeper = new RowKeeper();
    const code = ['```', 'a', 'b', '```'].map((text, n) =>
      line(n, { text, from: 'bob' }),
    );
    const entries = [...code, ...lines(4, 3 * WINDOW)];
    for (let end = 4; end <= entries.length; end++) {
      const [first] = keys(atEnd(keeper, entries.slice(0, end))).slice(1);
      assert.notOk(['m1', 'm2', 'm3'].includes(first!), first);
    }
    // Everything is one row.
    const crowd = Array.from({ length: 1000 }, (_, n) =>
      line(n, { kind: 'join', from: `p${n}` }),
    );
    const joins = new RowKeeper();
    const kept = new Set<string | undefined>();
    for (let end = 1; end <= crowd.length; end++) {
      const blocks = atEnd(joins, crowd.slice(0, end));
      assert.true(keys(blocks).length <= 2, 'the day, and who came');
      if (end <= MOST) kept.add(keys(blocks)[1]);
    }
    assert.deepEqual([...kept], ['presence:m0'], 'it begins where it did');
  });

  test('the divider stands before the first new line, or nowhere', function (assert) {
    const keeper = new RowKeeper();
    const entries = lines(0, 50);
    const divided = (start: number) =>
      keys(
        keeper.blocks(entries, start, entries.length, CONTEXT, {
          now: NOON,
          dividerAt: NOON + 19,
        }),
      );
    assert.strictEqual(divided(0).indexOf('divider'), 21, 'after the day');
    assert.strictEqual(divided(20).indexOf('divider'), 1);
    assert.false(divided(21).includes('divider'), 'it is above');
  });
});
