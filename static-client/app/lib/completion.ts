/** Tab completion in the composer: nicknames, channels, commands, emoji. */

import { fold, type Casemapping } from './casemapping.ts';
import { signOf } from './conversations.ts';
import { emojiFor } from './emoji.ts';
import type { Conversations } from './protocol.ts';

export interface Completable {
  /** How the network compares names. */
  casemapping: Casemapping;
  /** How channel names begin there. */
  conversations: Conversations;
  /** Most recent speakers first, then the others. */
  nicks: readonly string[];
  channels: readonly string[];
  commands: readonly string[];
}

export interface Completion {
  /** Where the completed word begins. */
  start: number;
  candidates: string[];
}

const SPACE = /\s/;

/** Finds completions for the word before the caret. */
export function complete(
  text: string,
  caret: number,
  what: Completable,
): Completion | undefined {
  const before = text.slice(0, caret);
  let start = before.length;
  while (start > 0 && !SPACE.test(before[start - 1]!)) start -= 1;
  const word = before.slice(start);
  if (!word) return undefined;
  const begins = (name: string, prefix: string) =>
    fold(name, what.casemapping).startsWith(fold(prefix, what.casemapping));
  let candidates: string[];
  if (start === 0 && word.startsWith('/')) {
    candidates = what.commands
      .filter((name) => begins(name, word.slice(1)))
      .map((name) => `/${name} `);
  } else if (word.startsWith(':') && emojiFor(word).length) {
    candidates = emojiFor(word).map((emoji) => `${emoji} `);
  } else if (signOf(word, what.conversations)) {
    candidates = what.channels
      .filter((name) => begins(name, word))
      .map((name) => `${name} `);
  } else {
    const prefix = word.startsWith('@') ? word.slice(1) : word;
    if (!prefix) return undefined;
    candidates = what.nicks
      .filter((nick) => begins(nick, prefix))
      .map((nick) => (start === 0 ? `${nick}: ` : `${nick} `));
    // Without a prefix, a channel is a word like any other.
    if (!what.conversations.channels) {
      const channels = what.channels.filter((name) => begins(name, word));
      candidates.push(...channels.map((name) => `${name} `));
    }
  }
  candidates = [...new Set(candidates)];
  return candidates.length ? { start, candidates } : undefined;
}

/** Steps through the candidates on repeated Tab. */
export class Completer {
  #current?: { start: number; end: number; candidates: string[]; at: number };

  /** Drops the candidates, because the text was changed in another way. */
  reset() {
    this.#current = undefined;
  }

  /** Returns the text and caret after a Tab, or undefined if there is nothing to complete. */
  next(
    text: string,
    caret: number,
    what: Completable,
    backwards = false,
  ): { text: string; caret: number } | undefined {
    let current = this.#current;
    if (current) {
      const step = backwards ? current.candidates.length - 1 : 1;
      current.at = (current.at + step) % current.candidates.length;
    } else {
      const found = complete(text, caret, what);
      if (!found) return undefined;
      current = { ...found, end: caret, at: 0 };
      this.#current = current;
    }
    const word = current.candidates[current.at]!;
    const completed = text.slice(0, current.start) + word;
    const rest = text.slice(current.end).replace(/^ /, '');
    current.end = completed.length;
    return { text: completed + rest, caret: completed.length };
  }
}
