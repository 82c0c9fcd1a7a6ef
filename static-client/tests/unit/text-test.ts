import { module, test } from 'qunit';
import { fold, same } from 'subspace-client/lib/casemapping';
import { contrast, nickHue, oklchToSrgb } from 'subspace-client/lib/colours';
import * as conversations from 'subspace-client/lib/conversations';
import { DEFAULT_DESCRIPTOR } from 'subspace-client/lib/protocol';
import { sha1 } from 'subspace-client/lib/sha1';
import { parseIrc, stripIrc } from 'subspace-client/lib/text/irc';
import { endOf, linkify } from 'subspace-client/lib/text/linkify';
import { styling } from 'subspace-client/lib/text/styling';
import { isMention, tokenize } from 'subspace-client/lib/text/tokens';
import tokens from '../../app/css/tokens.css?raw';

function hex(bytes: Uint8Array): string {
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}

const IRC = DEFAULT_DESCRIPTOR.conversations;
const isChannel = (name: string) => conversations.isChannel(name, IRC);
const isPartOfChannel = (name: string) =>
  conversations.isPartOfChannel(name, IRC);

/** How often some work examines a text. */
function countLooks(
  text: string,
  work: (characters: ArrayLike<string>) => unknown,
): number {
  let looked = 0;
  work(
    new Proxy([...text], {
      get(characters, key, receiver) {
        looked += 1;
        return Reflect.get(characters, key, receiver) as unknown;
      },
    }),
  );
  return looked;
}

module('Unit | names', function () {
  test('what a name is the name of, its platform says', function (assert) {
    const plain = { channels: '', usual: '', parts: '', servers: '' };
    assert.false(conversations.isChannel('#a', plain));
    assert.strictEqual(conversations.channelTyped('tea', plain), 'tea');
    assert.strictEqual(conversations.channelTyped('tea', IRC), '#tea');
    assert.strictEqual(conversations.channelTyped('&tea', IRC), '&tea');
    assert.strictEqual(conversations.signOf('##a#', IRC), '##');
    assert.strictEqual(conversations.signOf('##a#', plain), '');
    assert.true(same('A', 'A', 'exact'));
    assert.false(same('A', 'a', 'exact'));
  });

  test('programs have names of two words', function (assert) {
    const { relayedName } = conversations;
    const named = (name: string, kind: string) => ({ name, kind });
    assert.deepEqual(relayedName('GitHub/hook'), named('GitHub', 'webhook'));
    assert.deepEqual(relayedName('Mail/hook'), named('Mail', 'e-mail'));
    assert.deepEqual(relayedName('bob/matrix'), named('bob', 'matrix'));
    for (const name of ['bob', '/hook', 'bob/']) {
      assert.strictEqual(relayedName(name), undefined, name);
    }
  });

  test('names compare by the casemapping of the server', function (assert) {
    assert.strictEqual(fold('Nick[a]\\~', 'rfc1459'), 'nick{a}|^');
    assert.strictEqual(fold('Nick[a]~', 'ascii'), 'nick[a]~');
    assert.strictEqual(fold('[~', 'rfc1459-strict'), '{~');
    assert.true(same('#Chan', '#chan', 'rfc1459'));
    assert.false(same('Ärger', 'ärger', 'rfc1459'), 'only ASCII letters fold');
  });

  test('channels begin with one of four signs', function (assert) {
    for (const name of ['#a', '&a', '+a', '!a']) assert.true(isChannel(name));
    for (const name of ['a', '', '@a']) assert.false(isChannel(name));
    for (const name of ['@#a', '%&a']) {
      assert.true(isChannel(name), name);
      assert.true(isPartOfChannel(name), name);
    }
    assert.false(isPartOfChannel('#a'));
    assert.false(isPartOfChannel('@a'));
  });
});

module('Unit | colours', function () {
  test('SHA-1 as in RFC 3174', function (assert) {
    assert.strictEqual(
      hex(sha1('abc')),
      'a9993e364706816aba3e25717850c26c9cd0d89d',
    );
    assert.strictEqual(
      hex(sha1('')),
      'da39a3ee5e6b4b0d3255bfef95601890afd80709',
    );
    assert.strictEqual(
      hex(sha1('a'.repeat(119))),
      'ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56',
    );
  });

  test('hues are those of XEP-0392', function (assert) {
    // Test vectors of XEP-0392, section 13.2; here names are first converted to lower case.
    assert.strictEqual(nickHue('juliet@capulet.lit').toFixed(3), '209.410');
    assert.strictEqual(nickHue('😺').toFixed(3), '331.199');
    assert.strictEqual(nickHue('council').toFixed(3), '359.995');
    assert.strictEqual(nickHue('Romeo'), nickHue('romeo'));
  });

  test('every hue can be read in both themes', function (assert) {
    /** In the light and the dark theme. */
    const values = (name: string): [string, string] => {
      const value = `--${name}: light-dark\\((.+), ([^,]+)\\);`;
      const [, light, dark] = new RegExp(value).exec(tokens) ?? [];
      return [light ?? '', dark ?? ''];
    };
    const rgb = (text: string): [number, number, number] => {
      const digits =
        text.length === 4 ? text.replace(/[0-9a-f]/g, '$&$&') : text;
      return [1, 3, 5].map(
        (at) => parseInt(digits.slice(at, at + 2), 16) / 255,
      ) as [number, number, number];
    };
    const sheets = values('sheet');
    sheets.forEach((sheet, theme) => {
      const [, percent, chroma] =
        /oklch\(([\d.]+)% ([\d.]+) /.exec(values('nick')[theme]!) ?? [];
      const l = Number(percent) / 100;
      const c = Number(chroma);
      assert.true(l > 0, `nicknames on ${sheet}`);
      assert.true(c > 0, `nicknames on ${sheet}`);
      let worst = 21;
      for (let hue = 0; hue < 360; hue += 3) {
        worst = Math.min(worst, contrast(oklchToSrgb(l, c, hue), rgb(sheet)));
      }
      assert.true(worst >= 4.5, `${sheet}: ${worst.toFixed(2)}`);
    });
    for (const ink of ['ink', 'ink-2', 'ink-3', 'accent', 'bad', 'dust']) {
      sheets.forEach((sheet, theme) => {
        const ratio = contrast(rgb(values(ink)[theme]!), rgb(sheet));
        assert.true(ratio >= 4.5, `${ink} on ${sheet}: ${ratio.toFixed(2)}`);
      });
    }
  });
});

module('Unit | formatting', function () {
  test('codes make spans', function (assert) {
    assert.deepEqual(parseIrc('a \x02bold\x02 \x1d\x1fboth\x0f end'), [
      { text: 'a ' },
      { text: 'bold', bold: true },
      { text: ' ' },
      { text: 'both', italic: true, underline: true },
      { text: ' end' },
    ]);
    assert.deepEqual(parseIrc('\x034,2red\x03 plain \x0304x'), [
      { text: 'red', fg: 4, bg: 2 },
      { text: ' plain ' },
      { text: 'x', fg: 4 },
    ]);
  });

  test('colours beyond the sixteen and hexadecimal ones are left out', function (assert) {
    assert.deepEqual(parseIrc('\x0399,50a\x04ff0000,00ff00b'), [
      { text: 'a' },
      { text: 'b' },
    ]);
  });

  test('a comma that belongs to the text stays', function (assert) {
    assert.deepEqual(parseIrc('\x034,hi'), [{ text: ',hi', fg: 4 }]);
  });

  test('stripping leaves text, without other control characters', function (assert) {
    assert.strictEqual(stripIrc('\x02\x0303x\x00\x1by\x0f\tz\n'), 'xy\tz\n');
    assert.strictEqual(stripIrc(''), '');
  });

  test('nothing that comes over the wire breaks it', function (assert) {
    let seed = 7;
    const next = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff);
    for (let i = 0; i < 2000; i++) {
      let text = '';
      for (let j = next() % 24; j > 0; j--) {
        text += String.fromCharCode(next() % (j % 3 ? 40 : 0xffff));
      }
      const joined = parseIrc(text)
        .map((span) => span.text)
        .join('');
      assert.true(joined.length <= text.length);
      assert.notOk(/[\x00-\x08\x0b-\x1f\x7f]/.test(joined)); // eslint-disable-line no-control-regex
      const shown = tokenize(text, 'nick', 'rfc1459')
        .map((token) => token.text)
        .join('');
      assert.strictEqual(shown, joined, 'nothing is lost');
    }
  });
});

/**
 * A message as it looks: styling markers in round brackets, styled text in square ones after the letters of its
 * styles.
 */
function looks(text: string): string {
  return tokenize(text, '', 'ascii')
    .map((token) => {
      const { text: part, mark, bold, italic, strike, code } = token;
      if (mark) return `(${part})`;
      const how = [bold && 'b', italic && 'i', strike && 's', code && 'c'];
      const letters = how.filter(Boolean).join('');
      return letters ? `${letters}[${part}]` : part;
    })
    .join('');
}

module('Unit | message styling', function () {
  test('words are styled as in XEP-0393', function (assert) {
    const cases: [typed: string, shown: string][] = [
      ['*strong*', '(*)b[strong](*)'],
      ['a _word_, and ~gone~.', 'a (_)i[word](_), and (~)s[gone](~).'],
      ['*several words* here', '(*)b[several words](*) here'],
      ['*_both_*', '(*)(_)bi[both](_)(*)'],
      ['*a _b_ c*', '(*)b[a ](_)bi[b](_)b[ c](*)'],
      ['run `ls *` and ```x_y```', 'run (`)c[ls *](`) and (```)c[x_y](```)'],
      ['*see `x`*', '(*)b[see ](`)bc[x](`)(*)'],
      ['**markdown**', '(*)b[*markdown](*)*'],
      // The first end counts.
      ['*a* b*', '(*)b[a](*) b*'],
    ];
    for (const [typed, shown] of cases) {
      assert.strictEqual(looks(typed), shown, typed);
    }
  });

  test('what only looks like it stays as it is', function (assert) {
    for (const text of [
      '* not strong*',
      '*not strong *',
      '*not\nstrong*',
      '2*3*4',
      'snake_case_name',
      '_private_name',
      'a*b* c',
      '**',
      '*',
      '',
      '~/bin or ~bob',
      'https://x.example/_a_ and https://x.example/b_',
      '#a_b_ and _c',
      '`',
      '``',
    ]) {
      assert.strictEqual(looks(text), text);
    }
  });

  test('it stands beside the codes of IRC, and through them', function (assert) {
    assert.deepEqual(tokenize('\x1d*a\x0fb*', '', 'ascii'), [
      { text: '*', italic: true, bold: true, mark: true },
      { text: 'a', italic: true, bold: true },
      { text: 'b', bold: true },
      { text: '*', bold: true, mark: true },
    ]);
    const [link] = tokenize('https://x.example/\x02a_b', '', 'ascii');
    assert.strictEqual(link?.href, 'https://x.example/a_b');
  });

  test('it takes twice as long for a text twice as long', function (assert) {
    const looksAt = (text: string) =>
      countLooks(text, (characters) => {
        const parts = styling(characters);
        const all = parts.map(({ from, to }) => text.slice(from, to)).join('');
        assert.strictEqual(all, text);
      });
    for (const piece of ['*a ', ' *a', '*_~', '*a* ', '_*a', '* ', 'a*', '*']) {
      const [once, twice] = [300, 600].map((n) => looksAt(piece.repeat(n)));
      const ratio = twice! / once!;
      assert.true(ratio < 2.1, `${piece}: ${ratio.toFixed(2)}`);
    }
  });
});

module('Unit | links', function () {
  const hrefs = (text: string) =>
    linkify(text)
      .map((piece) => piece.href)
      .filter(Boolean);

  test('only http and https are links', function (assert) {
    assert.deepEqual(
      hrefs('see https://a.example/x?y=1#z and http://b.example'),
      ['https://a.example/x?y=1#z', 'http://b.example/'],
    );
    assert.deepEqual(
      hrefs('javascript:alert(1) data:text/html,x ftp://x file:///etc'),
      [],
    );
  });

  test('punctuation of the sentence is not part of a link', function (assert) {
    const links = [
      ['(https://a.example/b)', 'https://a.example/b'],
      ['https://a.example/b_(c).', 'https://a.example/b_(c)'],
      ['"https://a.example/b", he said', 'https://a.example/b'],
      ['https://a.example/b!?', 'https://a.example/b'],
      ['<https://a.example/b>', 'https://a.example/b'],
    ];
    for (const [text, href] of links)
      assert.deepEqual(hrefs(text!), [href], text);
  });

  test('what stands around a link stays', function (assert) {
    const text = 'a https://x.example, b #chan! c #12 d';
    const pieces = linkify(text);
    assert.strictEqual(pieces.map((piece) => piece.text).join(''), text);
    assert.deepEqual(
      pieces.filter((piece) => piece.channel).map((piece) => piece.channel),
      ['#chan'],
    );
  });

  test('an address ends where taking one off after the other ends', function (assert) {
    /** Removes punctuation, or one bracket, until nothing more is removed. */
    const taken = (address: string): number => {
      const rest = address.replace(/[.,:;!?'"*_~]+$/, '');
      const last = rest.at(-1) ?? '';
      const open = { ')': '(', ']': '[', '}': '{' }[last];
      const surplus = open && rest.split(last).length > rest.split(open).length;
      const next = surplus ? rest.slice(0, -1) : rest;
      return next === address ? address.length : taken(next);
    };
    let seed = 7;
    const next = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 8;
    const signs = '()[]{}.,:;!?\'"*_~/a';
    const different: string[] = [];
    for (let i = 0; i < 5000; i++) {
      let address = 'http://x/';
      for (let j = next() % 12; j > 0; j--) {
        address += signs[next() % signs.length];
      }
      if (endOf(address) !== taken(address)) different.push(address);
    }
    assert.deepEqual(different, []);
    assert.strictEqual(endOf(''), 0);
  });

  test('it takes twice as long for an address twice as long', function (assert) {
    const shapes: ((n: number) => string)[] = [
      (n) => `${'.'.repeat(0.6 * n)}a${')'.repeat(0.4 * n)}`,
      (n) => ')'.repeat(n),
      (n) => `${'.'.repeat(n)}a`,
      (n) => `${'('.repeat(n)}${')'.repeat(n)}`,
      (n) => '.)'.repeat(n),
    ];
    for (const shape of shapes) {
      const [once, twice] = [300, 600].map((n) =>
        countLooks(`http://x/${shape(n)}`, endOf),
      );
      const ratio = twice! / once!;
      assert.true(ratio < 2.1, `${shape(5)}: ${ratio.toFixed(2)}`);
    }
    // Quadratic behaviour would take minutes; a more precise measurement would measure the machine.
    const long = shapes.map((shape) => `http://x/${shape(50_000)}`).join(' ');
    const began = performance.now();
    assert.strictEqual(
      linkify(long)
        .map(({ text }) => text)
        .join(''),
      long,
    );
    const took = performance.now() - began;
    assert.true(took < 10_000, `${took.toFixed(0)} ms`);
  });

  test('an address that is none is text', function (assert) {
    assert.deepEqual(hrefs('https:// http://[ https://%'), []);
  });
});

module('Unit | mentions', function () {
  test('a nickname counts as a word of its own', function (assert) {
    for (const text of ['bob: hi', 'hi Bob!', '@bob', '(bob)', 'x, bob']) {
      assert.true(isMention(text, 'bob', 'rfc1459'), text);
    }
    for (const text of ['bobby', 'kabob', 'bob-two', 'bob_', '']) {
      assert.false(isMention(text, 'bob', 'rfc1459'), text);
    }
    assert.true(
      isMention('\x02bob\x02: hi', 'bob', 'rfc1459'),
      'through formatting',
    );
    assert.false(isMention('anything', '', 'rfc1459'));
  });

  test('a mention inside a link is no mention', function (assert) {
    const marked = tokenize(
      'https://x.example/bob bob',
      'bob',
      'rfc1459',
    ).filter((token) => token.mention);
    assert.strictEqual(marked.length, 1);
  });

  test('inline code is not looked into', function (assert) {
    assert.deepEqual(tokenize('run `https://x.example` now', '', 'rfc1459'), [
      { text: 'run ' },
      { text: '`', mark: true },
      { text: 'https://x.example', code: true },
      { text: '`', mark: true },
      { text: ' now' },
    ]);
  });
});
