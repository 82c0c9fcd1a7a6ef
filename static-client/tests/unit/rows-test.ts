import { module, test } from 'qunit';
import { buildRows, GROUP_WINDOW } from 'subspace-client/lib/chat/rows';
import { entry } from '../helpers/chat';

const NOON = new Date(2026, 0, 15, 12).getTime();
const DAY = 86_400_000;
const MINUTE = 60_000;

const options = { now: NOON, casemapping: 'rfc1459' } as const;
const types = (rows: { type: string }[]) => rows.map(({ type }) => type);

module('Unit | rows', function () {
  test('messages of one person within two minutes stand together', function (assert) {
    const rows = buildRows(
      [
        entry({ id: '1', at: NOON }),
        entry({ id: '2', at: NOON + GROUP_WINDOW - 1 }),
        entry({ id: '3', at: NOON + 2 * GROUP_WINDOW }),
        entry({ id: '4', at: NOON + 2 * GROUP_WINDOW + 1, from: 'carol' }),
        entry({
          id: '5',
          at: NOON + 2 * GROUP_WINDOW + 2,
          from: 'carol',
          kind: 'action',
        }),
      ],
      options,
    );
    assert.deepEqual(
      rows.map((row) => (row.type === 'message' ? row.head : row.type)),
      ['day', true, false, true, true, true],
    );
  });

  test('days are separated and named', function (assert) {
    const rows = buildRows(
      [
        entry({ id: '1', at: NOON - 400 * DAY }),
        entry({ id: '2', at: NOON - DAY }),
        entry({ id: '3', at: NOON }),
      ],
      options,
    );
    const labels = rows.flatMap((row) =>
      row.type === 'day' ? [row.label] : [],
    );
    assert.true(labels[0]?.includes('2024'), labels[0]);
    assert.deepEqual(labels.slice(1), ['Yesterday', 'Today']);
  });

  test('the divider stands before what others said after the marker', function (assert) {
    const rows = buildRows(
      [
        entry({ id: '1', at: NOON }),
        entry({ id: '2', at: NOON + 1, from: 'alice', own: true }),
        entry({ id: '3', at: NOON + 2, kind: 'join', from: 'carol' }),
        entry({ id: '4', at: NOON + 3 }),
        entry({ id: '5', at: NOON + 4 }),
      ],
      { ...options, dividerAt: NOON },
    );
    assert.deepEqual(types(rows), [
      'day',
      'message',
      'message',
      'presence',
      'divider',
      'message',
      'message',
    ]);
    assert.notOk(
      types(buildRows([entry({ at: NOON })], options)).includes('divider'),
    );
  });

  test('coming and going is one line', function (assert) {
    const rows = buildRows(
      [
        entry({ id: '1', at: NOON, kind: 'join', from: 'carol', text: '' }),
        entry({
          id: '2',
          at: NOON + 1,
          kind: 'leave',
          from: 'dave',
          text: 'tea',
        }),
        entry({
          id: '2b',
          at: NOON + 1,
          kind: 'leave',
          from: 'erin',
          text: '',
          sentence: 'erin was kicked by bob (tea)',
        }),
        entry({
          id: '3',
          at: NOON + 2,
          kind: 'nick',
          from: 'bob',
          text: 'rob',
        }),
        entry({
          id: '4',
          at: NOON + 3,
          kind: 'topic',
          from: 'bob',
          text: 'Tea',
        }),
      ],
      options,
    );
    assert.deepEqual(types(rows), ['day', 'presence', 'event']);
    const presence = rows[1];
    assert.deepEqual(presence?.type === 'presence' ? presence.phrases : [], [
      'carol joined',
      'dave left (tea)',
      'erin was kicked by bob (tea)',
      'bob is now known as rob',
    ]);
  });

  test('lines between fences are one block of code', function (assert) {
    const lines = (texts: string[]) =>
      texts.map((text, i) => entry({ id: String(i), at: NOON + i, text }));
    const rows = buildRows(
      lines(['```js', '  a', 'b', '```', 'after']),
      options,
    );
    assert.deepEqual(types(rows), ['day', 'code', 'message']);
    const block = rows[1];
    assert.strictEqual(block?.type === 'code' ? block.code : '', '  a\nb');
    assert.deepEqual(types(buildRows(lines(['```', 'open']), options)), [
      'day',
      'message',
      'message',
    ]);
    const mixed = [
      ...lines(['```', 'x']),
      entry({ id: 'c', at: NOON + 5, from: 'carol', text: '```' }),
    ];
    assert.notOk(types(buildRows(mixed, options)).includes('code'));
  });

  test('keys are unique, also of a long day', function (assert) {
    const entries = Array.from({ length: 300 }, (_, i) =>
      entry({
        id: String(i),
        at: NOON - 5 * DAY + i * 25 * MINUTE,
        kind: i % 3 ? 'message' : 'join',
      }),
    );
    const keys = buildRows(entries, {
      ...options,
      dividerAt: NOON - 3 * DAY,
    }).map(({ key }) => key);
    assert.strictEqual(new Set(keys).size, keys.length);
  });
});
