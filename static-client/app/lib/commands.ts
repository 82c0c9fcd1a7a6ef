/** What is typed into the composer: messages and slash commands. */

import { isChannel } from './casemapping.ts';
import { keyword } from './lower.ts';

export type Command =
  | { kind: 'say'; text: string }
  | { kind: 'me'; text: string }
  | { kind: 'notice'; to: string; text: string }
  | { kind: 'join'; channel: string; key?: string }
  | { kind: 'part'; channel: string; reason: string }
  | { kind: 'msg'; to: string; text: string }
  | { kind: 'nick'; nick: string }
  | { kind: 'topic'; channel: string; text?: string }
  | { kind: 'invite'; nick: string; channel: string }
  | { kind: 'away'; text: string }
  | { kind: 'whois'; nick: string }
  | { kind: 'quit' }
  | { kind: 'help' }
  | { kind: 'error'; sentence: string };

export interface CommandHelp {
  usage: string;
  does: string;
}

export const COMMANDS: Record<string, CommandHelp> = {
  away: {
    usage: '/away [text]',
    does: 'Marks you as away; without a text you are back.',
  },
  help: { usage: '/help', does: 'Shows this list.' },
  invite: {
    usage: '/invite nick [#channel]',
    does: 'Asks somebody into a channel.',
  },
  join: {
    usage: '/join #channel [key]',
    does: 'Joins a channel, or makes it.',
  },
  me: { usage: '/me text', does: 'Says what you are doing.' },
  msg: {
    usage: '/msg nick [text]',
    does: 'Talks to somebody directly.',
  },
  nick: { usage: '/nick name', does: 'Changes your nickname.' },
  notice: { usage: '/notice name text', does: 'Sends a notice.' },
  part: {
    usage: '/part [#channel] [reason]',
    does: 'Leaves a channel, or closes a direct conversation.',
  },
  quit: { usage: '/quit', does: 'Disconnects this network.' },
  topic: {
    usage: '/topic [text]',
    does: 'Sets the topic of this channel, or shows it.',
  },
  whois: { usage: '/whois nick', does: 'Tells who somebody is.' },
};

const ALIASES: Record<string, string> = {
  j: 'join',
  leave: 'part',
  query: 'msg',
  w: 'whois',
};

/** Reads what was typed in a room (a channel or a nickname; `*` is the network itself). */
export function parseCommand(input: string, room: string): Command {
  if (input.startsWith('//')) return say(input.slice(1), room);
  if (!input.startsWith('/')) return say(input, room);
  const [, typed = '', rest = ''] = /^\/(\S*)\s*([\s\S]*)$/.exec(input) ?? [];
  const lower = keyword(typed);
  const name = ALIASES[lower] ?? lower;
  const [first = '', ...more] = rest.trim().split(/\s+/);
  const after = rest.trim().slice(first.length).trim();
  const usage = (): Command => ({
    kind: 'error',
    sentence: `/${name} needs more: ${COMMANDS[name]?.usage}.`,
  });

  switch (name) {
    case 'help':
      return { kind: 'help' };
    case 'quit':
      return { kind: 'quit' };
    case 'me':
      if (!rest.trim()) return usage();
      return nowhere(room) ?? { kind: 'me', text: rest.trim() };
    case 'away':
      return { kind: 'away', text: rest.trim() };
    case 'join': {
      if (!first) return usage();
      const channel = isChannel(first) ? first : `#${first}`;
      if (more.length > 1) {
        return {
          kind: 'error',
          sentence: `"${rest.trim()}" is more than a channel and its key; the name of a channel has no spaces.`,
        };
      }
      if (channel.includes(',')) {
        return {
          kind: 'error',
          sentence: `"${channel}" cannot be the name of a channel: join one channel at a time, without commas.`,
        };
      }
      return { kind: 'join', channel, ...(more[0] ? { key: more[0] } : {}) };
    }
    case 'part':
      if (isChannel(first)) {
        return { kind: 'part', channel: first, reason: after };
      }
      return (
        nowhere(room) ?? { kind: 'part', channel: room, reason: rest.trim() }
      );
    case 'msg':
      if (!first) return usage();
      return { kind: 'msg', to: first, text: after };
    case 'notice':
      if (!first || !after) return usage();
      return { kind: 'notice', to: first, text: after };
    case 'nick':
      if (!first) return usage();
      if (more.length) {
        return {
          kind: 'error',
          sentence: `A nickname is one word; "${rest.trim()}" is ${more.length + 1}.`,
        };
      }
      return { kind: 'nick', nick: first };
    case 'topic': {
      const named = isChannel(first);
      const channel = named ? first : room;
      const text = named ? after : rest.trim();
      if (!isChannel(channel)) {
        return {
          kind: 'error',
          sentence: 'Only channels have a topic; use /topic in a channel.',
        };
      }
      return { kind: 'topic', channel, ...(text ? { text } : {}) };
    }
    case 'invite': {
      if (!first) return usage();
      const channel = more[0] ?? room;
      if (!isChannel(channel)) {
        return {
          kind: 'error',
          sentence: `Say which channel: /invite ${first} #channel.`,
        };
      }
      return { kind: 'invite', nick: first, channel };
    }
    case 'whois':
      if (!first && (isChannel(room) || room === '*')) return usage();
      return { kind: 'whois', nick: first || room };
    default:
      return {
        kind: 'error',
        sentence: `There is no command "/${typed}"; /help lists them all. To send a text that begins with a slash, write "//".`,
      };
  }
}

function say(text: string, room: string): Command {
  return nowhere(room) ?? { kind: 'say', text };
}

function nowhere(room: string): Command | undefined {
  if (room !== '*') return undefined;
  return {
    kind: 'error',
    sentence:
      'Nobody reads here: this is the network itself. Join a channel with /join #channel.',
  };
}
