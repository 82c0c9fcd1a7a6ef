/** Converts a network form to what the server accepts: the fields are those that the platform describes. */

import { channelTyped } from './conversations.ts';
import type {
  ConnectionField,
  Conversations,
  NewConnection,
  PlatformDescriptor,
} from './protocol.ts';

/** The most lines of a field that takes several. */
const MAX_LINES = 10;

/** Reads channels that were typed, separated by commas. */
export function readChannels(typed: string, names: Conversations): string[] {
  return typed
    .split(',')
    .map((channel) => channel.trim().replace(/\s+/g, ' '))
    .filter(Boolean)
    .map((channel) => channelTyped(channel, names));
}

/** The fields that a form asks for, in rows: related ones are side by side. */
export function rowsOf(platform: PlatformDescriptor): ConnectionField[][] {
  const rows: ConnectionField[][] = [];
  for (const field of platform.fields.filter(({ unasked }) => !unasked)) {
    const row = rows.at(-1);
    const before = row?.length === 1 ? row[0]?.kind : undefined;
    const together =
      (before === 'host' && field.kind === 'port') ||
      (before === 'own-name' && field.kind === 'secret');
    if (row && together) row.push(field);
    else rows.push([field]);
  }
  return rows;
}

/** Stored encrypted and never shown again. */
export function isSecret({ kind }: ConnectionField): boolean {
  return kind === 'secret' || kind === 'secret-lines';
}

/** A field's value if left empty, depending on the flags. */
export function defaultOf(
  { default: usual, unless }: ConnectionField,
  isTicked: (flag: string) => boolean,
): string | number | boolean | undefined {
  return unless && !isTicked(unless.flag) ? unless.default : usual;
}

/** Parses the form; returns a sentence if something in it is invalid. */
export function readNetworkForm(
  form: FormData,
  platform: PlatformDescriptor,
): NewConnection | string {
  const typed = (name: string) => (form.get(name) as string | null) ?? '';
  const read: NewConnection = { platform: platform.id };
  const name = typed('name').trim();
  if (name) read.name = name;
  for (const field of platform.fields.filter(({ unasked }) => !unasked)) {
    // A password is used exactly as typed.
    const text =
      field.kind === 'secret'
        ? typed(field.name)
        : typed(field.name).replaceAll('\r', '').trim();
    if (field.kind === 'flag') {
      read[field.name] = form.get(field.name) !== null;
    } else if (field.kind === 'channels') {
      read[field.name] = readChannels(text, platform.conversations);
    } else if (isSecret(field) && field.name !== 'password' && text === '-') {
      read[field.name] = null;
    } else if (text) {
      const wrong = whatIsWrong(field, text);
      if (wrong) return wrong;
      read[field.name] = field.kind === 'port' ? Number(text) : text;
      for (const flag of field.implies ?? []) read[flag] = true;
    } else if (field.required) {
      const example = field.placeholder;
      return `${field.label} is missing${example ? `: type one, for example ${example}` : ''}.`;
    }
  }
  return read;
}

/** What a text cannot be, one sentence; whatever is not noticed here the server says. */
export function whatIsWrong(
  field: ConnectionField,
  text: string,
): string | undefined {
  switch (field.kind) {
    case 'host':
      return /[\s/@]/.test(text)
        ? `"${text}" is not a host name: no spaces, "/" or "@".`
        : undefined;
    case 'port':
      return /^\d{1,5}$/.test(text) &&
        Number(text) >= 1 &&
        Number(text) <= 65_535
        ? undefined
        : `"${text}" is not a port: use a number from 1 to 65535.`;
    case 'own-name':
    case 'word': {
      const { without = '', begins_without: begin = '' } = field;
      const odd =
        [...text].some((char) => /\s/.test(char) || without.includes(char)) ||
        begin.includes(text.charAt(0));
      return odd
        ? `${field.label} "${text}" is not valid: ${field.expected ?? 'it has no spaces'}.`
        : undefined;
    }
    case 'secret-lines': {
      const lines = text.split('\n');
      if (lines.length > MAX_LINES) {
        return `${field.label} has ${lines.length} lines; ${MAX_LINES} are allowed.`;
      }
      const odd = lines.findIndex((line) =>
        /^\/?(quote |raw )?quit\b/i.test(line),
      );
      return odd >= 0
        ? `${field.label}: line ${odd + 1} would end the connection.`
        : undefined;
    }
    default:
      return undefined;
  }
}
