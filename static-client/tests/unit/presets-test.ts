import { module, test } from 'qunit';
import { forSearch } from 'subspace-client/lib/lower';
import {
  matchingPresets,
  presetsOf,
  type Preset,
} from 'subspace-client/lib/presets';
import { DEFAULT_DESCRIPTOR } from 'subspace-client/lib/protocol';
import { whatIsWrong } from 'subspace-client/lib/network-form';

const { conversations, fields: described } = DEFAULT_DESCRIPTOR;

/** What its platform would not take. */
function troublesOf({ name, about, home, fields }: Preset): string[] {
  const troubles = [
    ...(name && about ? [] : ['it has no name, or nothing is said of it']),
    ...(new URL(home).protocol === 'https:' ? [] : ['its page']),
    ...described
      .filter((field) => field.required && !(field.name in fields))
      .map((field) => `${field.name} is missing`),
    ...Object.entries(fields).flatMap(([key, value]) => {
      const field = described.find((other) => other.name === key);
      if (!field) return [`${key} is not described`];
      if (field.kind === 'flag') {
        return typeof value === 'boolean' ? [] : [`${key} is no flag`];
      }
      if (field.kind === 'channels') {
        const isChannel = (channel: string) =>
          conversations.channels.includes(channel.charAt(0));
        return Array.isArray(value) && value.every(isChannel) ? [] : [key];
      }
      return whatIsWrong(field, String(value)) ?? [];
    }),
  ];
  return troubles.map((trouble) => `${name}: ${trouble}`);
}

module('Unit | well-known networks', function () {
  test('each has what its platform takes, and no two are the same', async function (assert) {
    const presets = await presetsOf(DEFAULT_DESCRIPTOR.id);
    assert.true(presets.length >= 20);
    assert.deepEqual(presets.flatMap(troublesOf), []);
    const all = (key: string) =>
      new Set(
        presets.map(({ name, fields }) =>
          forSearch(key === 'name' ? name : String(fields[key])),
        ),
      );
    assert.strictEqual(all('name').size, presets.length);
    assert.strictEqual(all('host').size, presets.length);
  });

  test('what is typed is looked for in names first', async function (assert) {
    const presets = await presetsOf(DEFAULT_DESCRIPTOR.id);
    const found = (typed: string) =>
      matchingPresets(presets, typed).map(({ name }) => name);
    assert.strictEqual(found(' ').length, presets.length);
    assert.deepEqual(found('libera').slice(0, 1), ['Libera.Chat']);
    assert.deepEqual(found('DEBIAN'), ['OFTC']);
    assert.deepEqual(found('irc.rizon.net'), ['Rizon']);
    assert.deepEqual(found('#darkscience'), ['DarkScience']);
    assert.deepEqual(found('no such network'), []);
  });

  test('a platform without a list has none', async function (assert) {
    assert.deepEqual(await presetsOf('dummy'), []);
    assert.deepEqual(await presetsOf('../irc'), []);
  });
});
