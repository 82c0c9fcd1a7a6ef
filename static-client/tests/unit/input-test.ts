import { module, test } from 'qunit';
import {
  COMMANDS,
  commandsOf,
  parseCommand,
  type Place,
} from 'subspace-client/lib/commands';
import {
  type Completable,
  complete,
  Completer,
} from 'subspace-client/lib/completion';
import {
  InputHistory,
  INPUT_HISTORY_LIMIT,
} from 'subspace-client/lib/input-history';
import { readNetworkForm } from 'subspace-client/lib/network-form';
import { kindByName } from 'subspace-client/lib/conversations';
import { platformOf } from 'subspace-client/lib/platforms';
import {
  DEFAULT_DESCRIPTOR,
  type PlatformDescriptor,
} from 'subspace-client/lib/protocol';
import { rank } from 'subspace-client/lib/rank';
import { describeScopes } from 'subspace-client/lib/scopes';
import { describeWhois, duration } from 'subspace-client/lib/whois';

const UNKNOWN = platformOf([], 'unknown');
/** Channels without a prefix. */
const SIGNLESS: PlatformDescriptor = {
  ...UNKNOWN,
  supports: ['channels', 'topics'],
};

function place(
  name: string,
  { conversations, supports }: PlatformDescriptor = DEFAULT_DESCRIPTOR,
  channels: readonly string[] = [],
): Place {
  const kindOf = (room: string) =>
    channels.includes(room) ? 'channel' : undefined;
  const kind = name === '*' ? 'server' : kindByName(name, conversations);
  return {
    network: { name: 'Example', conversations, supports },
    room: { name, kind: kindOf(name) ?? kind },
    kindOf,
  };
}

module('Unit | commands', function () {
  const read = (input: string, room = '#here') =>
    parseCommand(input, place(room));

  test('what is no command is said', function (assert) {
    assert.deepEqual(read('hello'), { kind: 'say', text: 'hello' });
    assert.deepEqual(read('//etc/passwd'), {
      kind: 'say',
      text: '/etc/passwd',
    });
    assert.deepEqual(read(' /not at the start'), {
      kind: 'say',
      text: ' /not at the start',
    });
    assert.deepEqual(read('two\nlines'), { kind: 'say', text: 'two\nlines' });
  });

  test('commands with their arguments', function (assert) {
    assert.deepEqual(read('/me waves  twice'), {
      kind: 'me',
      text: 'waves  twice',
    });
    assert.deepEqual(read('/JOIN kosmos'), {
      kind: 'join',
      channel: '#kosmos',
    });
    assert.deepEqual(read('/j &local key'), {
      kind: 'join',
      channel: '&local',
      key: 'key',
    });
    assert.deepEqual(read('/part'), {
      kind: 'part',
      channel: '#here',
      reason: '',
    });
    assert.deepEqual(read('/part #there so long'), {
      kind: 'part',
      channel: '#there',
      reason: 'so long',
    });
    assert.deepEqual(read('/leave so long'), {
      kind: 'part',
      channel: '#here',
      reason: 'so long',
    });
    assert.deepEqual(read('/msg bob hello  there'), {
      kind: 'msg',
      to: 'bob',
      text: 'hello  there',
    });
    assert.deepEqual(read('/nick carol'), { kind: 'nick', nick: 'carol' });
    assert.deepEqual(read('/topic'), { kind: 'topic', channel: '#here' });
    assert.deepEqual(read('/topic Tea at four'), {
      kind: 'topic',
      channel: '#here',
      text: 'Tea at four',
    });
    assert.deepEqual(read('/invite bob'), {
      kind: 'invite',
      nick: 'bob',
      channel: '#here',
    });
    assert.deepEqual(read('/away At lunch'), {
      kind: 'away',
      text: 'At lunch',
    });
    assert.deepEqual(read('/away'), { kind: 'away', text: '' });
    assert.deepEqual(read('/whois', 'bob'), { kind: 'whois', nick: 'bob' });
    assert.deepEqual(read('/quit'), { kind: 'quit' });
    assert.deepEqual(read('/help'), { kind: 'help' });
  });

  test('what cannot be meant is a sentence', function (assert) {
    const wrong: [string, string, RegExp][] = [
      ['/nonsense', '#a', /no command "\/nonsense"/],
      ['/', '#a', /no command "\/"/],
      ['/me', '#a', /\/me text/],
      ['/join', '#a', /\/join #channel/],
      ['/join #a,#b', '#a', /commas/],
      ['/join spaces and, commas', '#a', /can't contain spaces/],
      ['/nick two words', '#a', /one word/],
      ['/topic x', 'bob', /Only channels/],
      ['/invite bob', 'carol', /which channel/],
      ['/whois', '#a', /\/whois nick/],
      ['hello', '*', /Nobody reads this/],
      ['/me waves', '*', /Nobody reads this/],
    ];
    for (const [input, room, expected] of wrong) {
      const command = read(input, room);
      assert.strictEqual(command.kind, 'error', input);
      const sentence = command.kind === 'error' ? command.sentence : '';
      assert.true(expected.test(sentence), sentence);
      assert.true(/^["/A-Z].*\.$/.test(sentence), sentence);
    }
  });

  test('a channel without a sign is one because it is', function (assert) {
    const there = (input: string, room = 'lobby') =>
      parseCommand(input, place(room, SIGNLESS, ['lobby', 'attic']));
    assert.deepEqual(there('/part'), {
      kind: 'part',
      channel: 'lobby',
      reason: '',
    });
    assert.deepEqual(there('/part attic so long'), {
      kind: 'part',
      channel: 'attic',
      reason: 'so long',
    });
    assert.deepEqual(there('/topic attic cleaning'), {
      kind: 'topic',
      channel: 'lobby',
      text: 'attic cleaning',
    });
    assert.deepEqual(there('/invite bob'), {
      kind: 'invite',
      nick: 'bob',
      channel: 'lobby',
    });
    assert.deepEqual(there('/invite bob elsewhere', 'carol'), {
      kind: 'invite',
      nick: 'bob',
      channel: 'elsewhere',
    });
    assert.deepEqual(there('/join cellar'), {
      kind: 'join',
      channel: 'cellar',
    });
    assert.strictEqual(there('/whois').kind, 'error', 'nobody is called so');
    assert.deepEqual(there('/whois', 'bob'), { kind: 'whois', nick: 'bob' });
  });

  test('what a platform cannot do is not offered there, and is a sentence', function (assert) {
    const offered = commandsOf(UNKNOWN);
    assert.deepEqual(
      ['invite', 'join', 'topic', 'msg', 'part'].filter((name) =>
        (offered as string[]).includes(name),
      ),
      ['msg', 'part'],
    );
    assert.strictEqual(
      commandsOf(DEFAULT_DESCRIPTOR).length,
      Object.keys(COMMANDS).length,
    );
    for (const input of ['/join tea', '/invite bob tea', '/topic Tea']) {
      assert.deepEqual(parseCommand(input, place('bob', UNKNOWN)), {
        kind: 'error',
        sentence: `/${input.slice(1).split(' ')[0]} makes no sense here: Example has no ${
          input.startsWith('/topic') ? 'topics' : 'channels'
        }.`,
      });
    }
  });

  test('every command in the list is understood', function (assert) {
    for (const name of Object.keys(COMMANDS)) {
      const command = read(`/${name} a b`);
      const unknown =
        command.kind === 'error' && command.sentence.includes('no command');
      assert.false(unknown, name);
    }
  });
});

module('Unit | completion', function () {
  const what: Completable = {
    conversations: DEFAULT_DESCRIPTOR.conversations,
    casemapping: 'rfc1459',
    nicks: ['carol', 'Carl', 'bob', '[x]'],
    channels: ['#general', '#gardening'],
    commands: Object.keys(COMMANDS),
  };

  test('nicks get a colon at the start only', function (assert) {
    assert.deepEqual(complete('car', 3, what)?.candidates, [
      'carol: ',
      'Carl: ',
    ]);
    assert.deepEqual(complete('hi car', 6, what)?.candidates, [
      'carol ',
      'Carl ',
    ]);
    assert.deepEqual(complete('{x', 2, what)?.candidates, ['[x]: ']);
  });

  test('channels and commands', function (assert) {
    assert.deepEqual(complete('see #ge', 7, what)?.candidates, ['#general ']);
    assert.deepEqual(complete('/wh', 3, what)?.candidates, ['/whois ']);
    assert.strictEqual(complete('a /wh', 5, what), undefined);
    assert.deepEqual(complete('so :tad', 7, what)?.candidates, ['🎉 ']);
    assert.deepEqual(complete(':+1:', 4, what)?.candidates, ['👍 ']);
    assert.deepEqual(complete(':smile', 6, what)?.candidates, [
      '😄 ',
      '😃 ',
      '😺 ',
    ]);
    // A face of two characters, and a time, are what they are.
    assert.strictEqual(complete(':D', 2, what), undefined);
    assert.strictEqual(complete('9:30', 4, what), undefined);
    assert.strictEqual(
      complete(':nothing_is_called_that:', 24, what),
      undefined,
    );
    assert.strictEqual(complete('', 0, what), undefined);
    assert.strictEqual(complete('zzz', 3, what), undefined);
  });

  test('channels without a sign are words among others', function (assert) {
    const plain = { ...what, conversations: UNKNOWN.conversations };
    const found = complete('c', 1, { ...plain, channels: ['cellar'] });
    assert.deepEqual(found?.candidates, ['carol: ', 'Carl: ', 'cellar ']);
  });

  test('Tab steps through and keeps what follows', function (assert) {
    const completer = new Completer();
    const first = completer.next('car and more', 3, what);
    assert.deepEqual(first, { text: 'carol: and more', caret: 7 });
    const second = completer.next(first!.text, first!.caret, what);
    assert.deepEqual(second, { text: 'Carl: and more', caret: 6 });
    const back = completer.next(second!.text, second!.caret, what, true);
    assert.strictEqual(back?.text, 'carol: and more');
    completer.reset();
    assert.strictEqual(completer.next('zz', 2, what), undefined);
  });
});

module('Unit | lines sent before', function () {
  test('up and down, and back to what is being typed', function (assert) {
    const history = new InputHistory();
    history.add('one');
    history.add('two');
    history.add('two');
    assert.strictEqual(history.up('draft'), 'two');
    assert.strictEqual(history.up(''), 'one');
    assert.strictEqual(history.up(''), undefined);
    assert.strictEqual(history.down(), 'two');
    assert.strictEqual(history.down(), 'draft');
    assert.strictEqual(history.down(), undefined);
  });

  test('it is bounded', function (assert) {
    const history = new InputHistory();
    for (let i = 0; i < INPUT_HISTORY_LIMIT + 50; i++) history.add(String(i));
    let count = 0;
    while (history.up('') !== undefined) count += 1;
    assert.strictEqual(count, INPUT_HISTORY_LIMIT);
  });
});

module('Unit | forms and words', function () {
  const form = (fields: Record<string, string>) => {
    const data = new FormData();
    for (const [name, value] of Object.entries(fields)) data.set(name, value);
    return data;
  };

  test('a network is read', function (assert) {
    assert.deepEqual(
      readNetworkForm(
        form({
          host: ' irc.example ',
          port: '6667',
          nick: 'alice',
          channels: 'kosmos, #b  key,',
          password: ' pass ',
        }),
        DEFAULT_DESCRIPTOR,
      ),
      {
        platform: 'irc',
        host: 'irc.example',
        port: 6667,
        secure: false,
        without_account: false,
        nick: 'alice',
        channels: ['#kosmos', '#b key'],
        password: ' pass ',
        sasl: true,
        client_certificate: false,
      },
    );
    const ticked = { host: '::1', secure: 'on', without_account: 'on' };
    assert.deepEqual(readNetworkForm(form(ticked), DEFAULT_DESCRIPTOR), {
      platform: 'irc',
      host: '::1',
      secure: true,
      without_account: true,
      client_certificate: false,
      channels: [],
    });
  });

  test('what is wrong in it is said', function (assert) {
    const wrong: Record<string, string>[] = [
      { host: '' },
      { host: 'a b' },
      { host: 'https://x' },
      { host: 'x', port: '0' },
      { host: 'x', port: '65536' },
      { host: 'x', port: 'irc' },
      { host: 'x', nick: 'two words' },
    ];
    for (const fields of wrong) {
      const read = readNetworkForm(form(fields), DEFAULT_DESCRIPTOR);
      assert.strictEqual(typeof read, 'string', JSON.stringify(fields));
    }
  });

  test('places rank by how well they fit', function (assert) {
    assert.true(rank('#general', 'general') > rank('#general-2', 'general'));
    assert.true(rank('#general', 'gen') > rank('#agenda', 'gen'));
    assert.true(rank('#gardening', 'gdn') > 0);
    assert.strictEqual(rank('#general', 'xyz'), -1);
    assert.strictEqual(rank('#general', ''), 0);
  });

  test('scopes and whois are told in words', function (assert) {
    assert.strictEqual(
      describeScopes('notes:rw chat-messages:r *:rw'),
      'reads and writes notes, reads chat-messages, reads and writes everything',
    );
    assert.strictEqual(
      describeWhois(
        {
          nick: 'bob',
          username: 'b',
          host: 'h',
          realname: 'Bob',
          channels: ['#a', '#b'],
          idle: 61,
          secure: true,
        },
        'bob',
      ),
      'bob is Bob (b@h), in #a #b, over an encrypted connection, idle for 1 minute.',
    );
    assert.strictEqual(
      describeWhois(undefined, 'x'),
      'Nothing is known about x.',
    );
    assert.strictEqual(duration(172_800), '2 days');
    assert.strictEqual(duration(0), '0 seconds');
  });
});
