import { module, test } from 'qunit';
import {
  MAX_MARKS,
  MAX_NAME,
  shownName,
  troubleWithName,
} from 'subspace-client/lib/call/names';

/** The names that `protocol::readable_name` accepts and refuses. */
const GOOD = [
  'Zoë of Mars',
  '🚀 Ünïcode Bot',
  '❤\ufe0f #\ufe0f\u20e3',
  '👩\u200d🚀',
  '🏳\ufe0f\u200d🌈',
  'می\u200cخواهم',
  'עברית and more',
  '\u2801\u2800',
];
const EMPTY = ['', ' ', '\u3000', '\u2800', '\u2800 \u2800'];
const INVISIBLE = [
  ...'\u3164\uffa0\u115f\u00ad\u034f\u061c\u200b\u200c\u200d\u200e\u200f',
  ...'\u202a\u202e\u2060\u2066\u2069\ufeff\u{e0041}\u180e\ufffb',
];

module('Unit | names in calls', function () {
  test('names that can be read are taken and shown as they are', function (assert) {
    for (const name of GOOD) {
      assert.strictEqual(troubleWithName(name), '', name);
      assert.strictEqual(shownName(name), name);
    }
    assert.strictEqual(troubleWithName('  Zoë   of Mars '), '');
    assert.strictEqual(troubleWithName('x'.repeat(MAX_NAME)), '');
    assert.notStrictEqual(troubleWithName('x'.repeat(MAX_NAME + 1)), '');
  });

  test('names that look empty, hide or turn are neither', function (assert) {
    for (const name of EMPTY) {
      assert.true(troubleWithName(name).includes('visible name'), name);
      assert.strictEqual(shownName(name), 'Unnamed');
    }
    for (const one of INVISIBLE) {
      const code = `U+${one.codePointAt(0)!.toString(16)}`;
      assert.notStrictEqual(troubleWithName(one), '', code);
      assert.strictEqual(shownName(one), 'Unnamed', code);
      assert.notStrictEqual(troubleWithName(`al${one}ice`), '', code);
      assert.strictEqual(shownName(`al${one}ice`), 'alice', code);
    }
    assert.notStrictEqual(troubleWithName('a\u0000b'), '');
    assert.strictEqual(shownName('a\u0007b'), 'ab');
    assert.true(shownName('x'.repeat(10_000)).length <= 2 * MAX_NAME + 1);
  });

  test('marks are not stacked over other lines', function (assert) {
    const [grave, dots] = ['\u0300', '\u0308'];
    const stacked = `al${(grave + dots).repeat(20)}ice`;
    const kept = `al${(grave + dots).repeat(MAX_MARKS / 2)}ice`;
    assert.strictEqual(shownName(stacked), kept);
    assert.notStrictEqual(troubleWithName(stacked), '');
    assert.strictEqual(shownName(kept), kept);
    assert.strictEqual(troubleWithName(kept), '');
    assert.strictEqual(shownName(`${grave}alice`), 'alice', 'on nothing');
    for (const name of ['Nguyễn'.normalize('NFD'), 'ที่รัก', 'शक्ति', 'שָׁלוֹם']) {
      assert.strictEqual(shownName(name), name);
      assert.strictEqual(troubleWithName(name), '', name);
    }
  });
});
