/** Input in the composer: messages and slash commands. */

import type { Network, Room, RoomKind } from './chat/types.ts';
import { channelTyped, isChannel } from './conversations.ts';
import { keyword } from './lower.ts';
import type { Conversations, Feature } from './protocol.ts';

/** The actions available to commands, implemented by `ActionsService`; buttons and keys use the same ones. */
export interface CommandActions {
  say(room: Room, kind: 'message' | 'action', text: string): void;
  /**
   * Sends a message to a channel or person, and opens the conversation. Returns a sentence if there is no such
   * channel.
   */
  message(network: Network, to: string, text: string): string;
  notice(network: Network, to: string, text: string): Promise<unknown>;
  join(network: Network, channel: string, key?: string): Promise<unknown>;
  part(network: Network, name: string, reason: string): Promise<unknown>;
  nick(network: Network, nick: string): Promise<unknown>;
  topicOf(network: Network, channel: string): string;
  setTopic(network: Network, channel: string, text: string): Promise<unknown>;
  invite(network: Network, nick: string, channel: string): Promise<unknown>;
  away(network: Network, text: string): Promise<unknown>;
  whois(network: Network, nick: string): Promise<string>;
  setEnabled(networkId: string, enabled: boolean): Promise<unknown>;
  help(): void;
  /** Returns the kind of an open room, by its name. */
  kindOf(network: Network, name: string): RoomKind | undefined;
}

/** Where something was typed. */
export interface Here {
  network: Network;
  room: Room;
}

/**
 * The result of a command: nothing, a sentence saying why it was not attempted, or work in progress. If the work
 * resolves with a sentence, that is shown in the room where the command was typed; so is the reason for a failure.
 */
export type Outcome = void | string | Promise<unknown>;

/** The context that the meaning of the input depends on. */
export interface Place {
  network: Pick<Network, 'name' | 'conversations' | 'supports'>;
  room: Pick<Room, 'name' | 'kind'>;
  /** Returns the kind of an open room, by its name. */
  kindOf(name: string): RoomKind | undefined;
}

/** A command's arguments as typed, in a room. */
interface Typed {
  room: Place['room'];
  /** Which names are names of what. */
  names: Conversations;
  /** Returns whether a name is a channel's: for an open room by its kind, otherwise by the form of the name. */
  isChannel: (name: string) => boolean;
  /** Everything after the name. */
  all: string;
  /** The first word, and everything after it. */
  first: string;
  after: string;
  /** The words after the first one. */
  more: string[];
}

/** A slash command: its syntax and description, how its arguments are parsed, and what it does. */
interface Definition<Args extends object> {
  usage: string;
  does: string;
  aliases?: readonly string[];
  /** If the platform does not support this, the command is neither offered nor recognised. */
  needs?: keyof typeof NEEDED;
  /** Returns a sentence if the arguments are invalid, undefined if something is missing. */
  read(typed: Typed): Args | string | undefined;
  run(actions: CommandActions, here: Here, args: Args): Outcome;
}

/** Infers the arguments' type from `read`. */
function command<Args extends object>(
  definition: Definition<Args>,
): Definition<Args> {
  return definition;
}

/** What commands need, in words. */
const NEEDED = {
  channels: 'channels',
  topics: 'topics',
} as const satisfies Partial<Record<Feature, string>>;

const NOWHERE =
  "Nobody reads this: it's the network itself. Join a channel with /join #channel.";

/** Every slash command by its name. Help, completion and the composer are derived from it. */
export const COMMANDS = {
  away: command({
    usage: '/away [text]',
    does: 'Sets you away. Without a text you are back.',
    read: ({ all }) => ({ text: all }),
    run: async (actions, { network }, { text }) => {
      await actions.away(network, text);
      return text ? `You are away: ${text}` : 'You are back.';
    },
  }),
  help: command({
    usage: '/help',
    does: 'Shows this list.',
    read: () => ({}),
    run: (actions) => actions.help(),
  }),
  invite: command({
    usage: '/invite nick [#channel]',
    does: 'Invites someone to a channel.',
    needs: 'channels',
    read: ({ first, more: [channel], names, room, isChannel }) => {
      if (!first) return undefined;
      if (channel !== undefined) {
        // Where channels have no prefix, any word can be one.
        if (isChannel(channel) || !names.channels)
          return { nick: first, channel };
      } else if (room.kind === 'channel') {
        return { nick: first, channel: room.name };
      }
      return `Say which channel: /invite ${first} ${names.usual}channel.`;
    },
    run: async (actions, { network }, { nick, channel }) => {
      await actions.invite(network, nick, channel);
      return `${nick} is invited to ${channel}.`;
    },
  }),
  join: command({
    usage: '/join #channel [key]',
    does: 'Joins or creates a channel.',
    aliases: ['j'],
    needs: 'channels',
    read: ({ all, first, more, names }) => {
      if (!first) return undefined;
      const channel = channelTyped(first, names);
      if (more.length > 1) {
        return `"${all}" is more than a channel and its password. Channel names can't contain spaces.`;
      }
      if (channel.includes(',')) {
        return `"${channel}" can't be a channel name. Join one channel at a time, without commas.`;
      }
      const [key] = more;
      return key ? { channel, key } : { channel };
    },
    run: (actions, { network }, args: { channel: string; key?: string }) =>
      actions.join(network, args.channel, args.key),
  }),
  me: command({
    usage: '/me text',
    does: 'Describes what you are doing.',
    read: ({ all, room }) => {
      if (!all) return undefined;
      return room.kind === 'server' ? NOWHERE : { text: all };
    },
    run: (actions, { room }, { text }) => actions.say(room, 'action', text),
  }),
  msg: command({
    usage: '/msg nick [text]',
    does: 'Messages someone directly.',
    aliases: ['query'],
    read: ({ first, after }) =>
      first ? { to: first, text: after } : undefined,
    run: (actions, { network }, { to, text }) =>
      actions.message(network, to, text),
  }),
  nick: command({
    usage: '/nick name',
    does: 'Changes your nickname.',
    read: ({ all, first, more }) => {
      if (!first) return undefined;
      return more.length
        ? `A nickname is one word; "${all}" is ${more.length + 1}.`
        : { nick: first };
    },
    run: (actions, { network }, { nick }) => actions.nick(network, nick),
  }),
  notice: command({
    usage: '/notice name text',
    does: 'Sends a notice.',
    read: ({ first, after }) =>
      first && after ? { to: first, text: after } : undefined,
    run: (actions, { network }, { to, text }) =>
      actions.notice(network, to, text),
  }),
  part: command({
    usage: '/part [#channel] [reason]',
    does: 'Leaves a channel or closes a direct conversation.',
    aliases: ['leave'],
    read: ({ all, first, after, isChannel, room }) => {
      if (isChannel(first)) return { channel: first, reason: after };
      return room.kind === 'server'
        ? NOWHERE
        : { channel: room.name, reason: all };
    },
    run: (actions, { network }, { channel, reason }) =>
      actions.part(network, channel, reason),
  }),
  quit: command({
    usage: '/quit',
    does: 'Disconnects this network.',
    read: () => ({}),
    run: (actions, { network }) => actions.setEnabled(network.id, false),
  }),
  topic: command({
    usage: '/topic [text]',
    does: 'Sets or shows the topic of this channel.',
    needs: 'topics',
    read: ({ all, first, after, isChannel, names, room }) => {
      // Without a prefix, the first word is part of the topic, even if a channel has that name.
      const named = isChannel(first) && names.channels !== '';
      const channel = named ? first : room.name;
      const text = named ? after : all;
      if (!named && room.kind !== 'channel') {
        return 'Only channels have a topic; use /topic in a channel.';
      }
      return text ? { channel, text } : { channel };
    },
    run: (actions, { network }, args: { channel: string; text?: string }) => {
      const { channel, text } = args;
      if (text !== undefined) return actions.setTopic(network, channel, text);
      const topic = actions.topicOf(network, channel);
      return Promise.resolve(
        topic ? `Topic of ${channel}: ${topic}` : `${channel} has no topic.`,
      );
    },
  }),
  whois: command({
    usage: '/whois nick',
    does: 'Shows who someone is.',
    aliases: ['w'],
    read: ({ first, room }) => {
      if (first) return { nick: first };
      return room.kind === 'direct' ? { nick: room.name } : undefined;
    },
    run: (actions, { network }, { nick }) => actions.whois(network, nick),
  }),
};

type Table = typeof COMMANDS;
export type CommandName = keyof Table;
type Args<Name extends CommandName> =
  Table[Name] extends Definition<infer A> ? A : never;

/** The parsed input. */
export type Command =
  | { kind: 'say'; text: string }
  | { kind: 'error'; sentence: string }
  | { [Name in CommandName]: { kind: Name } & Args<Name> }[CommandName];

/** Names and aliases. */
const NAMES = new Map<string, CommandName>(
  (Object.keys(COMMANDS) as CommandName[]).flatMap((name) => {
    const { aliases = [] } = COMMANDS[name];
    return [name, ...aliases].map((known) => [known, name] as const);
  }),
);

/** A definition whose arguments are those returned by its own `read`. */
function definition(name: CommandName): Definition<object> {
  return COMMANDS[name];
}

/** Returns the names of the commands that are available on a network. */
export function commandsOf({ supports }: Pick<Network, 'supports'>) {
  return (Object.keys(COMMANDS) as CommandName[]).filter((name) => {
    const { needs } = definition(name);
    return !needs || supports.includes(needs);
  });
}

/** Parses input in a room. */
export function parseCommand(input: string, place: Place): Command {
  const { network, room } = place;
  if (!input.startsWith('/')) return say(input, room);
  if (input.startsWith('//')) return say(input.slice(1), room);
  const [, typed = '', rest = ''] = /^\/(\S*)\s*([\s\S]*)$/.exec(input) ?? [];
  const name = NAMES.get(keyword(typed));
  if (!name) {
    return refused(
      `There is no command "/${typed}"; /help lists them all. To send a text that begins with a slash, write "//".`,
    );
  }
  const understood = definition(name);
  const { needs } = understood;
  if (needs && !network.supports.includes(needs)) {
    return refused(
      `/${name} makes no sense here: ${network.name} has no ${NEEDED[needs]}.`,
    );
  }
  const names = network.conversations;
  const named = (channel: string) => {
    const open = channel && place.kindOf(channel);
    return open ? open === 'channel' : isChannel(channel, names);
  };
  const all = rest.trim();
  const [first = '', ...more] = all.split(/\s+/);
  const after = all.slice(first.length).trim();
  const args = understood.read({
    room,
    names,
    isChannel: named,
    all,
    first,
    after,
    more,
  });
  if (args === undefined)
    return refused(`/${name} needs more: ${understood.usage}.`);
  if (typeof args === 'string') return refused(args);
  return { kind: name, ...args } as Command;
}

/** Carries out the input. */
export function carryOut(
  actions: CommandActions,
  here: Here,
  input: string,
): Outcome {
  const { network, room } = here;
  const kindOf = (name: string) => actions.kindOf(network, name);
  const read = parseCommand(input, { network, room, kindOf });
  if (read.kind === 'error') return read.sentence;
  if (read.kind === 'say') return actions.say(room, 'message', read.text);
  return definition(read.kind).run(actions, here, read);
}

function say(text: string, room: Place['room']): Command {
  return room.kind === 'server' ? refused(NOWHERE) : { kind: 'say', text };
}

function refused(sentence: string): Command {
  return { kind: 'error', sentence };
}
