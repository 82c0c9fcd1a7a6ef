/** Well-known networks: a data file for each platform that has some, `networks/<platform>.json`. */

import { forSearch } from './lower.ts';

/** A network that people choose by its name. */
export interface Preset {
  /** What people call it. */
  name: string;
  /** What it is about, in some words. */
  about: string;
  /** Its own page. */
  home: string;
  /** What registers names there, if anything does. */
  accounts?: string;
  /** Whether one signs in while connecting. */
  sasl: boolean;
  /** What its connection has in the fields that the platform describes. */
  fields: Readonly<Record<string, string | number | boolean | string[]>>;
}

const FILES = import.meta.glob<Preset[]>('../../networks/*.json', {
  import: 'default',
});

/** Loads those of a platform. */
export async function presetsOf(platform: string): Promise<readonly Preset[]> {
  return (await FILES[`../../networks/${platform}.json`]?.()) ?? [];
}

/** Those that a text fits: by name first, then by what they are about and where they are. */
export function matchingPresets(
  presets: readonly Preset[],
  typed: string,
): readonly Preset[] {
  const wanted = forSearch(typed.trim());
  if (!wanted) return presets;
  const place = ({ name, about, fields }: Preset) => {
    const at = forSearch(name).indexOf(wanted);
    if (at >= 0) return at === 0 ? 0 : 1;
    const rest = `${about} ${Object.values(fields).join(' ')}`;
    return forSearch(rest).includes(wanted) ? 2 : 3;
  };
  return [0, 1, 2].flatMap((at) =>
    presets.filter((preset) => place(preset) === at),
  );
}
