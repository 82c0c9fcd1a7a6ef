/** What was typed about a network, to what the server takes. */

import type { NewConnection } from './protocol.ts';
import { isChannel } from './casemapping.ts';

/** Reads channels that were typed, separated by commas. */
export function readChannels(typed: string): string[] {
  return typed
    .split(',')
    .map((channel) => channel.trim().replace(/\s+/g, ' '))
    .filter(Boolean)
    .map((channel) => (isChannel(channel) ? channel : `#${channel}`));
}

/** Reads the form; answers a sentence if something in it cannot be meant. */
export function readNetworkForm(form: FormData): NewConnection | string {
  const text = (name: string) =>
    ((form.get(name) as string | null) ?? '').trim();
  const host = text('host');
  if (!host)
    return 'Type the host of the network, for example irc.libera.chat.';
  if (/[\s/@]/.test(host)) {
    return `"${host}" is no host: it has no spaces, no "/" and no "@".`;
  }
  const port = text('port');
  if (
    port &&
    !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)
  ) {
    return `"${port}" is no port: it is a number from 1 to 65535.`;
  }
  const nick = text('nick');
  if (nick && /[\s,@!#&]/.test(nick)) {
    return `"${nick}" cannot be a nickname: it has no spaces and none of , @ ! # &.`;
  }
  const channels = readChannels(text('channels'));
  // A password is taken as it was typed.
  const password = (form.get('password') as string | null) ?? '';
  return {
    platform: 'irc',
    host,
    secure: form.get('secure') !== null,
    without_account: form.get('without_account') !== null,
    channels,
    ...(text('name') ? { name: text('name') } : {}),
    ...(port ? { port: Number(port) } : {}),
    ...(nick ? { nick } : {}),
    ...(password ? { password, sasl: true } : {}),
  };
}
