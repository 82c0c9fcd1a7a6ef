/** The response to `/whois`, in words. */

import type { WhoisObject } from './protocol-activities.ts';

export function describeWhois(
  whois: WhoisObject | undefined,
  asked: string,
): string {
  if (!whois) return `Nothing is known about ${asked}.`;
  const nick = whois.nick ?? asked;
  const parts = [
    `${nick} is ${whois.realname || nick} (${whois.username ?? '?'}@${whois.host ?? '?'})`,
    whois.account && `signed in as ${whois.account}`,
    whois.channels?.length && `in ${whois.channels.join(' ')}`,
    whois.secure && 'over an encrypted connection',
    whois.away !== undefined && `away${whois.away ? ` (${whois.away})` : ''}`,
    whois.idle !== undefined && `idle for ${duration(whois.idle)}`,
  ];
  return `${parts.filter(Boolean).join(', ')}.`;
}

/** Seconds in the largest suitable unit. */
export function duration(seconds: number): string {
  const units: [number, string][] = [
    [86_400, 'day'],
    [3600, 'hour'],
    [60, 'minute'],
    [1, 'second'],
  ];
  const [size, unit] = units.find(([size]) => seconds >= size) ?? [1, 'second'];
  const count = Math.floor(seconds / size);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
