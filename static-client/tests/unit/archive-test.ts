import { module, test } from 'qunit';
import {
  archiveFolder,
  decodeItem,
  parseDay,
  parseMeta,
  peopleFolder,
} from 'subspace-client/lib/archive';
import { markerKey, markerPath } from 'subspace-client/lib/storage-module';

const ALICE = { nick: 'alice', casemapping: 'rfc1459' } as const;

module('Unit | archives', function () {
  test('folders are those of the format', function (assert) {
    const base = '/chat-messages/irc.libera.chat';
    for (const [name, folder] of [
      ['#kosmos', 'channels/kosmos'],
      ['##kosmos-dev', 'channels/%23%23kosmos-dev'],
      ['&local', 'channels/%26local'],
      ['#a/b', 'channels/a%2Fb'],
      ['#..', 'channels/%2E%2E'],
      ['#50%', 'channels/50%25'],
      ['bob', 'users/bob'],
      ['Bob[x]', 'users/Bob[x]'],
    ]) {
      assert.strictEqual(
        archiveFolder(
          'IRC.libera.chat',
          name!,
          folder!.startsWith('users') ? 'direct' : 'channel',
        ),
        `${base}/${folder}/`,
      );
    }
    assert.strictEqual(peopleFolder('A.b'), '/chat-messages/a.b/users/');
    assert.strictEqual(decodeItem('a%2Fb/'), 'a/b');
    assert.strictEqual(decodeItem('50%/'), '50%');
  });

  test('a day is read, with both sets of keys', function (assert) {
    const day = parseDay(
      {
        today: {
          '@id': '2026/01/15',
          previous: '2026/01/14',
          messages: [
            {
              id: 'a',
              timestamp: 5,
              from: 'bob',
              text: 'alice: hi',
              type: 'text',
            },
            { date: '2015-06-05T17:35:28.454Z', user: 'hal', text: 'knock' },
            { timestamp: 6, from: 'bob', text: '* bob waves', type: 'action' },
            { timestamp: 7, from: 'carol', text: 'carol joined', type: 'join' },
            { timestamp: 8, from: 'Alice', text: 'mine', type: 'text' },
            { from: 'no time', text: 'x' },
            null,
            'x',
          ],
        },
      },
      ALICE,
      false,
    );
    assert.strictEqual(day?.day, '2026/01/15');
    assert.strictEqual(day?.previous, '2026/01/14');
    assert.deepEqual(
      day?.entries.map(({ kind, text, own, mention }) => [
        kind,
        text,
        own,
        mention,
      ]),
      [
        ['message', 'alice: hi', false, true],
        ['message', 'knock', false, false],
        ['action', 'waves', false, false],
        ['join', '', false, false],
        ['message', 'mine', true, false],
      ],
    );
    assert.strictEqual(day?.entries[1]?.at, 1_433_525_728_454);
    assert.strictEqual(day?.entries[3]?.sentence, 'carol joined');
    assert.strictEqual(new Set(day?.entries.map(({ id }) => id)).size, 5);
  });

  test('what others say directly counts as a mention', function (assert) {
    const today = {
      '@id': '2026/01/15',
      messages: [
        { timestamp: 1, from: 'bob', text: 'hi', type: 'text' },
        { timestamp: 2, from: 'bob', text: 'beep', type: 'notice' },
      ],
    };
    const day = parseDay({ today }, ALICE, true);
    assert.deepEqual(
      day?.entries.map(({ mention }) => mention),
      [true, false],
    );
  });

  test('what is no archive is nothing, and links lead back only', function (assert) {
    for (const value of [
      null,
      1,
      '',
      [],
      {},
      { today: null },
      { today: { '@id': 'x' } },
    ]) {
      assert.strictEqual(parseDay(value, ALICE, false), undefined);
    }
    const today = {
      '@id': '2026/01/15',
      previous: '2026/01/15',
      messages: 'x',
    };
    const day = parseDay({ today }, ALICE, false);
    assert.strictEqual(day?.previous, undefined, 'no endless loop');
    assert.deepEqual(day?.entries, []);
    assert.strictEqual(parseMeta({ last: '2026/01/15' }), '2026/01/15');
    assert.strictEqual(parseMeta({ last: '../../secret' }), undefined);
    assert.strictEqual(parseMeta(undefined), undefined);
  });

  test('markers have paths that any server takes', function (assert) {
    for (const key of [
      'net/#general',
      'net/##a/b',
      'net/..',
      'net/bob',
      'n/#ü%x',
    ]) {
      const path = markerPath(key);
      assert.strictEqual(markerKey(path), key);
      assert.strictEqual(path.split('/').length, 3, path);
      assert.false(/\/\.\.?$/.test(path), path);
    }
    assert.strictEqual(markerKey('settings'), undefined);
    assert.strictEqual(markerKey('read/x/%E0%A4%A'), undefined);
  });
});
