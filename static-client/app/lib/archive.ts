/** Chat archives in remoteStorage, format `chat-messages`: paths, and conversion of documents to entries. */

import { same } from './casemapping.ts';
import type { Entry, EntryKind, Network, RoomKind } from './chat/types.ts';
import { isArchiveDay } from './days.ts';
import { isEmoji, type Relation } from './chat/relations.ts';
import { hostKey } from './lower.ts';
import { isMention } from './text/tokens.ts';

function encode(name: string, special: string): string {
  if (name === '.' || name === '..') return name.replaceAll('.', '%2E');
  let out = '';
  for (const char of name) {
    out +=
      special.includes(char) || char === '\0'
        ? `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
        : char;
  }
  return out;
}

/**
 * The folder of a channel's or a person's archive, below the storage root. The format omits the `#` of a channel that
 * has one, whatever the platform.
 */
export function archiveFolder(
  server: string,
  name: string,
  kind: RoomKind,
): string {
  const base = `/chat-messages/${encode(hostKey(server), '/')}`;
  if (kind !== 'channel') return `${base}/users/${encode(name, '/%')}/`;
  const single = /^#(?![#&+!])/.test(name);
  const item = single ? encode(name.slice(1), '/%') : encode(name, '/%#&+!');
  return `${base}/channels/${item}/`;
}

/** The folder that lists the people the account has exchanged direct messages with. */
export function peopleFolder(server: string): string {
  return `/chat-messages/${encode(hostKey(server), '/')}/users/`;
}

/** Parses a nickname from the name of an item in that folder. */
export function decodeItem(item: string): string {
  try {
    return decodeURIComponent(item.replace(/\/$/, ''));
  } catch {
    return item.replace(/\/$/, '');
  }
}

export interface ArchiveDay {
  day: string;
  previous: string | undefined;
  entries: Entry[];
  /** What is about messages, of this day or an earlier one. */
  relations: Relation[];
}

/** Whatever is of another type is shown as its text. */
const KINDS: ReadonlyMap<string, EntryKind> = new Map([
  ['text', 'message'],
  ['action', 'action'],
  ['notice', 'notice'],
  ['join', 'join'],
  ['leave', 'leave'],
  ['topic', 'topic'],
  ['nick', 'nick'],
]);

/** Parses the last day from a `meta` document. */
export function parseMeta(value: unknown): string | undefined {
  const last = record(value)?.['last'];
  return isArchiveDay(last) ? last : undefined;
}

/** The archive's owner, and how the network compares names. */
export type Reader = Pick<Network, 'nick' | 'casemapping'>;

/** Parses a day's document; unreadable parts are skipped. */
export function parseDay(
  value: unknown,
  reader: Reader,
  direct: boolean,
): ArchiveDay | undefined {
  const today = dayOf(value);
  if (!today) return undefined;
  const messages = Array.isArray(today['messages']) ? today['messages'] : [];
  const entries: Entry[] = [];
  const relations: Relation[] = [];
  for (const message of messages) {
    const read = record(message);
    const relation = read && toRelation(read);
    const entry = relation ? undefined : toEntry(read, reader, direct);
    if (relation) relations.push(relation);
    if (entry) entries.push(entry);
  }
  const previous = previousDay(value);
  return { day: today['@id'], previous, entries, relations };
}

/** Parses the previous day from a day's document. */
export function previousDay(value: unknown): string | undefined {
  const today = dayOf(value);
  const previous = today?.['previous'];
  return today && isArchiveDay(previous) && previous < today['@id']
    ? previous
    : undefined;
}

function dayOf(
  value: unknown,
): (Record<string, unknown> & { '@id': string }) | undefined {
  const today = record(record(value)?.['today']);
  const day = today?.['@id'];
  return today && isArchiveDay(day) ? { ...today, '@id': day } : undefined;
}

/** What an entry says about another one; nothing if it does not. */
function toRelation(message: Record<string, unknown>): Relation | undefined {
  const kind = string(message['type']);
  const [about, emoji] = [string(message['ref']), string(message['emoji'])];
  const at = message['timestamp'];
  if (kind !== 'reaction' && kind !== 'edit' && kind !== 'deletion') return;
  if (!about || typeof at !== 'number' || !Number.isFinite(at)) return;
  if (kind === 'reaction' && !isEmoji(emoji)) return;
  return {
    kind,
    about,
    from: string(message['from']),
    at,
    text: string(message['text']),
    emoji,
    removed: message['removed'] === true,
  };
}

function toEntry(
  message: Record<string, unknown> | undefined,
  { nick, casemapping }: Reader,
  direct: boolean,
): Entry | undefined {
  if (!message) return undefined;
  const at =
    typeof message['timestamp'] === 'number'
      ? message['timestamp']
      : Date.parse(string(message['date']));
  if (!Number.isFinite(at)) return undefined;
  const from = string(message['from']) || string(message['user']);
  const archived = string(message['text']);
  const kind = KINDS.get(string(message['type'])) ?? 'message';
  const own = same(from, nick, casemapping);
  const clientId = own && string(message['clientId']);
  const said = kind === 'message' || kind === 'action' || kind === 'notice';
  const replyTo = said && string(message['replyTo']);
  return {
    id: string(message['id']) || `archive:${at}:${from}:${archived}`,
    at,
    kind,
    from,
    // An event's text is a sentence for readers that do not know its type.
    ...(said
      ? { text: actionText(kind, from, archived) }
      : { text: '', sentence: archived }),
    own,
    ...(clientId ? { clientId } : {}),
    ...(replyTo ? { replyTo } : {}),
    ...(said && !archived ? { deletedBy: '' } : {}),
    mention:
      said &&
      !own &&
      ((direct && kind !== 'notice') || isMention(archived, nick, casemapping)),
  };
}

/** Some writers put `* nick ` before an action, since some readers show nothing else. */
function actionText(kind: EntryKind, from: string, text: string): string {
  const prefix = `* ${from} `;
  return kind === 'action' && text.startsWith(prefix)
    ? text.slice(prefix.length)
    : text;
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
